/* SPDX-License-Identifier: MIT */
/*
 * The executor of a rank: turns an order of work into tasks and runs it in a forked child; several
 * at once.
 *
 * Local: knows no other rank. Nothing of a work stays in the rank's memory while its child runs.
 */
#ifndef KUNI_ENGINE_EXECUTOR_H
#define KUNI_ENGINE_EXECUTOR_H

#include "run.h"
#include "runner.h"
#include "work.h"

typedef struct kuni_executor kuni_executor;

KUNI_MUST_CHECK kuni_status kuni_executor_new(kuni_executor **executor, kuni_run *run, size_t slots,
                                              kuni_error *err);
/* Kills what runs. Accepts NULL. */
void kuni_executor_free(kuni_executor *executor);
size_t kuni_executor_busy(const kuni_executor *executor);
size_t kuni_executor_idle(const kuni_executor *executor);
/* Starts a work; a slot must be idle. */
KUNI_MUST_CHECK kuni_status kuni_executor_start(kuni_executor *executor, const kuni_work *work,
                                                kuni_error *err);
/* One work that has ended since, if *done: its id, and its result for the caller to finish. */
KUNI_MUST_CHECK kuni_status kuni_executor_poll(kuni_executor *executor, bool *done, uint64_t *id,
                                               kuni_job_result *result, kuni_error *err);
/* Sleeps for so long, or until a work ends. */
void kuni_executor_wait(kuni_executor *executor, int64_t us);

/*
 * Collective. Runs a work of a RANKS step on all ranks; the result's outputs are filled on all of
 * them.
 */
KUNI_MUST_CHECK kuni_status kuni_executor_together(kuni_run *run, const kuni_work *work,
                                                   kuni_job_result *result, kuni_error *err);

#endif
