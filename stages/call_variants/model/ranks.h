/* SPDX-License-Identifier: MIT */
/*
 * Rank sums: whether the reads of the ALTs have other mapping qualities, places in the read or base
 * qualities than those of REF. z of the Wilcoxon (Mann-Whitney) test by the normal approximation,
 * corrected for ties:
 *
 *   z = (U - mn/2) / sqrt(mn/12 ((N + 1) - sum(t^3 - t) / (N (N - 1))))
 *
 * U counts the pairs in which the ALT's value is the higher one, equal ones by half; m and n are
 * the reads of REF and ALT, N both, t the sizes of the groups of equal values. 0 where all are
 * equal.
 */
#ifndef KUNI_CALL_RANKS_H
#define KUNI_CALL_RANKS_H

#include "kuni/evidence.h"

enum { KUNI_RANK_VALUES = 256 };

typedef struct kuni_rank_counts {
    uint32_t n[2][KUNI_RANK_VALUES]; /* REF, ALT: reads by value */
} kuni_rank_counts;

static inline void kuni_rank_add(kuni_rank_counts *counts, bool alt, int64_t value)
{
    counts->n[alt][value < 0 ? 0 : value < KUNI_RANK_VALUES ? value : KUNI_RANK_VALUES - 1]++;
}

/* The code of z, KUNI_RANK_UNKNOWN where REF or ALT has no read. */
uint8_t kuni_rank_of(const kuni_rank_counts *counts);

#endif
