/* SPDX-License-Identifier: MIT */
/*
 * The coordinator, on rank 0: hands out work, keeps journal and quarantine, watches the ranks.
 *
 * Its parts share the struct below: resume.c reads the journal, schedule.c chooses what comes next,
 * coordinator.c runs the loop, outcome.c deals with results. Nothing outside these files looks into
 * it, but for the report at the end.
 */
#ifndef KUNI_ENGINE_COORDINATOR_H
#define KUNI_ENGINE_COORDINATOR_H

#include "executor.h"
#include "journal.h"
#include "keys.h"
#include "lock.h"
#include "names.h"
#include "progress.h"
#include "samples.h"
#include "table.h"

typedef struct kuni_stored_output {
    int64_t bytes; /* -1: an optional output that was not written */
    int64_t mtime_ns;
    kuni_hash digest;
} kuni_stored_output;

/* A task of the journal that may still hold: its key is known only once its inputs are. */
typedef struct kuni_stored {
    size_t node, task, order;
    kuni_hash key;
    kuni_stored_output *outputs; /* one for each output port */
} kuni_stored;

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

/* A place that can do work: a rank, or (single process) this one. */
typedef struct kuni_lane {
    int64_t outstanding;
    int64_t shard; /* where its last reads task was, -1: none */
    int64_t heard_ms;
    int64_t work; /* of what it runs now */
    bool lost;    /* the rank is no more */
} kuni_lane;

/* Work that has been handed out. */
typedef struct kuni_order {
    kuni_work work;
    int lane;
    int64_t began_ms;
} kuni_order;

/* A unit of work that went wrong: the first node of the unit, its place, how often. */
typedef struct kuni_trouble {
    size_t node;
    int64_t shard, batch;
    int64_t attempts;
    int64_t losses; /* ranks that were lost while they ran it */
    int lane;       /* where it failed last: another is tried first */
    bool waiting;
} kuni_trouble;

typedef struct kuni_failure {
    size_t node;
    int64_t shard, batch;
    kuni_status status;
    char *text;
} kuni_failure;

typedef struct kuni_coordinator {
    kuni_run *run;
    kuni_lock *lock;
    kuni_journal *journal; /* NULL: looking only (kuni plan) */
    kuni_samples samples;
    kuni_known_files known_files;
    kuni_keys keys;
    kuni_table table;
    kuni_progress *progress;
    kuni_names node_names, shard_names, batch_names, sample_names;
    kuni_stored *stored;
    size_t n_stored, stored_capacity;
    kuni_stored_bad *bad;
    size_t n_bad, bad_capacity;
    int64_t damaged_lines, reads_records;
    kuni_node_history *history; /* by node */
    kuni_stored_output
        *finals; /* [node * KUNI_PLAN_OUTPUTS_MAX + output]: of nodes with one task */

    int phase;
    bool rank_lost; /* a rank hangs: collectives would too */
    kuni_lane *lanes;
    size_t n_lanes, n_lost;
    kuni_executor *executor; /* single process only */
    kuni_order *orders;
    size_t n_orders, orders_capacity;
    uint64_t next_id;
    kuni_trouble *troubles;
    size_t n_troubles, troubles_capacity;
    kuni_failure *failures;
    size_t n_failures, failures_capacity;
    size_t failures_in_row;
    uint32_t *shard_order; /* shards, heaviest first */
    size_t *cursors; /* [first node of a fused group * n_shards + shard]: batches before it are not
                        pending */
    uint8_t *exhausted; /* likewise: nothing pending is left there */
    uint32_t *lanes_on_shard;
    kuni_arena *arena; /* for paths; cleared often */
    kuni_buffer message;
} kuni_coordinator;

KUNI_MUST_CHECK kuni_status kuni_coordinator_init(kuni_coordinator *c, kuni_run *run,
                                                  kuni_lock *lock, kuni_journal *journal,
                                                  kuni_progress *progress, const char *journal_path,
                                                  kuni_error *err);
