/* SPDX-License-Identifier: MIT */
/*
 * Whether the other ranks live: beats between rank 0 and each of the others, apart from all other
 * messages, so that a rank that is stopped or whose node is lost is noticed wherever the others
 * wait for it. Off until the program asks for it (kuni_transport_watch). transport.c alone uses it.
 *
 * Only time in which this process itself looked around counts as silence of another: one that was
 * suspended with the others, or was busy, has heard nobody and may not judge.
 */
#ifndef KUNI_RANKS_PULSE_H
#define KUNI_RANKS_PULSE_H

#include <mpi.h>

#include "kuni/status.h"
#include "signs.h"

/* Collective. Of `all`, whose ranks are those of the messages. */
KUNI_MUST_CHECK kuni_status kuni_pulse_open(MPI_Comm all, kuni_error *err);
/* KUNI_RANK_SILENCE_S, or 180 s. */
int64_t kuni_pulse_patience_ms(void);
void kuni_pulse_watch(int64_t limit_ms, kuni_signs_of_life *signs, void *context);
/* Sends and hears beats when it is time. Local; call it wherever this rank waits. */
void kuni_pulse_beat(void);
/* The first rank found silent for longer than the limit, or -1. */
int kuni_pulse_silent(void);
/* Ranks that are known to be gone are not waited for. */
void kuni_pulse_forget(int rank);
void kuni_pulse_close(void);

#endif
