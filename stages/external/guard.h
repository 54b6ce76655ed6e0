/* SPDX-License-Identifier: MIT */
/*
 * A process that stands beside a command and ends it where this one cannot any more: killed by
 * SIGKILL, or out of memory, it would leave a pipeline running, whose parts have no parent that
 * they would die with.
 */
#ifndef KUNI_STAGES_EXTERNAL_GUARD_H
#define KUNI_STAGES_EXTERNAL_GUARD_H

#include <sys/types.h>

#include "kuni/status.h"

typedef struct command_guard {
    pid_t pid;
    int fd;
} command_guard;

/* Before the command is started. */
KUNI_MUST_CHECK kuni_status guard_start(command_guard *guard, const char *label, kuni_error *err);
/* The process group that it stands beside. */
void guard_tell(const command_guard *guard, pid_t group);
/* The command has ended and nothing of it is left. */
void guard_end(command_guard *guard);

#endif
