/* SPDX-License-Identifier: MIT */
/*
 * The body of a QC file as it is stored: its numbers sorted into streams of their own kind, each deflated. What
 * takes the room is counts of some thousand classes; their low bytes are noise, all else of them is
 * alike from sample to sample.
 *
 *   for each stream: u64 bytes, u64 stored bytes; then the streams, as zlib writes them:
 *   0  sizes of records, numbers of counts, gaps between them (varints)
 *   1  the low byte of each count
 *   2  the rest of it (varints)
 *   3  what follows a record's counts
 */
#ifndef KUNI_ALIGNMENT_QC_FOLDED_H
#define KUNI_ALIGNMENT_QC_FOLDED_H

#include "counters.h"

/* `body`: coded reference counts and n_samples records (partial.h). Appends to `out`. */
KUNI_MUST_CHECK kuni_status kuni_qc_fold(kuni_qc_bytes body, uint32_t n_samples, kuni_buffer *out,
                                         kuni_error *err);
/* And back, the same bytes. KUNI_DATA where it does not add up; the text is the caller's. */
KUNI_MUST_CHECK kuni_status kuni_qc_unfold(kuni_qc_bytes stored, uint32_t n_samples,
                                           kuni_buffer *out, kuni_error *err);

#endif
