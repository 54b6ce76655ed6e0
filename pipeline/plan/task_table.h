/* SPDX-License-Identifier: MIT */
/*
 * The table of tasks: state of each, and what its consumers need to know. Coordinator only.
 *
 * Ten bytes a task (state and the short key that stands in its file names), plus sums per shard and
 * per batch: how many tasks are settled, and the digests of their outputs. That is all it takes to
 * tell whether a consumer is ready and what its key is, for millions of tasks.
 */
#ifndef KUNI_PLAN_TASK_TABLE_H
#define KUNI_PLAN_TASK_TABLE_H

#include "hash.h"
#include "plan.h"
#include "work.h"

typedef enum kuni_task_state {
    KUNI_TASK_PENDING = 0,
    KUNI_TASK_RUNNING, /* handed out, or waiting for another try */
    KUNI_TASK_DONE,
    KUNI_TASK_FAILED, /* after all tries */
    KUNI_TASK_ABSENT  /* not to be done: no sample of the batch, or no such place for this step */
} kuni_task_state;

typedef struct kuni_task_table_node {
    /* kuni_task_state in the low 3 bits, above them the outputs that were written. */
    uint16_t *state;
    uint64_t *key;
    uint32_t *shard_settled, *batch_settled; /* READS only */
    kuni_hash *by_shard, *by_batch; /* n_outputs each; NULL where the node has no such axis */
    kuni_hash all[KUNI_PLAN_OUTPUTS_MAX];
    size_t done, failed, absent, reused; /* reused: done in an earlier run */
} kuni_task_table_node;

typedef struct kuni_task_table {
    const kuni_plan *plan;
    const kuni_batch *batches;
    kuni_task_table_node *nodes;
} kuni_task_table;

typedef struct kuni_task_output_digest {
    bool present;
    char digest[KUNI_DIGEST_HEX_BYTES];
} kuni_task_output_digest;

KUNI_MUST_CHECK kuni_status kuni_task_table_init(kuni_task_table *table, const kuni_plan *plan,
                                                 const kuni_batch *batches, kuni_error *err);
void kuni_task_table_fini(kuni_task_table *table);

kuni_task_state kuni_task_table_state(const kuni_task_table *table, size_t node, size_t task);
/* For PENDING, RUNNING, FAILED and ABSENT. */
void kuni_task_table_set(kuni_task_table *table, size_t node, size_t task, kuni_task_state to);
/* `outputs`: one for each output port of the step. */
KUNI_MUST_CHECK kuni_status kuni_task_table_done(kuni_task_table *table, size_t node, size_t task,
                                                 uint64_t key,
                                                 const kuni_task_output_digest *outputs,
                                                 kuni_error *err);

/* True where all inputs of the task are settled. */
bool kuni_task_table_ready(const kuni_task_table *table, size_t node, size_t task);
/* True where what the task takes by one of its node's inputs is. */
bool kuni_task_table_input_ready(const kuni_task_table *table, size_t node, size_t task,
                                 size_t input);
/* True where some input can no longer come, because a task it depends on has failed. */
bool kuni_task_table_blocked(const kuni_task_table *table, size_t node, size_t task);
/* Digest of the inputs of a task that is ready. */
KUNI_MUST_CHECK kuni_status kuni_task_table_inputs(const kuni_task_table *table, size_t node,
                                                   size_t task, kuni_hash *hash, kuni_error *err);
/* The same of each input by itself, added to `of`. */
KUNI_MUST_CHECK kuni_status kuni_task_table_made_of(const kuni_task_table *table, size_t node,
                                                    size_t task, kuni_made_of *of, kuni_error *err);
/* Adds the input files of a ready task to `work`, in port order, then shard, then batch. */
KUNI_MUST_CHECK kuni_status kuni_task_table_files(const kuni_task_table *table, size_t node,
                                                  size_t task, kuni_work *work, kuni_error *err);
/* All tasks of the node have ended one way or the other. */
bool kuni_task_table_ended(const kuni_task_table *table, size_t node);

#endif
