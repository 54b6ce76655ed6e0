/* SPDX-License-Identifier: MIT */
/*
 * The ranks of a command other than `kuni run`: how they come together and part, each noticing where
 * another falls silent (see transport.h), and a piece of work that is cut into shares: each rank
 * takes some, in forked children where there are several. Shares are numbered so that a rank's lie
 * together.
 */
#ifndef KUNI_COMMAND_TEAM_H
#define KUNI_COMMAND_TEAM_H

#include "kuni/status.h"

/* Collective, where a launcher started the program. Instead of kuni_transport_init. */
KUNI_MUST_CHECK kuni_status kuni_team_join(kuni_error *err);
/*
 * Collective. Instead of kuni_transport_fini: the command has ended with `status` on all ranks, and
 * rank 0 has told. The exit status: that of rank 0, as a launcher ends the job with the first that
 * fails. Returns to nobody where a rank is silent or lost: ends, and tells what rank 0 cannot.
 */
KUNI_MUST_CHECK int kuni_team_leave(kuni_status status, const kuni_error *err);

typedef kuni_status kuni_team_work(void *context, size_t share, size_t n_shares, kuni_error *err);

/* Shares that `jobs` at a time on every rank make. */
size_t kuni_team_shares(int64_t jobs);

/*
 * Collective. All ranks get the same status and error: that of a share that failed. What `work`
 * leaves in memory may be lost with the child. `jobs` is the same on all ranks. KUNI_AGAIN where a
 * rank, or a child, stands still: the children are ended.
 */
KUNI_MUST_CHECK kuni_status kuni_team_run(int64_t jobs, kuni_team_work *work, void *context,
                                          kuni_error *err);

#endif
