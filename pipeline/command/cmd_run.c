/* SPDX-License-Identifier: MIT */
/* kuni run, kuni recall: what writes a dataset from reads. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "complain.h"
#include "dry_run.h"
#include "engine.h"
#include "relaunch.h"
#include "transport.h"
#include "workflow.h"

typedef struct request {
    kuni_run_options run; /* but for workflow, settings and lock_wait_ms */
    kuni_texts settings;  /* --set */
    kuni_texts force;     /* stages */
    bool dry;             /* say what would be done */
    int64_t wait_s;       /* how long to wait for another run on the dataset to end */
    int64_t relaunch;     /* restarts in a row without progress; -1: not asked for */
    bool yes;             /* recall */
} request;

static const kuni_option options[] = {
    KUNI_OPTION_SET(request, settings),
    {"jobs", 'j', "N", "1", "tasks at once per process", KUNI_BIND_INT(request, run.jobs, 1, 1024)},
    {"quiet", 'q', NULL, NULL, "no progress: faults and the summary only",
     KUNI_BIND_FLAG(request, run.quiet)},
    {"retry-quarantined", 0, NULL, NULL,
     "try quarantined samples again though their files are the same",
     KUNI_BIND_FLAG(request, run.retry_quarantined)},
    {"drop-published", 0, NULL, NULL,
     "publish without files that another workflow has published here",
     KUNI_BIND_FLAG(request, run.drop_published)},
    {"keep-all", 0, NULL, NULL, "do not remove outdated files when the run is done",
     KUNI_BIND_FLAG(request, run.keep_all)},
    {"wait", 0, "SECONDS", "15", "how long to wait for another run on the dataset to end",
     KUNI_BIND_INT(request, wait_s, 0, 86400)},
    {"relaunch", 0, "N", NULL,
     "start the command after -- and start it again when the run has stopped or hangs, until it is "
     "done or N starts in a row came to nothing",
     KUNI_BIND_INT(request, relaunch, 0, 1000)},
    KUNI_OPTIONS_HEADING("Part of it"),
    {"dry-run", 'n', NULL, NULL, "say what would run and why, and do nothing",
     KUNI_BIND_FLAG(request, dry)},
    {"until", 0, "STAGE", NULL, "this stage and what leads to it; nothing is published",
     KUNI_BIND_TEXT(request, run.until, KUNI_COMPLETES_ID)},
    {"only", 0, "STAGE", NULL, "this stage, where what leads to it stands; nothing is published",
     KUNI_BIND_TEXT(request, run.only, KUNI_COMPLETES_ID)},
    {"force", 0, "STAGE", NULL, "run this stage again though nothing changed; repeatable",
     KUNI_BIND_TEXTS(request, force, KUNI_COMPLETES_ID)},
    KUNI_OPTIONS_END,
};

static const kuni_option recall_options[] = {
    KUNI_OPTION_SET(request, settings),
    KUNI_OPTION_YES(request, yes),
    {"jobs", 'j', "N", "1", "tasks at once per process", KUNI_BIND_INT(request, run.jobs, 1, 1024)},
    {"quiet", 'q', NULL, NULL, "no progress: faults and the summary only",
     KUNI_BIND_FLAG(request, run.quiet)},
    {"drop-published", 0, NULL, NULL,
     "publish without files that another workflow has published here",
     KUNI_BIND_FLAG(request, run.drop_published)},
    {"wait", 0, "SECONDS", "15", "how long to wait for another run on the dataset to end",
     KUNI_BIND_INT(request, wait_s, 0, 86400)},
    KUNI_OPTIONS_END,
};

static void set_defaults(void *given)
{
    request *r = given;
    r->run.jobs = 1;
    r->wait_s = 15;
    r->relaunch = -1;
}

/*
 * `kuni run OPTIONS WORKFLOW` at the end of a launcher's command line, which tells of which dataset
 * the status is to be asked.
 */
static kuni_status find_dataset(char **words, int n, char **dataset, kuni_error *err)
{
    int at = 0;
    for (; at + 1 < n; at++) {
        const char *slash = strrchr(words[at], '/');
        if (strcmp(slash ? slash + 1 : words[at], "kuni") == 0 && strcmp(words[at + 1], "run") == 0)
            break;
    }
    if (at + 1 >= n)
        return kuni_fail(err, KUNI_USAGE,
                         "run: --relaunch: after -- no `kuni run WORKFLOW.yaml` stands: kuni run "
                         "--relaunch 10 -- mpirun -n 512 kuni run national.yaml");
    /* The words stay as they are: getopt moves them about. */
    char **copy = kuni_alloc((size_t)(n - at), sizeof(*copy), err);
    if (!copy) return KUNI_MEMORY;
    memcpy(copy, words + at + 1, (size_t)(n - at - 1) * sizeof(*copy));
    request inner = {.wait_s = 0};
    kuni_operands operands = {.n = 0};
    set_defaults(&inner);
    optind = 0;
    kuni_parsed parsed = kuni_options_parse(options, n - at - 1, copy, &inner, &operands);
    kuni_status status = KUNI_OK;
    if (parsed != KUNI_PARSED || operands.n != 1 || inner.relaunch >= 0)
        status = kuni_fail(err, KUNI_USAGE,
                           "run: --relaunch: expected `kuni run WORKFLOW.yaml` after --");
    kuni_workflow workflow = {.path = NULL};
    kuni_buffer faults = KUNI_BUFFER_INIT;
    if (!status)
        status = kuni_workflow_read(&workflow, operands.words[0], inner.settings.texts,
                                    inner.settings.n, &faults, err);
    kuni_command_print_faults(&faults);
    if (!status && !(*dataset = kuni_strdup(workflow.dataset, err))) status = KUNI_MEMORY;
    if (!status) kuni_workflow_fini(&workflow);
    kuni_buffer_fini(&faults);
    free(copy);
    return status;
}

