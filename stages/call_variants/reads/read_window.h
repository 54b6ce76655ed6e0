/* SPDX-License-Identifier: MIT */
/*
 * The reads of one sample near the sweep, filtered, unpacked and ready for use.
 *
 * Reads that shall not count never enter, nor do those of more than KUNI_READ_BASES_MOST bases. Mates that overlap share their bases: where both show the
 * same base one of them carries the combined quality and the other 0, where they differ the better
 * one keeps the difference. Bases beyond the far end of their fragment (adapter) have quality 0.
 * Depth is capped by the hash of the read name within bins of the absolute grid.
 */
#ifndef KUNI_CALL_READ_WINDOW_H
#define KUNI_CALL_READ_WINDOW_H

#include <htslib/sam.h>

#include "model/call.h"

typedef struct kuni_call_read kuni_call_read;
struct kuni_call_read {
    int64_t pos, end;     /* aligned span; end at most pos + KUNI_SPAN_BP */
    int64_t mate_pos;     /* as the record tells; -1: none on this contig */
    int64_t least, most;  /* reference bounds beyond which its bases are adapter */
    uint64_t name;        /* hash of the read name, or of the bases where it has none */
    kuni_call_read *mate; /* the overlapping mate in the window, or NULL */
    kuni_call_read *next; /* in the name table or the free list */
    uint8_t *seq;         /* ACGTN */
    uint8_t *qual;
    uint32_t *cigar; /* htslib's packing */
    uint32_t n_cigar;
    int32_t length;
    uint16_t flag;
    uint8_t mapq;
    uint16_t n_mismatch; /* aligned bases of quality that differ; filled by the pileup */
    size_t capacity;     /* bytes behind seq */
};

static inline bool kuni_call_read_reverse(const kuni_call_read *read)
{
    return (read->flag & BAM_FREVERSE) != 0;
}

typedef struct kuni_read_window {
    kuni_call_read **reads; /* by position, then order in the file */
    size_t n_reads, capacity;
    size_t n_piled; /* the first ones, already in the pileup */
    size_t bin_first;
    int64_t bin;
    int64_t bases_per_bin;  /* aligned bases that its reads may have */
    kuni_call_read **names; /* chains by hash */
    kuni_call_read *free_reads;
    char letters[256][2]; /* of a byte of packed bases */
    uint64_t n_seen, n_used, n_thinned;
} kuni_read_window;

KUNI_MUST_CHECK kuni_status kuni_read_window_init(kuni_read_window *window, kuni_error *err);
void kuni_read_window_fini(kuni_read_window *window);
/* Forgets all reads: another sample begins. */
void kuni_read_window_clear(kuni_read_window *window, int max_depth);
/* Adds a record where it passes the filters. */
KUNI_MUST_CHECK kuni_status kuni_read_window_add(kuni_read_window *window, const bam1_t *record,
                                                 const kuni_call_options *options, kuni_error *err);
/* Drops the reads that end at or before `pos`. */
void kuni_read_window_retire(kuni_read_window *window, int64_t pos);
/* Index of the first read that may cover `pos` or anything after it. */
size_t kuni_read_window_find(const kuni_read_window *window, int64_t pos);
/*
 * Bases beyond the bounds get quality 0. Mates do so when they meet; who has none is trimmed, by its
 * TLEN, when it is wanted.
 */
void kuni_call_read_trim(kuni_call_read *read);
/*
 * Offset in the read of the base aligned to `pos`, or -1 where the read has none there. *deleted
 * tells that a deletion spans it.
 */
int32_t kuni_call_read_offset(const kuni_call_read *read, int64_t pos, bool *deleted);

#endif
