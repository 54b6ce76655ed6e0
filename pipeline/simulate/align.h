/* SPDX-License-Identifier: MIT */
/*
 * How an aligner shows a read whose true place is known.
 *
 * Scores are those of bwa mem: match 1, mismatch -4, gap -6 - length, 5 for reaching an end of the
 * read. Starting from the longest exact stretch, each side takes the best of: the true alignment,
 * going straight on over an indel (with mismatches), or a soft clip. So indels near the ends of
 * reads vanish into mismatches and clips as they do in real files. A read without 19 matching bases
 * in a row or a score of 30 is unmapped.
 */
#ifndef KUNI_SIMULATE_ALIGN_H
#define KUNI_SIMULATE_ALIGN_H

#include "kuni/buffer.h"

enum { SIM_READ_MOST_BP = 300 };

typedef struct sim_alignment {
    bool mapped;
    int64_t beg, end; /* on the reference */
    int32_t score, edits;
    uint32_t n_cigar;
    uint32_t cigar[SIM_READ_MOST_BP + 2];
    uint32_t clipped; /* bases */
} sim_alignment;

/*
 * bases: `length` letters in reference direction. places: the true reference position of each, -1:
 * inserted; changed on the way. ref: letters of [ref_beg, ref_end).
 */
void sim_align(const char *bases, int64_t *places, int32_t length, const char *ref, int64_t ref_beg,
               int64_t ref_end, sim_alignment *out);

/*
 * Writes the MD tag's text (NUL-terminated) and returns its length; room for 4 bytes a base and 32.
 */
size_t sim_align_md(const sim_alignment *alignment, const char *bases, const char *ref,
                    int64_t ref_beg, char *text);

#endif
