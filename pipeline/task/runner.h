/* SPDX-License-Identifier: MIT */
/*
 * Runs a task's stage code in a forked child of the rank.
 *
 * A crash, a leak or a memory limit in a stage costs the task, never the rank. The child makes the
 * outputs under temporary names beside their places, flushes and digests them, and renames them as
 * its last act: an output that stands at its place is whole. Everything the child has to say comes
 * back through a pipe; the sample under way and a heartbeat stand in a shared page, so that a death
 * without a word is still attributed.
 *
 * A job on a bundle runs its steps for one span after another (see members.h). Several parts in one job are READS steps of the same batch and shard that share one decode (see
 * reads_pass.h); any other step makes a job of its own. The runner knows no MPI; the child never
 * touches it.
 */
#ifndef KUNI_TASK_RUNNER_H
#define KUNI_TASK_RUNNER_H

#include "job.h"

typedef struct kuni_runner kuni_runner; /* one job under way */

/*
 * Forks. The job is copied into the child by the fork itself: nothing needs to outlive the call.
 * Before: flush stdio. Errors: no process, no memory, no descriptor.
 */
KUNI_MUST_CHECK kuni_status kuni_runner_start(kuni_runner **runner, const kuni_job *job,
                                              kuni_error *err);
/*
 * Returns at once. *done tells whether the job ended; `result` is then filled (the caller finishes
 * it with kuni_job_result_fini) and the runner is to be freed. An error here is about the runner
 * itself, never the stage.
 */
KUNI_MUST_CHECK kuni_status kuni_runner_poll(kuni_runner *runner, bool *done,
                                             kuni_job_result *result, kuni_error *err);
/*
 * The descriptor that can be read, or is at its end, when the job has ended; -1: it ends any moment.
 */
int kuni_runner_fd(const kuni_runner *runner);
/* The last heartbeat's value, for progress. */
int64_t kuni_runner_work(const kuni_runner *runner);
/* Kills the child and all it started; the next poll reports KUNI_AGAIN. */
void kuni_runner_kill(kuni_runner *runner);
/* Kills what is still running, removes temporary files. Accepts NULL. */
void kuni_runner_free(kuni_runner *runner);

#endif
