/* SPDX-License-Identifier: MIT */
/*
 * Haplotypes longer than a read: what reads show one after the other, wherever they overlap and agree.
 *
 * In a wide region no read shows two variants of one molecule that stand far apart; sets of single
 * reads alone would say that each has one copy without the other.
 */
#ifndef KUNI_CALL_CHAINS_H
#define KUNI_CALL_CHAINS_H

#include "variants.h"

enum { KUNI_CHAINS_MAX = 10, KUNI_CHAIN_VARIANTS_MAX = 64 };

typedef struct kuni_chain {
    uint64_t has; /* bit i: variant i */
    uint32_t n;
    uint32_t support; /* the fewest reads that a step on the way has */
} kuni_chain;

/* The chains that most reads agree with, best first; of variants in order of position, as selected. None
 * where there are more than KUNI_CHAIN_VARIANTS_MAX. */
size_t kuni_chains_find(const kuni_variants *variants, const kuni_call_reference *reference,
                        kuni_chain chains[KUNI_CHAINS_MAX]);

#endif
