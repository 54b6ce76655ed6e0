/* SPDX-License-Identifier: MIT */
/* What the placeholders of a command stand for in a task. */
#ifndef KUNI_STAGES_EXTERNAL_VALUES_H
#define KUNI_STAGES_EXTERNAL_VALUES_H

#include "kuni/stage.h"
#include "template.h"

typedef struct value_table {
    template_value *values;
    size_t count, capacity;
    bool indexed; /* variant files come with an index */
    kuni_arena *arena;
} value_table;

/*
 * The placeholders that a command with these parameters may use; with a task also their texts, files in
 * its scratch folder among them. `table` is all zero before; values_fini after errors, too.
 */
KUNI_MUST_CHECK kuni_status values_fill(value_table *table, const kuni_params *with,
                                        const kuni_task *task, kuni_error *err);
void values_fini(value_table *table);

#endif
