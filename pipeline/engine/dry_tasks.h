/* SPDX-License-Identifier: MIT */
/*
 * Tasks without a stage, for `kuni bench-engine`: what a run costs beside the work of its stages.
 *
 * Coordinator, workers, messages, journal, seals and resume are those of any run; in place of a step a
 * task sleeps or computes, and leaves an empty file at the place of each output.
 */
#ifndef KUNI_ENGINE_DRY_TASKS_H
#define KUNI_ENGINE_DRY_TASKS_H

#include "job.h"
#include "run.h"
#include "work.h"

/* What rank 0 took. */
typedef struct kuni_dry_figures {
    double start_s, reads_s;         /* to the reads phase, and in it */
    double start_cpu_s, reads_cpu_s; /* of rank 0 itself, without its children */
    int64_t tasks, reused;           /* of the reads phase */
    int64_t rss_bytes;
    int ranks;
} kuni_dry_figures;

struct kuni_dry_tasks {
    int64_t sleep_us, hash_us; /* of a task: it sleeps; it computes for so much CPU time */
    bool processes;            /* each in a process of its own, as a stage's; hash_us needs it */
    bool no_files;             /* nothing is left: outputs count as absent */
    kuni_status (*prepare)(void *context, kuni_error *err); /* rank 0, before anything is read */
    void *context;
    int64_t began_ms;
    kuni_dry_figures figures; /* set on rank 0 */
};

/*
 * Does a work at once, within this process: its files, and the result to be told once sleep_us have
 * passed.
 */
KUNI_MUST_CHECK kuni_status kuni_dry_do(const kuni_run *run, const kuni_work *work,
                                        kuni_arena *arena, kuni_job_result *result,
                                        kuni_error *err);
/* A step that does so in the runner's child, with the outputs of `like`. */
KUNI_MUST_CHECK const kuni_step *kuni_dry_step(const kuni_dry_tasks *dry, const kuni_step *like,
                                               kuni_arena *arena, kuni_error *err);

/* Rank 0: at the beginning and at the end of the reads phase; `done`: tasks by then. */
void kuni_dry_begin(const kuni_run *run, size_t done);
void kuni_dry_end(const kuni_run *run, size_t done);

#endif
