/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "command.h"
#include "engine.h"
#include "options.h"

enum { KEY_RECALL = KUNI_OPTION_LONG, KEY_RETRY, KEY_KEEP, KEY_WAIT };

static const kuni_option option_table[] = {
    KUNI_OPTION_SET,
    {"jobs", 'j', "N", "1", "tasks at once per process"},
    {"quiet", 'q', NULL, NULL, "no progress: faults and the summary only"},
    {"recall", KEY_RECALL, NULL, NULL,
     "settings differ from those the dataset was made with: redo everything"},
    {"retry-quarantined", KEY_RETRY, NULL, NULL,
     "try quarantined samples again though their files are the same"},
    {"keep-all", KEY_KEEP, NULL, NULL, "do not remove outdated files when the run is done"},
    {"wait", KEY_WAIT, "SECONDS", "15", "how long to wait for another run on the dataset to end"},
    {NULL, 0, NULL, NULL, NULL},
};

static const kuni_usage usage = {
    .about = "Run a workflow: what is done already is kept, the rest is done.\n"
             "After a crash, a kill or a change run the same command again. Under mpirun all ranks "
             "share\n"
             "the work; the results are the same bytes at any number of ranks.",
    .usage = "kuni run [OPTIONS] WORKFLOW.yaml\nmpirun -n RANKS kuni run [OPTIONS] WORKFLOW.yaml",
    .options = option_table,
    .example = "kuni run --jobs 2 workflows/quickstart.yaml",
    .least_operands = 1,
    .most_operands = 1,
};

int kuni_cmd_run(int argc, char **argv)
{
    kuni_options options;
    kuni_settings settings = {.n = 0};
    const char *value;
    int64_t wait_s = 15;
    kuni_run_options run = {.jobs = 1};
    kuni_options_start(&options, &usage, argc, argv);
    for (int key; (key = kuni_options_next(&options, &value)) != KUNI_OPTIONS_END;) {
        switch (key) {
        case 's':
            if (!kuni_settings_add(&options, &settings, value)) return options.status;
            break;
        case 'j':
            if (!kuni_option_int(&options, "jobs", value, 1, 1024, &run.jobs))
                return options.status;
            break;
        case 'q':
            run.quiet = true;
            break;
        case KEY_RECALL:
            run.recall = true;
            break;
        case KEY_RETRY:
            run.retry_quarantined = true;
            break;
        case KEY_KEEP:
            run.keep_all = true;
            break;
        case KEY_WAIT:
            if (!kuni_option_int(&options, "wait", value, 0, 86400, &wait_s)) return options.status;
            break;
        default:
            return options.status;
        }
    }
    run.workflow = options.operands[0];
    run.settings = settings.texts;
    run.n_settings = settings.n;
    run.lock_wait_ms = wait_s * 1000;
    kuni_buffer faults = KUNI_BUFFER_INIT;
    kuni_error err = KUNI_ERROR_INIT;
    bool leads = true;
    kuni_status status = kuni_engine_run(&run, &leads, &faults, &err);
    bool told = faults.length > 0;
    if (leads) {
        kuni_command_print_faults(&faults);
        if (status && !told) (void)kuni_command_fail(&err);
    }
    kuni_buffer_fini(&faults);
    return status;
}
