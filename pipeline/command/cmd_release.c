/* SPDX-License-Identifier: MIT */
/* kuni release: what a recipient gets of a dataset, by a request and by consent. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "complain.h"
#include "pseudonym.h"
#include "received.h"
#include "release_make.h"
#include "team.h"
#include "transport.h"

typedef struct request {
    bool dry_run, json;
    const char *out, *new_key, *signer, *public_key;
    int64_t jobs;
} request;

static const kuni_option options[] = {
    {"out", 'o', "FOLDER", NULL, "the release; it must not stand there yet",
     KUNI_BIND_TEXT(request, out, KUNI_COMPLETES_FOLDER)},
    {"dry-run", 'n', NULL, NULL, "tell who is eligible, who is left out and why, size and time",
     KUNI_BIND_FLAG(request, dry_run)},
    {"json", 0, NULL, NULL, "dry run: print JSON", KUNI_BIND_FLAG(request, json)},
    {"jobs", 'j', "N", "1", "processes at once, of every rank",
     KUNI_BIND_INT(request, jobs, 1, 1024)},
    {"new-key", 0, "FILE", NULL, "make a key for pseudonyms, and nothing else",
     KUNI_BIND_TEXT(request, new_key, KUNI_COMPLETES_FILE)},
    {"public-key", 0, "FILE", NULL,
     "print the public half of a key that releases are signed with, and nothing else",
     KUNI_BIND_TEXT(request, public_key, KUNI_COMPLETES_FILE)},
    {"signer", 0, "KEY", NULL, "verify: who must have signed, the public half or a file of it",
     KUNI_BIND_TEXT(request, signer, KUNI_COMPLETES_FILE)},
    KUNI_OPTIONS_END,
};

static void set_defaults(void *given)
{
    ((request *)given)->jobs = 1;
}

static int tell(kuni_status status, const kuni_buffer *faults, const kuni_error *err)
{
    kuni_command_print_faults(faults);
    if (status && !faults->length) (void)kuni_command_fail(err);
    return status;
}

static int make_key(const request *r)
{
    kuni_error err = KUNI_ERROR_INIT;
    kuni_status status = kuni_pseudonym_new_key(r->new_key, &err);
    return status ? kuni_command_fail(&err) : KUNI_OK;
}

static int print_public(const request *r)
{
    kuni_error err = KUNI_ERROR_INIT;
    kuni_pseudonym_key key = {{0}};
    char hex[KUNI_SIGNER_HEX_BYTES];
    kuni_status status = kuni_pseudonym_read_key(&key, r->public_key, &err);
    if (!status) status = kuni_signer_public(key.bytes, hex, &err);
    if (!status) puts(hex);
    key = (kuni_pseudonym_key){{0}};
    return status ? kuni_command_fail(&err) : KUNI_OK;
}

static int run_dry(const request *r, const char *path)
{
    kuni_release_plan plan;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_buffer faults = KUNI_BUFFER_INIT;
    kuni_status status = kuni_release_plan_make(&plan, path, r->out, r->jobs, &faults, &err);
    if (!status)
        status = r->json ? kuni_release_print_json(&plan, &err) : kuni_release_print(&plan, &err);
    (void)tell(status, &faults, &err);
    kuni_release_plan_fini(&plan);
    kuni_buffer_fini(&faults);
    return status;
}

static int make(const request *r, const char *path)
{
    kuni_release_plan plan;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_buffer faults = KUNI_BUFFER_INIT;
    kuni_status status = kuni_team_join(&err);
    if (status) return kuni_command_fail(&err);
    status = kuni_transport_agree(
        kuni_release_plan_make(&plan, path, r->out, r->jobs, &faults, &err), &err);
    if (!status) status = kuni_release_make(&plan, r->out, r->jobs, &faults, &err);
    if (kuni_transport_rank() == 0) (void)tell(status, &faults, &err);
    kuni_release_plan_fini(&plan);
    kuni_buffer_fini(&faults);
    return kuni_team_leave(status, &err);
}

/* --- verify: at the recipient --- */

static void tell_release(const kuni_received *r)
{
    printf("%s: release '%s' to %s, number %lld of its series: %zu files of %lld bytes are as they "
           "were "
           "released\n",
           r->folder, r->name, r->recipient, (long long)r->chain.number, r->files,
           (long long)r->bytes);
    printf("%s/release.json: BLAKE2b %s\n", r->folder, r->digest);
    if (*r->signed_by) printf("%s/release.json: signed by %s\n", r->folder, r->signed_by);
}

