/* SPDX-License-Identifier: MIT */
/*
 * Runs a command: in a process group of its own, with a time limit, watched for signs of life. Its
 * stdout and stderr are those of this process.
 */
#ifndef KUNI_STAGES_EXTERNAL_COMMAND_H
#define KUNI_STAGES_EXTERNAL_COMMAND_H

#include "container.h"

typedef struct command_order {
    char *const *argv;    /* NULL-ended; argv[0] is looked up in PATH */
    const char *folder;   /* working directory, or NULL */
    const char *output;   /* its growth is a sign of life */
    int64_t time_limit_s; /* 0: none; then `heartbeat` follows signs of life */
    int64_t threads;
    const char *env; /* names of the variables that pass, one a line; NULL: all but MPI's */
    const container_order *container;     /* NULL: the command runs in the system as it is */
    void (*heartbeat)(int64_t work_done); /* may be NULL */
    const char *label;                    /* "stage annotate", for messages */
} command_order;

/*
 * Waits for the end. Any end but exit status 0 is an error with the last lines of stderr: KUNI_BUG, or
 * KUNI_IO where a container never began.
 */
KUNI_MUST_CHECK kuni_status command_run(const command_order *order, kuni_error *err);

#endif
