/* SPDX-License-Identifier: MIT */
/*
 * Allele frequencies and site quality from likelihoods.
 *
 * What samples say at a site is counted in classes, so that memory and time follow the number of
 * different answers and not the cohort: an event's likelihoods over REF, its two likeliest ALTs and
 * "other", rounded to 16 levels; and, for reference blocks, how many samples have which genotype
 * quality. A block of quality q says PL = 0, q, 10 q for 0, 1, 2 copies of anything but REF (0, q
 * for one copy).
 *
 * Frequencies are the EM estimate under Hardy-Weinberg proportions (Li 2011, equation 5, for any
 * number of alleles), with half a pseudo-copy for REF and half a one shared by the ALTs, so that a
 * cohort of one is not certain of anything:
 *
 *   n_a = sum_s sum_g P(g | s, f) copies_a(g),   f_a = (n_a + alpha_a) / sum.
 *
 * QUAL follows the allele-frequency model of GATK: the same iteration with alpha = 10 for REF, 0.01
 * for a SNP, 0.00125 for an indel, until no n_a moves by 0.1; QUAL = -10 sum_s log10 P(s has only
 * REF or "*").
 */
#ifndef KUNI_JOINT_FREQUENCY_H
#define KUNI_JOINT_FREQUENCY_H

#include "local.h"

typedef struct joint_frequency joint_frequency;

/* Pseudo-copies of all ALTs together, where `copies` are looked at. */
static inline double joint_alt_alpha(double copies)
{
    return copies > 2 ? 1 / copies : 0.5;
}

KUNI_MUST_CHECK joint_frequency *joint_frequency_new(kuni_error *err);
void joint_frequency_free(joint_frequency *frequency);

/* Starts over for the sites of a chunk. */
KUNI_MUST_CHECK kuni_status joint_frequency_begin(joint_frequency *frequency,
                                                  const joint_sites *sites, kuni_error *err);

/*
 * Counts a sample's likelihoods at a site. Calls that cannot be genotyped (local->reason) are not
 * for counting.
 */
KUNI_MUST_CHECK kuni_status joint_frequency_add(joint_frequency *frequency, uint32_t site,
                                                const joint_local *local, kuni_error *err);

/* Ends the counting. */
void joint_frequency_finish(joint_frequency *frequency);

/*
 * Works out the site's frequencies and quality, after joint_frequency_finish. blocks[copies - 1][q]
 * are counts of samples in reference blocks of quality q.
 */
void joint_frequency_solve(joint_frequency *frequency, uint32_t index, uint32_t blocks[2][100]);

/*
 * Takes the site's frequencies as a record has them, instead: `alts` are those of the ALTs, then of
 * "*".
 */
void joint_frequency_set(joint_frequency *frequency, uint32_t index, const float *alts,
                         double copies, int64_t quality);

/* Frequencies over all alleles (joint_site.slot on): REF, ALTs, "*". */
const double *joint_frequency_get(const joint_frequency *frequency, const joint_site *site);
/* Copies looked at: those of the samples whose likelihoods count. */
double joint_frequency_copies(const joint_frequency *frequency, uint32_t site);
/*
 * Frequencies by the prior of QUAL, and what samples in blocks add to QUAL, in thousandths of
 * phred.
 */
const double *joint_frequency_get_quality(const joint_frequency *frequency, const joint_site *site);
int64_t joint_frequency_quality(const joint_frequency *frequency, uint32_t site);

#endif
