/* SPDX-License-Identifier: MIT */
/*
 * A table packed by BGZF, written in pieces: blocks end where the writer says, so that pieces which are cut
 * there and joined have the same bytes however many there were.
 */
#ifndef KUNI_SUMMARY_PACKED_H
#define KUNI_SUMMARY_PACKED_H

#include "kuni/buffer.h"

typedef struct kuni_packed kuni_packed;

KUNI_MUST_CHECK kuni_status kuni_packed_open(kuni_packed **packed, const char *path,
                                             kuni_error *err);
/* Writes what `text` holds and clears it. */
KUNI_MUST_CHECK kuni_status kuni_packed_write(kuni_packed *packed, kuni_buffer *text,
                                              kuni_error *err);
/* Ends the block under way. */
KUNI_MUST_CHECK kuni_status kuni_packed_flush(kuni_packed *packed, kuni_error *err);
/* Frees also on failure. */
KUNI_MUST_CHECK kuni_status kuni_packed_close(kuni_packed *packed, kuni_error *err);
/* Frees without finishing. Accepts NULL. */
void kuni_packed_abandon(kuni_packed *packed);

/* Indexes a packed table by its first two columns, contig and position from 1: PATH.csi. */
KUNI_MUST_CHECK kuni_status kuni_packed_index(const char *path, kuni_error *err);

/* Appends to a line: a whole number without printf, which is most of what tables hold. */
KUNI_MUST_CHECK kuni_status kuni_packed_int(kuni_buffer *text, int64_t value, kuni_error *err);

#endif
