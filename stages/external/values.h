/* SPDX-License-Identifier: MIT */
/* What the placeholders of a command stand for in a task. */
#ifndef KUNI_STAGES_EXTERNAL_VALUES_H
#define KUNI_STAGES_EXTERNAL_VALUES_H

#include "kuni/stage.h"
#include "outputs.h"
#include "template.h"

typedef struct value_table {
    template_value *values;
    size_t count, capacity;
    bool indexed;        /* variant files come with an index */
    const char *gather;  /* how the files of samples are put together: "tsv", "list", or NULL */
    const char *command; /* all that may name a placeholder of a sample's */
    kuni_arena *arena;
} value_table;

/*
 * The placeholders that a command with these parameters may use; with a task also their texts, files in
 * its scratch folder among them. `table` is all zero before; values_fini after errors, too.
 */
KUNI_MUST_CHECK kuni_status values_fill(value_table *table, const kuni_params *with,
                                        const command_outputs *outputs, const kuni_task *task,
                                        kuni_error *err);
/* The kinds that the command takes, one a line; "" where none. */
const char *values_takes(const kuni_params *with);
/* Whether it is run once a sample, and once a shard. */
bool values_by_sample(const kuni_params *with);
bool values_by_shard(const kuni_params *with);
void values_fini(value_table *table);

#endif
