/* SPDX-License-Identifier: MIT */
/* kuni compact: sealed batches of few people become larger ones. */
#include <stdio.h>

#include "command.h"
#include "compact.h"
#include "complain.h"

typedef struct request {
    kuni_texts settings; /* --set */
    int64_t below;
    const char *by;
    bool dry_run, yes;
    int64_t wait_s;
} request;

static const kuni_option options[] = {
    KUNI_OPTION_SET(request, settings),
    {"below", 0, "N", "half of `batch`", "put batches of fewer people together",
     KUNI_BIND_INT(request, below, 2, 1000000)},
    {"dry-run", 'n', NULL, NULL, "only tell what would be put together",
     KUNI_BIND_FLAG(request, dry_run)},
    {"by", 0, "NAME", "you", "who decided it, for the history",
     KUNI_BIND_TEXT(request, by, KUNI_COMPLETES_NOTHING)},
    KUNI_OPTION_YES(request, yes),
    KUNI_OPTION_WAIT(request, wait_s),
    KUNI_OPTIONS_END,
};

static void set_defaults(void *given)
{
    ((request *)given)->wait_s = 15;
}

static bool agree(void *context, const char *text)
{
    return kuni_command_agree(((const request *)context)->yes, text);
}

static void tell(void *context, const char *text)
{
    (void)context;
    puts(text);
}

static int compact(const kuni_call *call)
{
    const request *r = call->options;
    kuni_buffer faults = KUNI_BUFFER_INIT;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_compact_result result;
    const kuni_compact_request what = {.workflow = call->words[0],
                                       .settings = r->settings.texts,
                                       .n_settings = r->settings.n,
                                       .below = r->below,
                                       .dry_run = r->dry_run,
                                       .by = r->by,
                                       .lock_wait_ms = r->wait_s * 1000,
                                       .agree = agree,
                                       .tell = tell,
                                       .context = call->options};
    kuni_status status = kuni_compact(&what, &result, &faults, &err);
    kuni_command_print_faults(&faults);
    if (!status && result.hindered)
        fprintf(stderr, "kuni: %zu batch%s of few people stay%s: %s\n", result.hindered,
                result.hindered == 1 ? "" : "es", result.hindered == 1 ? "s" : "",
                result.hindrance);
    if (status)
        (void)kuni_command_fail(&err);
    else if (!result.batches)
        fprintf(stderr,
                "kuni: nothing is to be put together: no two sealed batches that follow one "
                "another have few people enough (--below, `batch`)\n");
    else if (r->dry_run)
        fprintf(stderr, "kuni: %zu batches would become %zu\n", result.batches, result.into);
    else
        fprintf(stderr,
                "kuni: %zu batches became %zu, %.3f MB where there were %.3f: publish with `kuni "
                "run %s`, which removes the old files\n",
                result.batches, result.into, (double)result.bytes_after / 1e6,
                (double)result.bytes / 1e6, call->words[0]);
    kuni_buffer_fini(&faults);
    return status;
}

const kuni_command kuni_cmd_compact = {
    .group = "Dataset",
    .name = "compact",
    .summary = "put sealed batches of few people together",
    .about =
        "Put sealed batches of few people that follow one another together into batches of at "
        "most\n"
        "`batch` people: evidence of one person takes several times what it takes among many.\n"
        "Nobody's column or genotype changes, and no reads are needed. The next run computes what "
        "is\n"
        "made of all samples again and removes the old files. After a crash the same command goes "
        "on.",
    .usage = "kuni compact [OPTIONS] WORKFLOW.yaml",
    .example = "kuni compact --dry-run national.yaml",
    .options = options,
    .options_bytes = sizeof(request),
    .defaults = set_defaults,
    .least_words = 1,
    .most_words = 1,
    .words = KUNI_COMPLETES_WORKFLOW,
    .run = compact,
};
