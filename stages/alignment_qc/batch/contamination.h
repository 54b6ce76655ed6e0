/* SPDX-License-Identifier: MIT */
/*
 * Contamination, ancestry coordinates and genotypes of a sample from its pileup at the sites of an
 * SVD panel.
 *
 * Model (VerifyBamID2; Zhang et al., Genome Research 2020): the frequency of site i in a person
 * with coordinates PC is AF_i = clamp((sum_k UD_ik PC_k + mu_i) / 2, 0.00005, 0.99995), the
 * sample's genotype g1 and the contaminant's g2 are in Hardy-Weinberg proportions at their
 * frequencies, and a base with error probability e shows ALT with probability f (1 - e) + (1 - f) e
 * / 3, f = ((1 - a) g1 + a g2) / 2. The log-likelihood, summed over sites, is maximised over a in
 * [0, 0.5] and the coordinates: of one ancestry for both, and of two. The second is taken where it
 * fits better beyond the 99.9 % point of the likelihood-ratio test.
 *
 * Against VerifyBamID2: a weak prior on the coordinates, the search is by gradient along a grid of
 * rates, and the simpler model is kept where the data do not speak for the other.
 *
 * Deterministic: fixed starts, fixed order of sums, no random numbers.
 */
#ifndef KUNI_ALIGNMENT_QC_CONTAMINATION_H
#define KUNI_ALIGNMENT_QC_CONTAMINATION_H

#include "partials/estimates.h"
#include "partials/pileup.h"

typedef struct kuni_qc_fit_options {
    int n_pcs;         /* coordinates to fit; at most the panel's */
    int64_t min_sites; /* fewer: no estimate */
    const bool *skip;  /* sites to leave out (sex chromosomes), or NULL */
} kuni_qc_fit_options;

/*
 * Fits a sample. `stacks` are sorted by site. `genotypes` holds
 * kuni_qc_genotype_bytes(panel->n_sites) bytes, or is NULL; a genotype is given where its posterior
 * reaches 0.99.
 */
KUNI_MUST_CHECK kuni_status kuni_qc_fit_sample(const kuni_qc_panel *panel,
                                               const kuni_qc_stack *stacks, size_t n_stacks,
                                               const kuni_qc_fit_options *options,
                                               kuni_qc_estimates *estimates,
                                               unsigned char *genotypes, kuni_error *err);

#endif
