/* SPDX-License-Identifier: MIT */
/* kuni recontact: who of a release is to be asked again, by what they carry. */
#include <stdio.h>

#include "command.h"
#include "complain.h"
#include "recontact.h"
#include "team.h"
#include "transport.h"

typedef struct request {
    const char *workflow, *out, *features;
    kuni_texts variants, names;
    double max_af;
} request;

static const kuni_option options[] = {
    {"workflow", 'w', "FILE", NULL, "workflow of the dataset that the release was made of",
     KUNI_BIND_TEXT(request, workflow, KUNI_COMPLETES_WORKFLOW)},
    {"out", 'o', "FOLDER", NULL, "for a file a custodian; it must not stand there yet",
     KUNI_BIND_TEXT(request, out, KUNI_COMPLETES_FOLDER)},
    {"variant", 'v', "CHR-POS-REF-ALT", NULL, "who carries it, however it is written; repeatable",
     KUNI_BIND_TEXTS(request, variants, KUNI_COMPLETES_NOTHING)},
    {"features", 0, "FILE", NULL, "BED or GFF3 that tells where features are",
     KUNI_BIND_TEXT(request, features, KUNI_COMPLETES_FILE)},
    {"feature", 'f', "NAME", NULL, "who carries something in it; repeatable",
     KUNI_BIND_TEXTS(request, names, KUNI_COMPLETES_NOTHING)},
    {"max-af", 0, "FRACTION", "1", "leave out alleles that are more frequent in the release",
     KUNI_BIND_FLOAT(request, max_af, 0, 1)},
    KUNI_OPTIONS_END,
};

static void set_defaults(void *given)
{
    ((request *)given)->max_af = 1;
}

static void print(const kuni_recontact_result *r)
{
    printf("release '%s' to %s: %zu people, of generation %lld; looked at generation %lld\n",
           r->name, r->recipient, r->members, (long long)r->released, (long long)r->generation);
    printf("  alleles found              %zu\n", r->alleles);
    printf("  carriers                   %zu\n", r->carriers);
    printf("  listed                     %zu, in %zu files\n", r->listed, r->files);
    printf("  not listed: not agreed     %zu\n", r->not_agreed);
    printf("  not listed: no custodian   %zu\n", r->no_custodian);
    printf("  not looked at: withdrawn   %zu\n", r->withdrawn);
    printf("  not looked at: not in the call set any more  %zu\n", r->gone);
}

static const char *what_lacks(const request *r)
{
    return !r->workflow                    ? "--workflow FILE is missing"
           : !r->out                       ? "--out FOLDER is missing"
           : !r->variants.n && !r->names.n ? "--variant or --feature is missing"
           : r->names.n && !r->features    ? "--feature NAME needs --features FILE"
           : r->features && !r->names.n    ? "--features FILE needs --feature NAME"
                                           : NULL;
}

static int run(const kuni_call *call)
{
    const request *r = call->options;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_buffer faults = KUNI_BUFFER_INIT;
    kuni_recontact_result result = {.members = 0};
    const char *lacks = what_lacks(r);
    if (lacks) return kuni_command_complain(KUNI_USAGE, "recontact: %s", lacks);
    const kuni_recontact_request wanted = {.release = call->words[0],
                                           .workflow = r->workflow,
                                           .variants = r->variants.texts,
                                           .n_variants = r->variants.n,
                                           .features = r->features,
                                           .names = r->names.texts,
                                           .n_names = r->names.n,
                                           .max_af = r->max_af,
                                           .out = r->out};
    kuni_status status = kuni_team_join(&err);
    if (status) return kuni_command_fail(&err);
    status = kuni_recontact(&wanted, &result, &faults, &err);
    bool leads = kuni_transport_rank() == 0;
    if (leads) kuni_command_print_faults(&faults);
    if (leads && status && !faults.length) (void)kuni_command_fail(&err);
    if (leads && !status) print(&result);
    kuni_recontact_fini(&result);
    kuni_buffer_fini(&faults);
    return kuni_team_leave(status, &err);
}

const kuni_command kuni_cmd_recontact = {
    .group = "Dataset",
    .name = "recontact",
    .summary = "lists carriers of a release for their clinics",
    .about =
        "List who of a release carries a variant, or any in a feature, by the ids that their\n"
        "custodians know: a file for each custodian, for its eyes alone, of those who have agreed "
        "to\n"
        "be asked again and have not withdrawn. The recipient gets nothing of it. The release is "
        "told\n"
        "by its release.json, or the folder; the history notes it. See docs/release.md.",
    .usage = "kuni recontact [OPTIONS] RELEASE",
    .example = "kuni recontact -w national.yaml -v chr1-55051215-G-GA -o lists acme/release.json",
    .options = options,
    .options_bytes = sizeof(request),
    .defaults = set_defaults,
    .least_words = 1,
    .most_words = 1,
    .words = KUNI_COMPLETES_FILE,
    .run = run,
};
