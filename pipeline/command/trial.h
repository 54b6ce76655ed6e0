/* SPDX-License-Identifier: MIT */
/*
 * A trial: some people in some shards through the stages of a workflow, by the engine itself, in a
 * scratch folder outside the dataset; and what follows of that for the whole. The scratch folder is
 * removed afterwards, also after a failure or a signal.
 */
#ifndef KUNI_COMMAND_TRIAL_H
#define KUNI_COMMAND_TRIAL_H

#include "preview.h"

typedef struct kuni_trial_request {
    const kuni_preview *preview; /* of the whole */
    const char *folder;          /* where the scratch folder is made */
    int64_t people, shards;      /* that are wanted, if there are so many */
    int64_t jobs;                /* tasks at once in the trial */
    int64_t ranks, rank_jobs;    /* that the time is wanted for */
} kuni_trial_request;

typedef struct kuni_trial_step {
    const char *name; /* borrowed from the preview */
    double cpu_s, bytes;
} kuni_trial_step;

typedef struct kuni_trial {
    size_t people[2], all_people; /* of the smaller and the larger cohort; with reads to be read */
    size_t shards, all_shards;
    double cpu_s, wall_s; /* that the trial took */
    /* of the whole, of what is left to do */
    kuni_trial_step *steps;
    size_t n_steps;
    double whole_cpu_s, whole_wall_s;
    double task_rss_bytes;                            /* the largest task */
    double evidence_bytes, dense_bytes, sparse_bytes; /* 0: the workflow makes none */
    double disk_bytes;                                /* all that is kept in the dataset */
} kuni_trial;

/*
 * KUNI_USAGE: nobody has reads that are there, or the folder is of the dataset. KUNI_AGAIN: a signal.
 * Else what the run in the scratch folder ended with. To be closed also on failure.
 */
KUNI_MUST_CHECK kuni_status kuni_trial_run(kuni_trial *trial, const kuni_trial_request *request,
                                           kuni_error *err);
void kuni_trial_fini(kuni_trial *trial);

#endif
