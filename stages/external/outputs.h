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
    const char *path; /* where the command writes it, once outputs_place told */
} command_output;

typedef struct command_outputs {
    command_output *list;
    size_t n;
    bool named; /* {output.NAME}, else {output} */
} command_outputs;

/* From the parameters; what it points to lives in `arena`. KUNI_USAGE where they contradict each other. */
KUNI_MUST_CHECK kuni_status outputs_read(command_outputs *outputs, const kuni_params *with,
                                         kuni_arena *arena, kuni_error *err);
/*
 * Where the command writes: the places that the task has for its outputs, or its scratch folder, from
 * which outputs_hand_over brings them there.
 */
KUNI_MUST_CHECK kuni_status outputs_place(command_outputs *outputs, const kuni_task *task,
                                          bool in_scratch, kuni_arena *arena, kuni_error *err);
/* KUNI_BUG where an output is no file of its own: a link could lead out of a container. */
KUNI_MUST_CHECK kuni_status outputs_are_files(const command_outputs *outputs, const char *label,
                                              kuni_error *err);
KUNI_MUST_CHECK kuni_status outputs_hand_over(const command_outputs *outputs, const kuni_task *task,
                                              kuni_error *err);

#endif
