/* SPDX-License-Identifier: MIT */
/*
 * Site statistics from integer counts. Pure functions.
 */
#ifndef KUNI_JOINT_STATISTICS_H
#define KUNI_JOINT_STATISTICS_H

#include <stdint.h>

/*
 * Exact test of Hardy-Weinberg proportions (Wigginton, Cutler & Abecasis 2005) for `het`
 * heterozygotes among hom_a + het + hom_b diploid samples. *hwe is the two-sided P: genotype counts
 * no likelier than the observed; *excess is the right tail: at least as many heterozygotes. Both 1
 * where there are no samples.
 */
void joint_hwe_exact(uint64_t hom_a, uint64_t het, uint64_t hom_b, double *hwe, double *excess);

/* 1 - observed / expected heterozygotes; NAN where none are expected. */
double joint_inbreeding(uint64_t hom_a, uint64_t het, uint64_t hom_b);

/*
 * Phred of Fisher's exact two-sided P on REF+, REF-, ALT+, ALT-. Tables of more than 400 reads are
 * scaled down to 200, as GATK does, so that a trifling bias of a large cohort does not grow without
 * bound. NAN where there are no reads.
 */
double joint_fisher_strand(const uint64_t strands[4]);

/*
 * Strand odds ratio, with one added to each count: ln(R + 1/R) + ln(refMin / refMax) - ln(altMin /
 * altMax), R = (REF+ ALT-) / (ALT+ REF-). NAN where there are no reads.
 */
double joint_strand_odds(const uint64_t strands[4]);

/* -10 log10 p, at most `most`. */
double joint_phred(double p, double most);

#endif
