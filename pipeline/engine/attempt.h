/* SPDX-License-Identifier: MIT */
/*
 * One task alone, on what stands in the dataset, with its outputs elsewhere: for `kuni try`. Nothing
 * of the dataset is changed, no lock is taken, and what comes of it is never taken by a run.
 */
#ifndef KUNI_ENGINE_ATTEMPT_H
#define KUNI_ENGINE_ATTEMPT_H

#include "job.h"
#include "preview.h"

typedef struct kuni_attempt_request {
    const char *stage;  /* "annotate", or a step of it: "qc.batch" */
    const char *shard;  /* "chr20:1-5000000" (the shard that holds its begin), or its name */
    const char *batch;  /* "b0000" */
    const char *sample; /* its batch; a step that reads samples sees no other */
    const char *folder; /* where outputs go: there, empty, outside the dataset */
} kuni_attempt_request; /* what is NULL is chosen: the first that can be done */

typedef struct kuni_attempt {
    size_t node, task;
    char name[512];         /* as in messages of a run: "annotate chr20-0-5000000" */
    const char *more_steps; /* of the same stage: "batch, cohort"; "" where there are none */
    size_t n_inputs;
    const char **outputs; /* paths; NULL: an optional one that was not written */
    size_t n_outputs;
    const char *log;        /* without ".out" and ".err"; one that is empty is not there */
    kuni_job_result result; /* its status is that of the task */
    kuni_arena *arena;
} kuni_attempt;

/*
 * Runs it. `preview`: made with `forecast`. KUNI_USAGE: there is no such task, or what it takes does
 * not stand; names the cure. KUNI_AGAIN: a signal. A task that fails is no failure of this: see
 * `result`. To be finished in any case.
 */
KUNI_MUST_CHECK kuni_status kuni_attempt_run(kuni_attempt *attempt, kuni_preview *preview,
                                             const kuni_attempt_request *request, kuni_error *err);
void kuni_attempt_fini(kuni_attempt *attempt);

#endif
