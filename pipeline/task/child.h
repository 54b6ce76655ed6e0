/* SPDX-License-Identifier: MIT */
/* Between runner.c (the rank's side of a job) and child.c (the child's). */
#ifndef KUNI_TASK_CHILD_H
#define KUNI_TASK_CHILD_H

#include <stdatomic.h>

#include "job.h"

enum { RUNNER_NAME_BYTES = 256 };

/* A page that parent and child share: what a child that dies cannot tell any more. */
typedef struct runner_page {
    atomic_int_least64_t beats; /* changes with every sign of life */
    atomic_int_least64_t work;
    atomic_int_least64_t sample; /* under way, index into task->samples, or -1 */
    atomic_int_least64_t part;
    char sample_name[RUNNER_NAME_BYTES]; /* "" or the sample's id */
} runner_page;

/* The whole life of the child: never returns. `result_fd` takes the packed result. */
_Noreturn void runner_child_main(const kuni_job *job, runner_page *page, int result_fd,
                                 long parent_pid);

#endif
