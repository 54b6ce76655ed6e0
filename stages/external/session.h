/* SPDX-License-Identifier: MIT */
/* The processes of a session, as /proc has them: a command, and all it started that did not leave it. */
#ifndef KUNI_STAGES_EXTERNAL_SESSION_H
#define KUNI_STAGES_EXTERNAL_SESSION_H

#include <stdint.h>
#include <sys/types.h>

/* `ticks` is the processor time of one process, in clock ticks. */
typedef void session_visitor(void *context, pid_t pid, uint64_t ticks);

void session_visit(pid_t session, session_visitor *visit, void *context);

#endif
