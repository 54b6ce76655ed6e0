/* SPDX-License-Identifier: MIT */
/*
 * The region index of one contig, as CSI and TBI files hold it: bins with chunks of virtual
 * offsets, and for each 16 kb window the offset of the first record that overlaps it or comes
 * after.
 *
 * Indices of consecutive pieces of a file merge by arithmetic: virtual offsets are shifted by the
 * piece's place. Formats: the SAM specification's CSIv1.pdf and tabix.pdf.
 */
#ifndef KUNI_STAGES_MERGE_CONTIG_INDEX_H
#define KUNI_STAGES_MERGE_CONTIG_INDEX_H

#include "kuni/buffer.h"

enum { CONTIG_INDEX_MIN_SHIFT = 14, CONTIG_INDEX_TBI_DEPTH = 5 };

typedef struct index_chunk {
    uint64_t beg, end; /* virtual offsets */
} index_chunk;

typedef struct index_bin {
    index_chunk *chunks;
    size_t n_chunks, capacity;
} index_bin;

typedef struct contig_index {
    int depth;       /* levels below the root */
    index_bin *bins; /* by bin number */
    uint32_t n_bins;
    uint64_t *windows; /* UINT64_MAX: no record yet */
    size_t n_windows, capacity;
    uint64_t n_records, beg, end; /* virtual offsets of the first record and past the last */
} contig_index;

/* Levels that a longest contig needs. */
int contig_index_depth(int64_t longest_bp);
KUNI_MUST_CHECK kuni_status contig_index_init(contig_index *index, int depth, kuni_error *err);
void contig_index_fini(contig_index *index);
/* Empty again. */
void contig_index_clear(contig_index *index);

/* A record over [pos, end) between two virtual offsets. In order of position. */
KUNI_MUST_CHECK kuni_status contig_index_add(contig_index *index, int64_t pos, int64_t end,
                                             uint64_t from, uint64_t to, kuni_error *err);

/*
 * As bytes; and back: adds to `index` what *bytes holds, offsets moved on by `place` bytes of file.
 * Moves *bytes on. KUNI_BUG where the bytes are no such index.
 */
KUNI_MUST_CHECK kuni_status contig_index_pack(const contig_index *index, kuni_buffer *out,
                                              kuni_error *err);
KUNI_MUST_CHECK kuni_status contig_index_merge(contig_index *index, const char **bytes,
                                               size_t *length, uint64_t place, kuni_error *err);

/*
 * The part of a contig in a CSI file (an empty index: the entry of a contig without records) or a
 * TBI file.
 */
KUNI_MUST_CHECK kuni_status contig_index_print_csi(contig_index *index, kuni_buffer *out,
                                                   kuni_error *err);
KUNI_MUST_CHECK kuni_status contig_index_print_tbi(contig_index *index, kuni_buffer *out,
                                                   kuni_error *err);

#endif
