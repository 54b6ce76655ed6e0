/* SPDX-License-Identifier: MIT */
/*
 * Mitochondrial copies come in any proportion: whether an allele is there at all, and how much of
 * it.
 *
 * L(f) = product over observations of ((1-f) P(r|others) + f P(r|allele)). The allele is there by
 * LOD = log10 L(f^) - log10 L(0), f^ the maximum, found by expectation-maximisation.
 */
#ifndef KUNI_CALL_MIXTURE_H
#define KUNI_CALL_MIXTURE_H

#include "kuni/buffer.h"

typedef struct kuni_mixture {
    double fraction; /* f^ */
    double lod;      /* log10 */
} kuni_mixture;

/* n observations: P(r|others) and P(r|allele), any common scale. */
kuni_mixture kuni_mixture_fit(const double *others, const double *allele, size_t n);

/* log10 likelihood of what is not there, and the chance of an error that qualities do not tell. */
#define KUNI_MIXTURE_NONE  (-100.0)
#define KUNI_MIXTURE_NOISE 0.002

/* Enough differing observations to look closer: 3, and most of the least fraction of the depth. */
static inline bool kuni_mixture_is_candidate(uint32_t n, uint32_t depth, double least_fraction)
{
    return n >= 3 && n >= 0.7 * least_fraction * depth;
}

#endif
