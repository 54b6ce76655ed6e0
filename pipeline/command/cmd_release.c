/* SPDX-License-Identifier: MIT */
/* kuni release: what a recipient gets of a dataset, by a request and by consent. */
#include "command.h"
#include "complain.h"
#include "release_plan.h"

typedef struct request {
    bool dry_run, json;
    const char *out;
    int64_t jobs;
} request;

static const kuni_option options[] = {
    {"dry-run", 'n', NULL, NULL, "tell who is eligible, who is left out and why, size and time",
     KUNI_BIND_FLAG(request, dry_run)},
    {"json", 0, NULL, NULL, "dry run: print JSON", KUNI_BIND_FLAG(request, json)},
    {"jobs", 'j', "N", "1", "processes at once, of every rank",
     KUNI_BIND_INT(request, jobs, 1, 1024)},
    KUNI_OPTIONS_END,
};

static void set_defaults(void *given)
{
    ((request *)given)->jobs = 1;
}

static int run(const kuni_call *call)
{
    const request *r = call->options;
    kuni_release_plan plan;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_buffer faults = KUNI_BUFFER_INIT;
    if (!r->dry_run)
        return kuni_command_complain(KUNI_USAGE, "release: --dry-run is all that there is so far");
    kuni_status status =
        kuni_release_plan_make(&plan, call->words[0], r->out, r->jobs, &faults, &err);
    if (!status)
        status = r->json ? kuni_release_print_json(&plan, &err) : kuni_release_print(&plan, &err);
    kuni_command_print_faults(&faults);
    if (status && !faults.length) (void)kuni_command_fail(&err);
    kuni_release_plan_fini(&plan);
    kuni_buffer_fini(&faults);
    return status;
}

const kuni_command kuni_cmd_release = {
    .group = "Dataset",
    .name = "release",
    .summary = "what a hospital or a company gets, by consent",
    .about =
        "Match the consent of each participant with what a request wants, and tell who is "
        "eligible\n"
        "and who is left out, with one reason each. Counts of participants below the request's\n"
        "threshold are not told. See docs/release.md.",
    .usage = "kuni release [OPTIONS] REQUEST.yaml",
    .example = "kuni release --dry-run request.yaml",
    .options = options,
    .options_bytes = sizeof(request),
    .defaults = set_defaults,
    .least_words = 1,
    .most_words = 1,
    .words = KUNI_COMPLETES_WORKFLOW,
    .run = run,
};
