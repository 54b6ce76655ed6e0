/* SPDX-License-Identifier: MIT */
/*
 * The beats of a rank whose main thread is busy for long with what it does alone: a thread that calls
 * `beat` now and then, under the lock that all of transport.c's calls into MPI take. A child that is
 * forked meanwhile has no such thread and finds the lock free. transport.c alone uses it.
 */
#ifndef KUNI_RANKS_HEART_H
#define KUNI_RANKS_HEART_H

#include <stdint.h>

#include "kuni/status.h"

void kuni_heart_lock(void);
void kuni_heart_unlock(void);

/* `beat` is called with the lock held; what it returns is called after it, without, unless NULL. */
typedef void kuni_heart_end(void);
typedef kuni_heart_end *kuni_heart_beat(void);

KUNI_MUST_CHECK kuni_status kuni_heart_start(int64_t every_ms, kuni_heart_beat *beat,
                                             kuni_error *err);
/* `beat` is not called any more. */
void kuni_heart_stop(void);

#endif
