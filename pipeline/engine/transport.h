/* SPDX-License-Identifier: MIT */
/*
 * Messages between the ranks of a run, and the few collectives a run needs.
 *
 * This file and assembly.c are the only places that know MPI. There is one transport per process. A
 * program that no launcher started (no OMPI_COMM_WORLD_SIZE, PMIX_RANK or PMI_RANK in the
 * environment) is rank 0 of 1 and never calls MPI at all, so that `kuni run` works where MPI is
 * broken or absent.
 *
 * Nothing here spins: sends are buffered and go out underneath, receives are probes, and
 * collectives sleep while they wait. Messages between two ranks arrive in the order they were sent.
 * Bulk data never go this way: they go through the file system.
 *
 * Not thread-safe. A forked child must not call anything here.
 */
#ifndef KUNI_ENGINE_TRANSPORT_H
#define KUNI_ENGINE_TRANSPORT_H

#include "kuni/buffer.h"

/* Local or, where a launcher started the program, collective. Call once, before any fork and any
 * use of the rest. */
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
/* Collective. Waits for all ranks. */
KUNI_MUST_CHECK kuni_status kuni_transport_barrier(kuni_error *err);

#endif
