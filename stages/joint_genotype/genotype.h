/* SPDX-License-Identifier: MIT */
/*
 * A sample's genotype at a site: the likeliest one a posteriori.
 *
 * The prior is Hardy-Weinberg proportions at the cohort's allele frequencies; "other" has the
 * frequency that is left. No genotype's prior lies more than prior_cap (phred) below that of the
 * best: likelihoods are not calibrated to the odds of one in a million, and a carrier of a private
 * allele must not be voted down by a large cohort. GQ is the phred probability that another
 * genotype is the true one, at most 99. All in integers (hundredths of phred) but the last step.
 *
 * A sample whose input has genotypes without likelihoods keeps its genotype and quality as they
 * came.
 */
#ifndef KUNI_JOINT_GENOTYPE_H
#define KUNI_JOINT_GENOTYPE_H

#include "local.h"

typedef struct joint_call {
    joint_reason reason; /* JOINT_CALLED: the rest counts */
    int copies;
    int32_t allele[2]; /* numbers at the site; [1] is -1 with one copy; in order where phased */
    uint8_t gq;
    bool phased;
} joint_call;

/* What a site's genotypes are made with. */
typedef struct joint_prior {
    const double *frequency;
    int32_t *centiphred; /* -1000 log10 of the frequencies */
    uint32_t n;          /* alleles: REF, ALTs, "*" */
    double copies;       /* that the frequencies come from */
    int cap, min_gq;
} joint_prior;

/* Fills prior->centiphred. */
void joint_prior_set(joint_prior *prior);

void joint_genotype_call(const joint_prior *prior, const joint_local *local, joint_call *call);

/*
 * The genotype of samples in reference blocks of quality q, 0..99: 0/0, as the block says. Its GQ
 * is 0 where the block is not sure at all or the prior would rather have another genotype; min_gq
 * turns such ones into no calls.
 */
void joint_genotype_block(const joint_prior *prior, int q, int copies, joint_call *call);

/*
 * -10 log10 P(only REF or "*") of a sample, in thousandths, with `frequency` over the site's n
 * alleles as prior: what the sample adds to QUAL.
 */
int64_t joint_genotype_variance(const double *frequency, uint32_t n, const joint_local *local);

/* Once, before any other use. */
void joint_genotype_setup(void);

#endif
