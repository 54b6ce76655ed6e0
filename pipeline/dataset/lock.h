/* SPDX-License-Identifier: MIT */
/*
 * The lock of a dataset: one run at a time, with an epoch number that grows with every run.
 *
 * A POSIX record lock on DATASET/lock, which the kernel drops when the process dies and which
 * forked children do not inherit. The file tells the epoch, host and process of the holder. Ranks
 * of a killed run may outlive it for seconds: they cannot hold the lock (rank 0 alone does), and
 * what they still write has the old epoch in its temporary names. A file system without locks is
 * refused unless the caller insists; the epoch is then the only fence.
 *
 * No other code may open DATASET/lock in the process that holds it: closing any descriptor of it
 * drops the lock.
 */
#ifndef KUNI_DATASET_LOCK_H
#define KUNI_DATASET_LOCK_H

#include "kuni/status.h"

typedef struct kuni_lock kuni_lock;

/* Waits up to wait_ms for another holder to end, then KUNI_AGAIN naming it. */
KUNI_MUST_CHECK kuni_status kuni_lock_take(kuni_lock **lock, const char *folder, int64_t wait_ms,
                                           kuni_error *err);
uint64_t kuni_lock_epoch(const kuni_lock *lock);
/*
 * Checks that no younger run has taken over (possible only where locks are not kept), and that the lock
 * file is still the one that is held: KUNI_AGAIN if not. Before anything that cannot be taken back.
 */
KUNI_MUST_CHECK kuni_status kuni_lock_check(const kuni_lock *lock, kuni_error *err);
/*
 * Whether some process holds the lock of a dataset; for a process that does not itself. Seen from
 * other nodes as far as the file system tells.
 */
bool kuni_lock_is_held(const char *folder);
/* Accepts NULL. */
/*
 * From here on a thread gives the file a new time every `every_ms`, whatever the rest of the process
 * is busy with: others see that the holder lives, or that it is stopped.
 */
KUNI_MUST_CHECK kuni_status kuni_lock_beat(kuni_lock *lock, int64_t every_ms, kuni_error *err);
/* The time of the last beat of whoever holds or held the lock of a folder; -1: there is none. */
int64_t kuni_lock_beaten_ns(const char *folder);
void kuni_lock_release(kuni_lock *lock);

#endif
