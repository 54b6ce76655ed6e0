/* SPDX-License-Identifier: MIT */
/* A program that is asked something beside the work: short, without input, and never waited for long. */
#ifndef KUNI_STAGES_EXTERNAL_ASIDE_H
#define KUNI_STAGES_EXTERNAL_ASIDE_H

#include "kuni/buffer.h"

/*
 * Runs `argv` (NULL-ended, the program looked up in PATH) and gives its exit status; 128 and the
 * number where a signal ended it. `said` (may be NULL) gets the first 64 KiB of what it writes to stdout. KUNI_USAGE where
 * there is no such program; KUNI_IO where it does not end within `limit_s`, and is killed.
 */
KUNI_MUST_CHECK kuni_status aside_run(const char *const *argv, int limit_s, int *exit_status,
                                      kuni_buffer *said, kuni_error *err);

#endif
