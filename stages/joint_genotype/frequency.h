/* SPDX-License-Identifier: MIT */
/*
 * What a cohort has of each allele of a site, from the likelihoods of all of its samples.
 *
 * One prior stands behind genotypes, GQ and QUAL, the caller's: that a copy has an ALT where nobody
 * else was looked at (theta, by substitution and repeat: kuni/variant_prior.h). Frequencies f are
 * spread as
 *
 *   psi(f) df = theta / pi  f^(-3/2) (1 - f)^(-1/2) df,
 *
 * which gives one person a heterozygote with theta and a homozygote with theta / 2, as the caller
 * has it, and makes for the many rare alleles of populations that have grown: after k of n copies
 * the next has the allele with (k - 1/2) / n (the urn of Pitman and Yor, Ann. Probab. 25:855, 1997,
 * with discount 1/2), and a new one with theta G(n), G(n) = Gamma(n + 1/2) / (sqrt(pi) Gamma(n + 1)).
 *
 * The frequency of an ALT is integrated over, not taken at its mode: with L(f) the likelihood of
 * all samples in Hardy-Weinberg proportions and n copies,
 *
 *   P(data, nobody) = L(0) exp(-S),  S = 2 theta Gamma(n + 1/2) / (sqrt(pi) Gamma(n)),
 *   P(data, somebody) = int psi(f) (L(f) - L(0) (1 - f)^n) df.
 *
 * So one read of a private allele promises no more in a cohort than alone. Other ALTs of the site
 * have fixed shares meanwhile, from an EM estimate (Li 2011, equation 5, for any number of
 * alleles). QUAL is the phred chance that nobody has any ALT, all ALTs taken as one allele.
 *
 * Events are counted in classes (classes.h); of reference blocks, how many samples have which
 * genotype quality. A block of quality q says PL = 0, q, 10 q for 0, 1, 2 copies of anything but
 * REF (0, q for one copy).
 */
#ifndef KUNI_JOINT_FREQUENCY_H
#define KUNI_JOINT_FREQUENCY_H

#include "classes.h"

typedef struct joint_frequency joint_frequency;

/* An ALT of a site; of REF and "*" only the first two count. */
typedef struct joint_allele_frequency {
    double share;       /* expected share of the copies that were looked at */
    double copies;      /* the same as a number of copies */
    double nobody;      /* P(no copy of the cohort has it) */
    float nobody_phred; /* the same as INFO/EAQ has it */
    double prior;       /* theta */
} joint_allele_frequency;

KUNI_MUST_CHECK joint_frequency *joint_frequency_new(kuni_error *err);
void joint_frequency_free(joint_frequency *frequency);

/* Starts over for the sites of a chunk; priors[slot] are the theta of their ALTs (borrowed). */
KUNI_MUST_CHECK kuni_status joint_frequency_begin(joint_frequency *frequency,
                                                  const joint_sites *sites, const double *priors,
                                                  kuni_error *err);

/* Likewise counts a sample: joint_classes_add. */
KUNI_MUST_CHECK kuni_status joint_frequency_add(joint_frequency *frequency, uint32_t site,
                                                const joint_local *local, kuni_error *err);

/* Ends the counting. */
void joint_frequency_finish(joint_frequency *frequency);

/*
 * Works out the site's frequencies and quality, after joint_frequency_finish. blocks[copies - 1][q]
 * are counts of samples in reference blocks of quality q.
 */
KUNI_MUST_CHECK kuni_status joint_frequency_solve(joint_frequency *frequency, uint32_t index,
                                                  uint32_t blocks[2][100], kuni_error *err);

/*
 * Takes the site's frequencies as a record has them, instead: `alts` are those of the ALTs, then of
 * "*" (EAF, ESF), `nobody` of the ALTs (EAQ, phred).
 */
void joint_frequency_set(joint_frequency *frequency, uint32_t index, const float *alts,
                         const float *nobody, double copies, int64_t quality);

/* Over all alleles (joint_site.slot on): REF, ALTs, "*". */
const joint_allele_frequency *joint_frequency_get(const joint_frequency *frequency,
                                                  const joint_site *site);
/* Copies looked at: those of the samples whose likelihoods count. */
double joint_frequency_copies(const joint_frequency *frequency, uint32_t site);
/*
 * QUAL but for what the rounding of likelihoods took from it, in thousandths of phred: each sample
 * adds joint_genotype_variance.
 */
int64_t joint_frequency_quality(const joint_frequency *frequency, uint32_t site);

/*
 * Likelihoods of a class for an ALT (its number of the site's n) against all other alleles, these
 * in the shares that the site has them in: with 0, 1 and 2 copies of the ALT. 0 stands for all ALTs
 * together, against REF and "*".
 */
void joint_class_against(const joint_classes *classes, const joint_class *c,
                         const joint_allele_frequency *alleles, uint32_t n, uint32_t alt,
                         double out[3]);
const joint_classes *joint_frequency_classes(const joint_frequency *frequency);

#endif
