/* SPDX-License-Identifier: MIT */
/*
 * The past of a dataset: what the journal says has been done already, and of whom.
 *
 * Tasks without inputs that read samples are many: they are taken from the journal line by line
 * once it is settled who is in a batch, and not kept. Of others the records are kept until their
 * keys are known, for a key holds what the task's inputs turned out to be.
 */
#ifndef KUNI_ENGINE_PAST_H
#define KUNI_ENGINE_PAST_H

#include <jansson.h>

#include "ledger.h"

/* A task of the journal that may still hold: its key is known only once its inputs are. */
typedef struct kuni_stored {
    size_t node, task, order;
    kuni_hash key;
    kuni_stored_output *outputs; /* one for each output port */
    kuni_made_of of;
    bool reused; /* its files stand and were taken over by this run */
} kuni_stored;

/* Of which settings a node's tasks were made: a "step" record. */
typedef struct kuni_stored_step {
    size_t node;
    json_t *record;
    uint32_t settings; /* as in kuni_made_of */
} kuni_stored_step;

typedef struct kuni_stored_bad {
    uint32_t sample;
    kuni_signature signature;
    char *why, *where;
} kuni_stored_bad;

/* What the journal tells of a node's tasks of the past: for estimates. */
typedef struct kuni_node_history {
    int64_t tasks, bytes, max_rss_bytes;
    double cpu_s, wall_s;
} kuni_node_history;

typedef struct kuni_past {
    kuni_ledger *ledger;
    kuni_known_files known_files;
    kuni_stored *stored; /* by node, task and key, the youngest first */
    size_t n_stored, stored_capacity;
    kuni_stored_bad *bad;
    size_t n_bad, bad_capacity;
    int64_t records, foreign_records; /* foreign: tasks of steps that this workflow does not have */
    int64_t damaged_lines, reads_records;
    bool has_reads; /* the dataset has reads tasks, be it of other steps or other shards */
    kuni_node_history *history; /* by node */
    kuni_stored_step *steps;    /* in the order of the journal */
    size_t n_steps, steps_capacity;
    /* By node, of sealing steps: bits of kuni_rerun by task; NULL: no task of it is known. */
    uint8_t **why;
    uint32_t *why_settings; /* by node, of sealing steps: of the last record */
    const uint8_t *forced;  /* flags by node: nothing of the past holds; NULL: none */
} kuni_past;

/*
 * Reads the journal (none: nothing was done): into the ledger the signatures of the samples, the
 * rest into `past`.
 */
KUNI_MUST_CHECK kuni_status kuni_past_read(kuni_past *past, kuni_ledger *ledger,
                                           const char *journal_path, kuni_error *err);
void kuni_past_fini(kuni_past *past);
/* Quarantines in the ledger whose files are still those that were found bad. */
KUNI_MUST_CHECK kuni_status kuni_past_apply_bad(const kuni_past *past, kuni_error *err);

/* Node and task by names, NULL where a record does not tell; false where this workflow has no such task any more. */
bool kuni_past_find(const kuni_ledger *ledger, const char *folder, const char *shard,
                    const char *batch, size_t *node, size_t *task);
/* Node and task of a record; false where this workflow has no such task any more. */
bool kuni_past_place(const kuni_ledger *ledger, const json_t *record, size_t *node, size_t *task);
/* The short key of a task's record; records that were made from a seal have no other. */
bool kuni_past_key(const json_t *record, uint64_t *key);
/* Called now and then while a large journal is read, so that others can be told that one lives. */
typedef kuni_status kuni_past_pause(void *context, kuni_error *err);
/* Reads the journal again for the reads tasks, once it is settled who is in a batch. */
KUNI_MUST_CHECK kuni_status kuni_past_read_tasks(kuni_past *past, const char *journal_path,
                                                 kuni_past_pause *pause, void *context,
                                                 kuni_error *err);
/* Gives the files of a work that earlier runs made, but for sealed ones, the digests that they had. */
void kuni_past_add_digests(const kuni_past *past, kuni_work *work);
/* Marks the task done where it was done under this key and its outputs are intact. */
KUNI_MUST_CHECK kuni_status kuni_past_reuse(kuni_past *past, size_t node, size_t task,
                                            const kuni_hash *key, bool *reused, kuni_error *err);
/* Marks what holds of a node's tasks that are ready. */
KUNI_MUST_CHECK kuni_status kuni_past_look(kuni_past *past, size_t node, kuni_error *err);
/* Of what a task was made when it was last, of steps that do not seal; NULL: it never was. */
const kuni_made_of *kuni_past_last(const kuni_past *past, size_t node, size_t task);
/* Why a task that is not reused is run; `now`: what it is made of. */
kuni_rerun kuni_past_reason(const kuni_past *past, size_t node, size_t task, const kuni_hash *key,
                            const kuni_made_of *now);
#endif