static kuni_status look_at(kuni_received *all, char **folders, size_t n, const char *signer,
                           kuni_buffer *faults, kuni_error *err)
{
    size_t gaps = 0;
    kuni_status worst = KUNI_OK;
    for (size_t i = 0; i < n; i++) {
        kuni_status status = kuni_received_check(&all[i], folders[i], signer, faults, err);
        if (!worst) worst = status;
        if (!status) tell_release(&all[i]);
    }
    if (worst) return worst;
    kuni_status status = kuni_received_check_series(all, n, &gaps, faults, err);
    if (!status && n > 1)
        printf("%s\n", gaps ? "they follow each other, as far as they are here: some of the series "
                              "are not"
                            : "they follow each other, from the first on");
    if (!status && !signer)
        puts("release.json itself: compare its digest with what the sender tells you by another "
             "way, or say with --signer whose signature you expect");
    return status;
}

static int verify(char **folders, int n, const char *signer)
{
    char hex[KUNI_SIGNER_HEX_BYTES];
    kuni_error err = KUNI_ERROR_INIT;
    if (signer && kuni_signer_read(signer, hex, &err)) return kuni_command_fail(&err);
    kuni_buffer faults = KUNI_BUFFER_INIT;
    kuni_received *all = kuni_alloc((size_t)n, sizeof(*all), &err);
    kuni_status status =
        all ? look_at(all, folders, (size_t)n, signer ? hex : NULL, &faults, &err) : KUNI_MEMORY;
    (void)tell(status, &faults, &err);
    for (int i = 0; i < n && all; i++) kuni_received_fini(&all[i]);
    free(all);
    kuni_buffer_fini(&faults);
    return status;
}

static int run(const kuni_call *call)
{
    const request *r = call->options;
    bool verifies = call->n_words && strcmp(call->words[0], "verify") == 0;
    if (verifies && (r->new_key || r->out || r->dry_run || r->json || r->public_key))
        return kuni_command_complain(KUNI_USAGE,
                                     "release: verify takes folders and no options but --signer");
    if (!verifies && r->signer)
        return kuni_command_complain(KUNI_USAGE, "release: --signer goes with verify alone");
    if (verifies && call->n_words == 1)
        return kuni_command_complain(KUNI_USAGE, "release: verify: an argument is missing: FOLDER");
    if (verifies) return verify(call->words + 1, call->n_words - 1, r->signer);
    if (call->n_words > 1)
        return kuni_command_complain(KUNI_USAGE,
                                     "release: unexpected argument '%s'; usage: kuni release "
                                     "[OPTIONS] REQUEST.yaml, or kuni release verify FOLDER...",
                                     call->words[1]);
    if (r->new_key && (call->n_words || r->out || r->dry_run))
        return kuni_command_complain(KUNI_USAGE, "release: --new-key makes a key and nothing else");
    if (r->new_key) return make_key(r);
    if (r->public_key) return print_public(r);
    if (!call->n_words)
        return kuni_command_complain(KUNI_USAGE, "release: an argument is missing: REQUEST.yaml");
    if (r->dry_run) return run_dry(r, call->words[0]);
    if (!r->out)
        return kuni_command_complain(KUNI_USAGE, "release: --out FOLDER is missing, or --dry-run");
    return make(r, call->words[0]);
}

const kuni_command kuni_cmd_release = {
    .group = "Dataset",
    .name = "release",
    .summary = "what a hospital or a company gets, by consent",
    .about =
        "Match the consent of each participant with what a request wants, and tell who is "
        "eligible\n"
        "and who is left out, with one reason each. Counts of participants below the request's\n"
        "threshold are not told. Whoever holds a release looks with `verify` whether it is as it "
        "was\n"
        "released, without the dataset: ends with 74 where a file is missing, altered or not part "
        "of\n"
        "it, or where several do not follow each other. See docs/release.md.",
    .usage = "kuni release [OPTIONS] REQUEST.yaml\nkuni release verify FOLDER...",
    .example = "kuni release --dry-run request.yaml",
    .options = options,
    .options_bytes = sizeof(request),
    .defaults = set_defaults,
    .least_words = 0,
    .most_words = -1,
    .words = KUNI_COMPLETES_WORKFLOW,
    .run = run,
};
