/* SPDX-License-Identifier: MIT */
/*
 * What the tasks of a run have taken, by step and batch: DATASET/accounting.tsv, sums in status.json and
 * in the last lines of a run. Every attempt counts, also one that failed. Rank 0 only.
 *
 * Parts that shared a decode share what it took evenly. A step that all ranks do together has the
 * time of one of them as `wall_s`, and no more.
 */
#ifndef KUNI_ENGINE_ACCOUNT_H
#define KUNI_ENGINE_ACCOUNT_H

#include <jansson.h>

#include "job.h"
#include "run.h"
#include "work.h"

typedef struct kuni_spent {
    int64_t tasks, failed; /* ended well; attempts that did not */
    double cpu_s, wall_s;
    double read_bytes, written_bytes; /* through system calls, of files, pipes and sockets */
    double kept_bytes;                /* of outputs */
} kuni_spent;

typedef struct kuni_account {
    const kuni_run *run;
    kuni_spent *cells; /* [node * (n_batches + 1) + batch], the last of a node: of no batch */
} kuni_account;

KUNI_MUST_CHECK kuni_status kuni_account_init(kuni_account *account, const kuni_run *run,
                                              kuni_error *err);
void kuni_account_fini(kuni_account *account);
void kuni_account_add(kuni_account *account, const kuni_work *work, const kuni_job_result *result);
/* Of all batches of a node. */
kuni_spent kuni_account_step(const kuni_account *account, size_t node);
kuni_spent kuni_account_all(const kuni_account *account);
/* An array with an object for each step that has taken anything; NULL: no memory. */
json_t *kuni_account_steps(const kuni_account *account);
/* DATASET/accounting.tsv; left as it is where no task was run. */
KUNI_MUST_CHECK kuni_status kuni_account_write(const kuni_account *account, kuni_error *err);

#endif
