/* SPDX-License-Identifier: MIT */
/*
 * Messages between the ranks of a run, and the few collectives a run needs.
 *
 * This file and pulse.c are the only places that know MPI. There is one transport per process. A
 * program that no launcher started (no OMPI_COMM_WORLD_SIZE, PMIX_RANK or PMI_RANK in the
 * environment) is rank 0 of 1 and never calls MPI at all, so that `kuni run` works where MPI is
 * broken or absent.
 *
 * Nothing here spins: sends are buffered and go out underneath, receives are probes, and
 * collectives sleep while they wait. Messages between two ranks arrive in the order they were sent.
 * Bulk data never go this way: they go through the file system.
 *
 * Not thread-safe (kuni_transport_watch_busy has a thread of its own). A forked child must not call
 * anything here.
 */
#ifndef KUNI_RANKS_TRANSPORT_H
#define KUNI_RANKS_TRANSPORT_H

#include "kuni/buffer.h"
#include "signs.h"

/*
 * Local or, where a launcher started the program, collective. Call once, before any fork and any
 * use of the rest.
 */
KUNI_MUST_CHECK kuni_status kuni_transport_init(kuni_error *err);
/*
 * Collective. Waits until own messages are delivered, then leaves MPI. Messages nobody received are
 * dropped. After an error that the ranks did not agree on call kuni_transport_abort instead.
 */
void kuni_transport_fini(void);
/* Local. Ends all ranks at once; returns to nobody. Single process: _exit(status). */
_Noreturn void kuni_transport_abort(int status);

int kuni_transport_rank(void);
int kuni_transport_size(void);
/*
 * Number of this rank among those that take part in collectives, and how many these are: rank and
 * size, until ranks are lost and the rest has regrouped. Rank 0 has number 0.
 */
int kuni_transport_place(void);
int kuni_transport_present(void);
/* Name of the host this rank runs on, for messages and logs. */
const char *kuni_transport_host(void);

enum { KUNI_MESSAGE_BYTES_MAX = 1 << 30 };

/* Local, returns at once: the bytes are copied. A rank may send to itself. */
KUNI_MUST_CHECK kuni_status kuni_transport_send(int rank, const void *bytes, size_t length,
                                                kuni_error *err);
/*
 * Local, returns at once. *got tells whether a message was received; it then replaces what was in
 * `message` and *rank is its sender. Also moves own sends on: call it often. The caller sleeps
 * (some ms) between calls that got none.
 */
KUNI_MUST_CHECK kuni_status kuni_transport_poll(int *rank, kuni_buffer *message, bool *got,
                                                kuni_error *err);
/* Own messages that are not yet on their way. */
size_t kuni_transport_pending(void);

/*
 * Collective. All ranks tell how they fared; all get the same answer: KUNI_OK when every rank is
 * well, else status, text and sample of the lowest rank that is not, in `err` (which is overwritten
 * on the others).
 */
KUNI_MUST_CHECK kuni_status kuni_transport_agree(kuni_status mine, kuni_error *err);
/* Collective. The greatest value of all ranks. */
KUNI_MUST_CHECK kuni_status kuni_transport_max(int64_t *value, kuni_error *err);
/* Collective. `message` of rank `root` replaces that of all others. */
KUNI_MUST_CHECK kuni_status kuni_transport_bcast(kuni_buffer *message, int root, kuni_error *err);
/*
 * Collective. Byte strings of all, by place, one after another in `all` of rank 0 (NULL elsewhere).
 */
KUNI_MUST_CHECK kuni_status kuni_transport_gather(const char *mine, int length, char *all,
                                                  const int *lengths, const int *places,
                                                  kuni_error *err);
/* Collective. Waits for all ranks. */
KUNI_MUST_CHECK kuni_status kuni_transport_barrier(kuni_error *err);

/*
 * Silent ranks. From kuni_transport_watch on (local, all ranks, after kuni_transport_init) rank 0 and
 * each of the others tell each other that they live, wherever they wait: in kuni_transport_poll,
 * kuni_transport_pulse and the collectives. Where one has not been heard for `limit_ms`, and
 * `signs` (unless NULL) has seen nothing either, these fail with KUNI_AGAIN here and from then on;
 * MPI cannot be left in order any more. What blocks inside MPI itself is ended with the process.
 */
void kuni_transport_watch(int64_t limit_ms, kuni_signs_of_life *signs, void *context);
/*
 * Local, all ranks. As kuni_transport_watch, for a program that gives no other sign of life: a thread
 * beats beside the main one, so that a rank may be busy for long. One that is, when another has
 * fallen silent, has some seconds to come to where it notices; then it ends with
 * kuni_transport_leave_hung.
 */
KUNI_MUST_CHECK kuni_status kuni_transport_watch_busy(int64_t limit_ms, kuni_error *err);
/*
 * Local. Ends this process, and rank 0 all, where a rank has been silent for too long; `text` (unless
 * NULL) is told once.
 */
_Noreturn void kuni_transport_leave_hung(int status, const char *text);
/* Local. Call it now and then in long work during which the others wait for this rank. */
void kuni_transport_pulse(void);
/* Local. A rank has been silent for too long. */
bool kuni_transport_hung(void);
/* KUNI_RANK_SILENCE_S, or 180 s. */
int64_t kuni_transport_patience_ms(void);
/* Local. The status to end with where MPI cannot be left in order. */
void kuni_transport_end_with(int status);

/*
 * Lost ranks. Where MPI has ULFM (found when kuni is configured) and the launcher turned it on, the
 * death of a rank does not end the others. Messages to and from a lost rank are dropped. A
 * collective during which a rank is lost fails with KUNI_AGAIN on all that wait in it, and so does
 * every one after it until all that are left have called kuni_transport_regroup. MPI cannot be
 * left in order any more: end with kuni_transport_leave. Elsewhere no rank is ever lost.
 */
bool kuni_transport_tolerant(void);
/* Local. The next lost rank that was not told yet. */
bool kuni_transport_lost(int *rank);
bool kuni_transport_alive(int rank);
/* Local. This is the lowest rank that lives: it tells the user. */
bool kuni_transport_speaks(void);
/* Local. Some rank has been lost. */
bool kuni_transport_maimed(void);
/* Local. Collectives fail until all have regrouped. */
bool kuni_transport_broken(void);
/* Collective among those that live. */
KUNI_MUST_CHECK kuni_status kuni_transport_regroup(kuni_error *err);
/* Local. Flushes and ends this process without leaving MPI, which may hang after a loss. */
_Noreturn void kuni_transport_leave(int status);

#endif
