/* SPDX-License-Identifier: MIT */
/*
 * Events of an active region out of its scored haplotypes: pairs of haplotypes, genotypes of every
 * locus, phase among the loci.
 */
#ifndef KUNI_CALL_LOCUS_H
#define KUNI_CALL_LOCUS_H

#include "candidates.h"
#include "model/genotype.h"
#include "stutter.h"

/* One or two overlapping mates. */
typedef struct kuni_fragment {
    const kuni_call_read *read; /* the first of them */
    int64_t beg, end;
    uint8_t mapq;
} kuni_fragment;

typedef struct kuni_fragments {
    kuni_fragment *list;
    size_t n, capacity, n_haplotypes;
    int n_levels;                      /* of slippage, see stutter.h */
    double *p[KUNI_STUTTER_LEVELS];    /* fragment x haplotype, best 1; in the region's arena */
    double scale[KUNI_STUTTER_LEVELS]; /* log10 that the scaling took away, summed */
} kuni_fragments;

KUNI_MUST_CHECK kuni_status kuni_fragments_add(kuni_fragments *fragments,
                                               const kuni_call_read *read, kuni_error *err);

typedef struct kuni_locus_caller {
    const kuni_variants *variants;
    const kuni_candidates *candidates;
    const kuni_fragments *fragments;
    const kuni_call_reference *reference;
    const kuni_call_options *options;
    int ploidy, judged; /* kuni_call_copies */
    double starts; /* places where a read of the reference may start and be among the fragments */
    /* filled by kuni_locus_call_all */
    double *pair_lk; /* log10, haplotypes (i <= j) in VCF order; ploidy 1: one a haplotype */
    size_t n_pairs;
    size_t best_a, best_b;
    int best_level; /* of slippage, at which the best pair is likeliest */
    double best_lk;
} kuni_locus_caller;

/* Calls every locus in [beg, end) and appends what is worth telling; alleles live in `keep`. */
KUNI_MUST_CHECK kuni_status kuni_locus_call_all(kuni_locus_caller *caller, int64_t beg, int64_t end,
                                                kuni_call_events *events, kuni_arena *scratch,
                                                kuni_arena *keep, kuni_error *err);

#endif
