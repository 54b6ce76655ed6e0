/* SPDX-License-Identifier: MIT */
/*
 * A run as every rank knows it: the workflow and what follows from it. Read-only once made, but for
 * the columns.
 */
#ifndef KUNI_ENGINE_RUN_H
#define KUNI_ENGINE_RUN_H

#include "cohort.h"
#include "plan.h"

typedef struct kuni_dry_tasks kuni_dry_tasks;

typedef struct kuni_run_options {
    const char *workflow;
    const char *const *settings; /* --set */
    size_t n_settings;
    int64_t jobs;         /* tasks at once per rank */
    int64_t lock_wait_ms; /* how long to wait for another run to end */
    bool quiet;           /* no progress, only faults and the summary */
    bool recall;          /* call everybody again, with what the workflow says: see recall.h */
    /* recall: told what will be changed before it is; false: leave everything as it is. */
    bool (*agree)(void *context, const char *text);
    void *context;
    bool retry_quarantined; /* quarantined samples get another chance with the same files */
    bool drop_published; /* without files that are published and that the workflow does not make */
    bool keep_all;       /* do not remove files that nothing refers to any more */
    /* Ids of stages, see wanted.h: what leads to one and itself, itself alone; or NULL. */
    const char *until, *only;
    const char *const *force; /* again, though nothing has changed */
    size_t n_force;
    bool forecast;       /* of a preview: as if nobody came to be quarantined, to the end */
    bool trusts_seals;   /* of a preview: does not look at the files that seals tell of */
    kuni_dry_tasks *dry; /* tasks without stages, see dry_tasks.h; or NULL */
} kuni_run_options;

typedef struct kuni_run {
    const kuni_run_options *options;
    kuni_workflow workflow;
    kuni_cohort cohort;
    kuni_genome *genome;
    kuni_ploidy *ploidy;
    kuni_plan plan;
    const char *folder; /* of the dataset, absolute */
    const char *aside;  /* where outputs, logs and scratch of tasks go instead; NULL: there */
    uint64_t epoch;
    mode_t umask; /* of who started the run: for what it makes outside the dataset */
    int rank, size;
    size_t
        *hosts; /* rank 0, of each rank: ranks on one machine have the same number; NULL: alone */
    int32_t *columns; /* by sample; valid once columns_known: from phase JUDGE on */
    bool columns_known;
    int64_t n_columns;
} kuni_run;

void kuni_run_fini(kuni_run *run);

/* Opens the reference and the ploidy, and makes the plan of the workflow and the cohort. */
KUNI_MUST_CHECK kuni_status kuni_run_make_plan(kuni_run *run, kuni_error *err);

/* Makes the columns, once it is final who has none: the withdrawn and the quarantined. */
KUNI_MUST_CHECK kuni_status kuni_run_set_columns(kuni_run *run, const uint8_t *without,
                                                 kuni_error *err);

/* Writes the register of the dataset from the cohort. Rank 0 only. */
KUNI_MUST_CHECK kuni_status kuni_run_write_register(const kuni_run *run, kuni_error *err);

/* Paths below the dataset folder, allocated in `arena`. */
KUNI_MUST_CHECK const char *kuni_run_path(const kuni_run *run, kuni_arena *arena, kuni_error *err,
                                          const char *format, ...) KUNI_PRINTF(4, 5);
/*
 * Where output `output` of a task with this key stands: data/FOLDER/SHARD/BATCH.KEY16.EXTENSION;
 * "all" stands for an axis the node does not have.
 */
KUNI_MUST_CHECK const char *kuni_run_output(const kuni_run *run, kuni_arena *arena, size_t node,
                                            size_t output, int64_t shard, int64_t batch,
                                            uint64_t key, kuni_error *err);
/* "call chr1-0-5000000 b0003": for messages. */
const char *kuni_run_task_name(const kuni_run *run, size_t node, int64_t shard, int64_t batch,
                               char *buffer, size_t bytes);

/* What a task of a node may use at its n-th try, from 0; 0: no limit. */
int64_t kuni_run_memory(const kuni_run *run, size_t node, int64_t attempt);
/*
 * The places of its machine that a task takes: one for each thread, or for each resources.memory of
 * what it may use.
 */
int64_t kuni_run_places(const kuni_run *run, size_t node, int64_t attempt);

/* --- requests to stop, by signal --- */

/* Installs handlers for SIGTERM, SIGINT, SIGHUP and SIGUSR1. */
void kuni_stop_watch(void);
/* The signal that asked this process to stop, or 0. */
int kuni_stop_asked(void);

#endif
