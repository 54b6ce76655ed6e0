/* SPDX-License-Identifier: MIT */
/* The tasks of a dataset with what is known of each: from its journal and the trace beside it. */
#ifndef KUNI_COMMAND_TASK_ROWS_H
#define KUNI_COMMAND_TASK_ROWS_H

#include "names.h"
#include "preview.h"

typedef struct kuni_task_row {
    const char *step, *shard, *batch; /* "" where there is none */
    const char *state;                /* "done", "failed", "pending" */
    const char *why;            /* it was run, or is to be: words of made_of.h; "" not known */
    const char *host, *message; /* "": not known; why it failed */
    double cpu_s, wall_s;       /* -1: not known; of parts that shared a process, its share */
    int64_t rss_bytes, rank, attempts, ended_unix_s; /* -1: not known */
} kuni_task_row;

typedef struct kuni_task_rows {
    kuni_task_row *list;
    size_t n, capacity;
    kuni_names index, words;
    const char **texts; /* by number of `words` */
    size_t n_texts, texts_capacity;
    kuni_arena *arena;
} kuni_task_rows;

/*
 * Reads what the dataset tells, the tasks in the order in which they are told of first. With a
 * `preview` that was made with `forecast` (NULL: none): the tasks of its plan, in their order, pending
 * ones among them, and no others. About 200 bytes a task. To be finished also after a failure.
 */
KUNI_MUST_CHECK kuni_status kuni_task_rows_read(kuni_task_rows *rows, const char *dataset,
                                                const kuni_preview *preview, kuni_error *err);
void kuni_task_rows_fini(kuni_task_rows *rows);

#endif
