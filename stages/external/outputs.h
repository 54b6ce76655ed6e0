/* SPDX-License-Identifier: MIT */
/*
 * What a command writes: one file, {output}, or several with names, {output.NAME}. A name is also the
 * kind that later stages take it by.
 */
#ifndef KUNI_STAGES_EXTERNAL_OUTPUTS_H
#define KUNI_STAGES_EXTERNAL_OUTPUTS_H

#include "kuni/stage.h"

typedef struct command_output {
    const char *kind, *extension;
    const char *publish; /* or NULL */
    bool may_be_empty;
} command_output;

typedef struct command_outputs {
    const command_output *list;
    size_t n;
    bool named; /* {output.NAME}, else {output} */
} command_outputs;

/* From the parameters; what it points to lives in `arena`. KUNI_USAGE where they contradict each other. */
KUNI_MUST_CHECK kuni_status outputs_read(command_outputs *outputs, const kuni_params *with,
                                         kuni_arena *arena, kuni_error *err);

#endif