static int relaunch(const kuni_call *call)
{
    const request *r = call->options;
    kuni_error err = KUNI_ERROR_INIT;
    char *dataset = NULL;
    if (find_dataset(call->words, call->n_words, &dataset, &err)) return kuni_command_fail(&err);
    /* argv ends with NULL, and these words are its end. */
    const kuni_relaunch order = {.words = call->words,
                                 .dataset = dataset,
                                 .most = r->relaunch,
                                 .patience_s = kuni_transport_patience_ms() / 1000};
    int status = kuni_relaunch_run(&order);
    free(dataset);
    return status;
}

static int run(const kuni_call *call)
{
    request *r = call->options;
    if (r->relaunch >= 0) return relaunch(call);
    if (call->n_words > 1)
        return kuni_command_complain(
            KUNI_USAGE, "run: unexpected argument '%s'; usage: kuni run [OPTIONS] WORKFLOW.yaml",
            call->words[1]);
    r->run.workflow = call->words[0];
    r->run.settings = r->settings.texts;
    r->run.n_settings = r->settings.n;
    r->run.lock_wait_ms = r->wait_s * 1000;
    r->run.force = r->force.texts;
    r->run.n_force = r->force.n;
    if (r->dry) return kuni_dry_run(&r->run);
    kuni_buffer faults = KUNI_BUFFER_INIT;
    kuni_error err = KUNI_ERROR_INIT;
    bool leads = true;
    kuni_status status = kuni_engine_run(&r->run, &leads, &faults, &err);
    bool told = faults.length > 0;
    if (leads) {
        kuni_command_print_faults(&faults);
        if (status && !told) (void)kuni_command_fail(&err);
    }
    kuni_buffer_fini(&faults);
    /*
     * All ranks have agreed on the status, and the one that speaks ends with it: a launcher ends
     * the job with the first that fails, and may drop what the others have not said by then.
     */
    return leads ? status : KUNI_OK;
}

static bool agree(void *context, const char *text)
{
    return kuni_command_agree(((const request *)context)->yes, text);
}

static int recall(const kuni_call *call)
{
    request *r = call->options;
    r->run.recall = true;
    r->relaunch = -1;
    r->run.agree = agree;
    r->run.context = r;
    return run(call);
}

const kuni_command kuni_cmd_run = {
    .group = "Run",
    .name = "run",
    .summary = "run a workflow, or go on with one",
    .about = "Run a workflow: what is done already is kept, the rest is done.\n"
             "After a crash, a kill or a change run the same command again. Under mpirun all ranks "
             "share\n"
             "the work; the results are the same bytes at any number of ranks.",
    .usage = "kuni run [OPTIONS] WORKFLOW.yaml\nmpirun -n RANKS kuni run [OPTIONS] WORKFLOW.yaml\n"
             "kuni run --relaunch N -- mpirun -n RANKS kuni run [OPTIONS] WORKFLOW.yaml",
    .example = "kuni run --jobs 2 workflows/quickstart.yaml",
    .options = options,
    .options_bytes = sizeof(request),
    .defaults = set_defaults,
    .least_words = 1,
    .most_words = 1,
    .launches = true,
    .words = KUNI_COMPLETES_WORKFLOW,
    .run = run,
};

const kuni_command kuni_cmd_recall = {
    .group = "Dataset",
    .name = "recall",
    .summary = "call everybody again, with other settings or a newer version",
    .about =
        "Make the evidence of the whole dataset again from the reads, with what the workflow says\n"
        "now, and publish. All reads must be there: it looks, and says what it will do, before\n"
        "anything is changed. The old evidence holds until all of the new stands; where it is\n"
        "interrupted the same command goes on.",
    .usage =
        "kuni recall [OPTIONS] WORKFLOW.yaml\nmpirun -n RANKS kuni recall [OPTIONS] WORKFLOW.yaml",
    .example = "mpirun -n 512 kuni recall --yes national.yaml",
    .options = recall_options,
    .options_bytes = sizeof(request),
    .defaults = set_defaults,
    .least_words = 1,
    .most_words = 1,
    .words = KUNI_COMPLETES_WORKFLOW,
    .run = recall,
};
