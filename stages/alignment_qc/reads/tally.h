/* SPDX-License-Identifier: MIT */
/*
 * What is counted a read: flags, lengths, qualities by cycle, mismatches by cycle, clipping, insert
 * sizes, GC.
 *
 * A read counts in the shard that holds its POS (reads without a place in the shard with tid -1).
 * Cycles run in sequencing order: reverse reads are turned around. Cycles of hard-clipped bases are
 * unknown and not shifted for.
 */
#ifndef KUNI_ALIGNMENT_QC_TALLY_H
#define KUNI_ALIGNMENT_QC_TALLY_H

#include <htslib/sam.h>

#include "kuni/genome.h"
#include "partials/counters.h"

typedef struct kuni_qc_tally kuni_qc_tally;

/* Fetches the shard's sequence; the genome is borrowed. */
KUNI_MUST_CHECK kuni_status kuni_qc_tally_new(kuni_qc_tally **tally, kuni_genome *genome,
                                              kuni_span shard, kuni_error *err);
void kuni_qc_tally_free(kuni_qc_tally *tally);
/* The shard's sequence as htslib's 4-bit codes, one a byte, from shard.beg on. */
const uint8_t *kuni_qc_tally_sequence(const kuni_qc_tally *tally);
/* GC of the shard's reference windows into the reference vector. */
void kuni_qc_tally_windows(kuni_qc_tally *tally, uint64_t *reference);
void kuni_qc_tally_begin(kuni_qc_tally *tally, uint64_t *counts);
/* Counts a record whose POS the shard holds. `end` is its end on the reference. */
KUNI_MUST_CHECK kuni_status kuni_qc_tally_add(kuni_qc_tally *tally, const bam1_t *record,
                                              int64_t end, kuni_error *err);
/* Turns the sample's running differences into counts. */
void kuni_qc_tally_end(kuni_qc_tally *tally);
/*
 * The reference positions where the record's last comparison found ACGT against another ACGT.
 * Compares now if the record was not counted. Valid until the next call.
 */
KUNI_MUST_CHECK kuni_status kuni_qc_tally_mismatches(kuni_qc_tally *tally, const bam1_t *record,
                                                     int64_t end, const int64_t **positions,
                                                     size_t *n_positions, kuni_error *err);

#endif
