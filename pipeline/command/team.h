/* SPDX-License-Identifier: MIT */
/*
 * A piece of work that is cut into shares: each rank takes some, in forked children where it has
 * several. Shares are numbered so that a rank's lie together.
 */
#ifndef KUNI_COMMAND_TEAM_H
#define KUNI_COMMAND_TEAM_H

#include "kuni/status.h"

typedef kuni_status kuni_team_work(void *context, size_t share, size_t n_shares, kuni_error *err);

/* Shares that `jobs` at a time on every rank make. */
size_t kuni_team_shares(int64_t jobs);

/*
 * Collective. All ranks get the same status and error: that of a share that failed. What `work`
 * leaves in memory may be lost with the child. `jobs` is the same on all ranks.
 */
KUNI_MUST_CHECK kuni_status kuni_team_run(int64_t jobs, kuni_team_work *work, void *context,
                                          kuni_error *err);

#endif
