/* SPDX-License-Identifier: MIT */
/* A stage from a shared object, for tests of the workflow reader: no work, all parameter types. */
#include "kuni/plugin.h"

static const char *const modes[] = {"fast", "exact", NULL};

static const kuni_param params[] = {
    {.name = "depth",
     .type = KUNI_PARAM_INT,
     .value = "10",
     .least = 0,
     .most = 100,
     .unit = "reads",
     .help = "lowest depth"},
    {.name = "window",
     .type = KUNI_PARAM_INT,
     .value = "1000",
     .least = 100,
     .most = 1000000,
     .unit = "bp",
     .help = "length of a window"},
    {.name = "rate",
     .type = KUNI_PARAM_FLOAT,
     .value = "0.5",
     .least = 0,
     .most = 1,
     .help = "a rate"},
    {.name = "deep", .type = KUNI_PARAM_BOOL, .value = "false", .help = "look deeper"},
    {.name = "mode",
     .type = KUNI_PARAM_CHOICE,
     .value = "fast",
     .choices = modes,
     .help = "which way"},
    {.name = "label", .type = KUNI_PARAM_TEXT, .help = "any text"},
    {.name = "bed", .type = KUNI_PARAM_PATH, .help = "where"},
    {.name = "words", .type = KUNI_PARAM_LIST, .help = "several"},
    {.name = NULL},
};

static kuni_status run(const kuni_task *task, kuni_error *err)
{
    (void)task;
    (void)err;
    return KUNI_OK;
}

static const kuni_port inputs[] = {
    {.kind = "things", .optional = true, .many = true},
    {.kind = NULL},
};

static const kuni_port outputs[] = {
    {.kind = "things", .extension = "txt"},
    {.kind = NULL},
};

static const kuni_step steps[] = {
    {.name = "", .scatter = KUNI_SCATTER_REGION, .inputs = inputs, .outputs = outputs, .run = run},
};

static const kuni_stage stage = {
    .name = "fixture",
    .summary = "do nothing, for tests",
    .version = 1,
    .params = params,
    .steps = steps,
    .n_steps = 1,
};

KUNI_PLUGIN(stage)
