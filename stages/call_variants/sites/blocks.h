/* SPDX-License-Identifier: MIT */
/*
 * Reference confidence: how sure it is that nothing else is there.
 *
 * The confidence of a position is the smaller of two: against a single base (every agreeing base
 * speaks 3 dB against a heterozygote, differing ones for it), and against an indel (reads that
 * reach past the repeat at the position speak 3 dB each, reads that show an indel against it). With
 * one copy of the contig whatever else is there shows in every read: each speaks 20 dB. Where the
 * number of copies is not the caller's to know, both confidences are kept.
 *
 * These are likelihood ratios, as the PL of an event; no prior is in them. Blocks are segmented
 * within cells of the absolute grid by bands of the confidence and then clipped to the shard.
 */
#ifndef KUNI_CALL_BLOCKS_H
#define KUNI_CALL_BLOCKS_H

#include "model/genotype.h"
#include "reads/pileup.h"

typedef struct kuni_cell_confidence {
    uint8_t gq[KUNI_CELL_BP];
    uint8_t gq_one[KUNI_CELL_BP]; /* with one copy, where that may be */
    uint16_t depth[KUNI_CELL_BP];
    uint8_t skip[KUNI_CELL_BP];   /* an event or N stands there */
    uint8_t copies[KUNI_CELL_BP]; /* 0, 1, 2 or KUNI_COPIES_EITHER */
    int lead;                     /* of these: see lead.h */
} kuni_cell_confidence;

/*
 * Fills gq, gq_one, depth and skip (N only) of the cell at `beg` from the pileup; `copies` and
 * `lead` are filled before.
 */
void kuni_confidence_measure(kuni_cell_confidence *cell, const kuni_pileup *pileup,
                             const kuni_call_reference *reference, int64_t beg);
/* Adds the blocks of the cell at `beg`, clipped to the shard, to the writer. */
KUNI_MUST_CHECK kuni_status kuni_blocks_write(const kuni_cell_confidence *cell, int64_t beg,
                                              kuni_span shard, int64_t contig_end, uint32_t sample,
                                              kuni_evidence_writer *writer, kuni_error *err);

#endif
