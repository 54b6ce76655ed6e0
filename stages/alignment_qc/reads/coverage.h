/* SPDX-License-Identifier: MIT */
/*
 * Coverage by the GA4GH rules, streamed over a shard.
 *
 * A base counts where it is aligned (M, =, X), its read is a primary, PF, non-duplicate alignment
 * with enough mapping quality, and its base quality suffices. Where the two reads of a pair both
 * offer a base at a position, the pair counts once. Positions belong to the shard that holds them;
 * both reads of a pair that overlap at a position also overlap the shard of that position, so the
 * result does not depend on the cut.
 *
 * Depth is kept as differences in a window that slides with the reads: memory does not grow with
 * the shard.
 */
#ifndef KUNI_ALIGNMENT_QC_COVERAGE_H
#define KUNI_ALIGNMENT_QC_COVERAGE_H

#include <htslib/sam.h>

#include "kuni/genome.h"
#include "partials/counters.h"

/* A run of non-N reference positions of one class. */
typedef struct kuni_qc_segment {
    int64_t beg, end;
    kuni_qc_class class;
} kuni_qc_segment;

typedef struct kuni_qc_coverage kuni_qc_coverage;

/* `segments` are borrowed, sorted, within the shard. */
KUNI_MUST_CHECK kuni_status kuni_qc_coverage_new(kuni_qc_coverage **coverage, kuni_span shard,
                                                 const kuni_qc_segment *segments, size_t n_segments,
                                                 int min_base_quality, kuni_error *err);
void kuni_qc_coverage_free(kuni_qc_coverage *coverage);
/* Forgets what was counted and starts a sample whose counts go to `counts`. */
void kuni_qc_coverage_begin(kuni_qc_coverage *coverage, uint64_t *counts);
/*
 * Adds a record that passed the read filters and overlaps the shard; records come by POS.
 * `mismatches` are reference positions where the record differs, sorted (used on X only),
 * n_mismatches may be 0.
 */
KUNI_MUST_CHECK kuni_status kuni_qc_coverage_add(kuni_qc_coverage *coverage, const bam1_t *record,
                                                 int64_t end, const int64_t *mismatches,
                                                 size_t n_mismatches, kuni_error *err);
/* Counts what is left up to the end of the shard. */
KUNI_MUST_CHECK kuni_status kuni_qc_coverage_end(kuni_qc_coverage *coverage, kuni_error *err);
/* True where heterozygosity of the shard is of use, so that mismatches are wanted. */
bool kuni_qc_coverage_wants_mismatches(const kuni_qc_coverage *coverage);

#endif
