/* SPDX-License-Identifier: MIT */
/* kuni verify, kuni repair: are a dataset's files what was written, and what to do where not. */
#include <stdio.h>
#include <unistd.h>

#include "command.h"
#include "complain.h"
#include "erased.h"
#include "team.h"
#include "transport.h"
#include "verify.h"

typedef struct request {
    kuni_texts settings; /* --set */
    bool deep, yes;
    const char *from;
    const char *erased; /* list of ids */
    int64_t wait_s;
} request;

static const kuni_option verify_options[] = {
    KUNI_OPTION_SET(request, settings),
    {"deep", 0, NULL, NULL, "read every byte, instead of believing size and time",
     KUNI_BIND_FLAG(request, deep)},
    {"erased", 0, "FILE", NULL, "look for people who were erased: ids, one a line; nothing else",
     KUNI_BIND_TEXT(request, erased, KUNI_COMPLETES_FILE)},
    KUNI_OPTIONS_END,
};

static const kuni_option repair_options[] = {
    KUNI_OPTION_SET(request, settings),
    {"deep", 0, NULL, NULL, "read every byte to find what is damaged",
     KUNI_BIND_FLAG(request, deep)},
    {"from", 0, "FOLDER", NULL, "an intact copy of the dataset to take files from",
     KUNI_BIND_TEXT(request, from, KUNI_COMPLETES_FOLDER)},
    KUNI_OPTION_YES(request, yes),
    KUNI_OPTION_WAIT(request, wait_s),
    KUNI_OPTIONS_END,
};

static void set_defaults(void *given)
{
    ((request *)given)->wait_s = 15;
}

static void tell(void *context, const char *text)
{
    (void)context;
    fprintf(stderr, "kuni: %s\n", text);
}

static bool agree(void *context, const char *text)
{
    return kuni_command_agree(((const request *)context)->yes, text);
}

static int verify(const kuni_call *call, bool repair)
{
    const request *r = call->options;
    kuni_buffer faults = KUNI_BUFFER_INIT;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_verify_result result;
    const kuni_verify_request wanted = {.run = {.workflow = call->words[0],
                                                .settings = r->settings.texts,
                                                .n_settings = r->settings.n,
                                                .jobs = 1},
                                        .deep = r->deep,
                                        .repair = repair,
                                        .together = !repair,
                                        .from = r->from,
                                        .lock_wait_ms = r->wait_s * 1000,
                                        .tell = tell,
                                        .agree = agree,
                                        .context = call->options};
    kuni_status status = repair ? KUNI_OK : kuni_team_join(&err);
    if (status) return kuni_command_fail(&err);
    bool leads = repair || kuni_transport_rank() == 0;
    status = kuni_verify(&wanted, &result, &faults, &err);
    if (leads) kuni_command_print_faults(&faults);
    if (leads && status && !faults.length) (void)kuni_command_fail(&err);
    if (leads && !status && !repair)
        printf("%zu files are as they were written%s\n", result.files,
               r->deep ? "" : ", by size and time (--deep reads them)");
    if (!status && repair)
        printf("%zu of %zu files were damaged: %zu copied, %zu made again; the next run makes %zu "
               "batches and %zu files again\n",
               result.damaged, result.files, result.copied, result.rewritten, result.unsealed,
               result.removed);
    kuni_buffer_fini(&faults);
    return repair ? (int)status : kuni_team_leave(status, &err);
}

static int verify_erased(const kuni_call *call)
{
    const request *r = call->options;
    kuni_buffer faults = KUNI_BUFFER_INIT;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_erased_result result;
    const kuni_erased_request wanted = {.workflow = call->words[0],
                                        .settings = r->settings.texts,
                                        .n_settings = r->settings.n,
                                        .list = r->erased,
                                        .tell = tell,
                                        .context = call->options};
    kuni_status status = kuni_erased_verify(&wanted, &result, &faults, &err);
    kuni_command_print_faults(&faults);
    if (status && !faults.length) (void)kuni_command_fail(&err);
    if (!status)
        printf("%zu files looked into: nothing is left of %zu ids; %zu of them have a tombstone\n",
               result.files, result.ids, result.ids - result.never);
    kuni_buffer_fini(&faults);
    return status;
}

static int run_verify(const kuni_call *call)
{
    if (((const request *)call->options)->erased) return verify_erased(call);
    return verify(call, false);
}

static int run_repair(const kuni_call *call)
{
    return verify(call, true);
}

const kuni_command kuni_cmd_verify = {
    .group = "Dataset",
    .name = "verify",
    .summary = "look whether a dataset's files are what was written",
    .about =
        "Hold every file of the sealed batches, of the steps after them and of what is published\n"
        "against what was written down of it, and the history against itself. Changes nothing.\n"
        "Ends with 74 where something is missing or altered, and names it. Under mpirun all ranks\n"
        "share the work; the result is the same. With --erased one process looks into every file "
        "of\n"
        "the folder, decompressed too, for people who were erased, and ends with 74 where one is.",
    .usage = "kuni verify [OPTIONS] WORKFLOW.yaml",
    .example = "kuni verify --deep cohort/workflow.yaml",
    .options = verify_options,
    .options_bytes = sizeof(request),
    .least_words = 1,
    .most_words = 1,
    .words = KUNI_COMPLETES_WORKFLOW,
    .run = run_verify,
};

const kuni_command kuni_cmd_repair = {
    .group = "Dataset",
    .name = "repair",
    .summary = "mend damaged files of a dataset",
    .about =
        "Take damaged files from an intact copy; else give them up where the next run can make\n"
        "them again: of sealed batches from the reads, if all of them are there, others from\n"
        "evidence. Says first what it will do.",
    .usage = "kuni repair [OPTIONS] WORKFLOW.yaml",
    .example = "kuni repair --from /backup/national --yes national.yaml",
    .options = repair_options,
    .options_bytes = sizeof(request),
    .defaults = set_defaults,
    .least_words = 1,
    .most_words = 1,
    .words = KUNI_COMPLETES_WORKFLOW,
    .run = run_repair,
};
