/* SPDX-License-Identifier: MIT */
/*
 * Slippage in a tandem repeat: what a read shows of a length is not always what its molecule had.
 *
 * The repeat of a region in which the candidates differ by whole units and that slips most is the
 * region's tract. Reads are compared without slips with every length of it that is a candidate's or
 * one unit away (the columns); a candidate's likelihood is the sum over the lengths that its
 * molecules may show, P(read | h) = sum_k S(k - n_h) P(read | length k), S by unit and copies of h
 * (the stutter model of Gymrek et al. 2012, doi 10.1101/gr.135780.111: geometric steps,
 * contractions more often than expansions). How often libraries slip differs, so that a few levels
 * stand side by side; the region's reads weigh them.
 */
#ifndef KUNI_CALL_STUTTER_H
#define KUNI_CALL_STUTTER_H

#include "candidates.h"

enum { KUNI_STUTTER_LEVELS = 4, KUNI_STUTTER_COLUMNS_MAX = 3 * KUNI_CANDIDATES_MAX };

typedef struct kuni_stutter {
    int n_levels; /* 1: no tract */
    size_t n_columns, n_haplotypes;
    kuni_pairhmm_haplotype columns[KUNI_STUTTER_COLUMNS_MAX]; /* the candidates first */
    uint32_t at[KUNI_STUTTER_COLUMNS_MAX];                    /* of the tract; in bases */
    uint32_t tract[KUNI_STUTTER_COLUMNS_MAX];                 /* its length; 0: none */
    double *weight[KUNI_STUTTER_LEVELS];                      /* haplotype x column */
} kuni_stutter;

/* Odds that a read shows another length than its molecule, in a PCR-free library. */
double kuni_stutter_odds(int unit, int copies);
/* S: chance of `steps` units more (less) under a level. */
double kuni_stutter_step(int level, int unit, int copies, int steps);
/* log10 prior of a level. */
double kuni_stutter_prior(int level, bool pcr_free);

/*
 * Adds the lengths of the tract that are one unit away from a candidate's. Where few reads tell, a
 * read's length is no proof that its molecule had it, and the molecule's own may be one that no
 * read shows.
 */
KUNI_MUST_CHECK kuni_status kuni_stutter_add_lengths(kuni_candidates *candidates,
                                                     kuni_variants *variants,
                                                     const kuni_call_reference *reference,
                                                     kuni_arena *arena, kuni_error *err);

/* Lays out the columns of spelled candidates; memory from `arena`. */
KUNI_MUST_CHECK kuni_status kuni_stutter_lay(kuni_stutter *stutter,
                                             const kuni_candidates *candidates,
                                             const kuni_variants *variants,
                                             const kuni_call_reference *reference,
                                             kuni_arena *arena, kuni_error *err);
/* Likelihoods of the candidates from those of the columns. */
void kuni_stutter_mix(const kuni_stutter *stutter, int level, const double *columns,
                      double *haplotypes);

#endif