void kuni_coordinator_fini(kuni_coordinator *c);
/*
 * Runs all phases. Rank 0 only; the others are in kuni_worker_run meanwhile. On return, whatever
 * the status, the others have been told to leave. The first failure's status and text where tasks
 * have failed; KUNI_AGAIN after a signal.
 */
KUNI_MUST_CHECK kuni_status kuni_coordinator_run(kuni_coordinator *c, kuni_error *err);

/* Tells the other ranks that this one lives; for long work outside of the loop. */
KUNI_MUST_CHECK kuni_status kuni_coordinator_ping(kuni_coordinator *c, kuni_error *err);
/* A message without a body to all other ranks. */
KUNI_MUST_CHECK kuni_status kuni_coordinator_tell(kuni_coordinator *c, kuni_message_type type,
                                                  kuni_error *err);
/*
 * Without running anything: marks what the journal has with intact outputs, as far as keys can be
 * known. `published`: with the samples and files of the current generation, if there is one, instead
 * of those that a run would find now.
 */
KUNI_MUST_CHECK kuni_status kuni_coordinator_look(kuni_coordinator *c, const char *journal_path,
                                                  bool published, kuni_error *err);

/* --- resume.c --- */

/* Reads the journal: quarantined samples, signatures, known files, and tasks whose keys are not yet
 * known. */
KUNI_MUST_CHECK kuni_status kuni_resume_start(kuni_coordinator *c, const char *journal_path,
                                              kuni_error *err);
/* Reads it again for the reads tasks, once the preflight has settled who is in a batch. */
KUNI_MUST_CHECK kuni_status kuni_resume_reads(kuni_coordinator *c, const char *journal_path,
                                              kuni_error *err);
/* Marks the task done where the journal has it under this key with intact outputs. */
KUNI_MUST_CHECK kuni_status kuni_resume_reuse(kuni_coordinator *c, size_t node, size_t task,
                                              const kuni_hash *key, bool *reused, kuni_error *err);
/* True for nodes whose tasks are taken from the journal line by line: READS without inputs. */
bool kuni_resume_streams(const kuni_node *node);

/* --- schedule.c --- */

KUNI_MUST_CHECK kuni_status kuni_schedule_init(kuni_coordinator *c, kuni_error *err);
void kuni_schedule_fini(kuni_coordinator *c);
/* Must be called when the phase changes. */
void kuni_schedule_phase(kuni_coordinator *c);
/*
 * The next work for a lane, or *found false where nothing is ready. Tasks that turn out to be done
 * already are marked on the way. The work's tasks are marked running.
 */
KUNI_MUST_CHECK kuni_status kuni_schedule_next(kuni_coordinator *c, int lane, kuni_work *work,
                                               bool *found, kuni_error *err);
/* Upper bound of the tasks of the phase that are not yet handed out. */
size_t kuni_schedule_left(const kuni_coordinator *c);
/* Digest of the samples that a task's key takes in; *digest NULL: the cohort's. */
KUNI_MUST_CHECK kuni_status kuni_schedule_key(kuni_coordinator *c, size_t node, size_t task,
                                              kuni_hash *key, kuni_error *err);

/* --- outcome.c --- */

/* Deals with the end of an order: journal, table, quarantine, another try. Takes the order off the
 * list. */
KUNI_MUST_CHECK kuni_status kuni_outcome(kuni_coordinator *c, uint64_t id,
                                         const kuni_job_result *result, kuni_error *err);
/* The rank of a lane is no more: what it had is done by others. */
KUNI_MUST_CHECK kuni_status kuni_outcome_lost(kuni_coordinator *c, int lane, kuni_error *err);
/* Reads what the preflight found in a batch; quarantines. */
KUNI_MUST_CHECK kuni_status kuni_outcome_preflight(kuni_coordinator *c, kuni_buffer *faults,
                                                   size_t *n_faults, kuni_error *err);

#endif
