/* SPDX-License-Identifier: MIT */
/*
 * What comes next. Reads tasks: a lane stays on its shard while that has batches left (the
 * reference and the shard's blocks of each file's index stay in memory), else it takes the shard
 * with the most work left per lane on it. Other tasks: heaviest shard first. What failed is tried
 * again first, on another lane where there is one.
 */
#ifndef KUNI_ENGINE_QUEUE_H
#define KUNI_ENGINE_QUEUE_H

#include "outcome.h"
#include "past.h"
#include "wanted.h"

typedef struct kuni_queue {
    kuni_ledger *ledger;
    kuni_past *past;
    kuni_orders *orders;       /* for what waits for another try */
    const kuni_wanted *wanted; /* NULL: everything */
    int phase;
    uint64_t next_id;
    uint32_t *shard_order, *joint_order; /* of both axes: shards, heaviest first */
    /* [first node of a fused group * n_shards + shard]: batches before it are not pending */
    size_t *cursors;
    uint8_t *exhausted; /* likewise: nothing pending is left there */
    uint32_t *lanes_on_shard;
    size_t *
        passed; /* by node: so many of its tasks, in the order that they are given out, are not pending */
    bool wide;  /* some tasks of the phase take more than one place of a machine */
    bool waits; /* the lane's machine has no room for what is next: nothing else goes before it */
} kuni_queue;

KUNI_MUST_CHECK kuni_status kuni_queue_init(kuni_queue *queue, kuni_ledger *ledger, kuni_past *past,
                                            kuni_orders *orders, kuni_error *err);
void kuni_queue_fini(kuni_queue *queue);
/* Must be called when the phase changes. */
void kuni_queue_phase(kuni_queue *queue, int phase);
/*
 * The next work for a lane, or *found false where nothing is ready. Tasks that turn out to be done
 * already are marked on the way. The work's tasks are marked running.
 */
KUNI_MUST_CHECK kuni_status kuni_queue_next(kuni_queue *queue, int lane, kuni_work *work,
                                            bool *found, kuni_error *err);
/* Upper bound of the tasks of the phase that are not yet handed out. */
size_t kuni_queue_left(const kuni_queue *queue);
/* The lane is no more: no shard is its. */
void kuni_queue_leave(kuni_queue *queue, int lane);
/* All tasks of the phase have ended, one way or the other. */
bool kuni_queue_ended(const kuni_queue *queue);

#endif
