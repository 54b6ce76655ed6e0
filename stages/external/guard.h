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

/*
 * Before a command is started. The first of a process brings the guard, which stands beside all that
 * follow: a task may run thousands.
 */
KUNI_MUST_CHECK kuni_status guard_ready(const char *label, kuni_error *err);
/*
 * The process group that it stands beside; 0: the command has ended and nothing of it is left. And the
 * name of the podman container that belongs to it, or "".
 */
void guard_tell(pid_t group, const char *name);

#endif
