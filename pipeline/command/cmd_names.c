/* SPDX-License-Identifier: MIT */
/* kuni names: for completions in a shell. Tells what it can of a workflow that may have faults. */
#include <stdio.h>

#include "command.h"
#include "workflow.h"

enum { IDS, PARAMS, PROFILES };

static const char *const verbs[] = {"ids", "params", "profiles", NULL};

static int run(const kuni_call *call)
{
    kuni_workflow w;
    kuni_buffer faults = KUNI_BUFFER_INIT;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_status status = kuni_workflow_read_partly(&w, call->words[0], NULL, 0, &faults, &err);
    (void)status; /* what could be read is told */
    for (size_t i = 0; call->verb == IDS && i < w.n_stages; i++) puts(w.stages[i].id);
    for (size_t i = 0; call->verb == PARAMS && i < w.n_params; i++)
        printf("%s=\n", w.params[i].name);
    for (size_t i = 0; call->verb == PROFILES && i < w.n_profiles; i++) puts(w.profiles[i]);
    kuni_workflow_fini(&w);
    kuni_buffer_fini(&faults);
    return KUNI_OK;
}

const kuni_command kuni_cmd_names = {
    .name = "names",
    .summary = "print the names in a workflow, for completions in a shell",
    .about = "Print the ids of a workflow's stages, its params or its profiles, one a line.",
    .usage = "kuni names ids|params|profiles WORKFLOW.yaml",
    .example = "kuni names ids workflows/quickstart.yaml",
    .verbs = verbs,
    .least_words = 1,
    .most_words = 1,
    .words = KUNI_COMPLETES_WORKFLOW,
    .run = run,
};
