/* SPDX-License-Identifier: MIT */
/*
 * A sample's genotype at a site: the likeliest one a posteriori.
 *
 * The prior says what the next two copies would be, were the other samples all that was known.
 * After n copies of an allele among N the next copy has it with (n - d) / N, d = 1/2: the urn of
 * Pitman and Yor (Ann. Probab. 25:855, 1997). Its discount d makes for the many alleles that stand
 * once; with d = 0 (a population of constant size) a cohort has 2 singletons a doubleton, with 1/2
 * it has 4, as large human cohorts do. n are expected copies, without the sample's own. Its second
 * copy counts the first as one of n; and with 0.01 it is the same by descent, as parents are never
 * quite unrelated. Where an allele stands hundreds of times all this is Hardy-Weinberg proportions.
 *
 * The rarity of an allele counts for no more than prior_cap (phred), that of its second copy or of
 * an ALT beside another for no more than two thirds of that: likelihoods are not calibrated to the
 * odds of one in a million, and a carrier of a private allele must not be voted down by a large
 * cohort. Nor does it count for more than the caller of the sample took it for, if it called the
 * sample a carrier: an insertion in a microsatellite is less of a surprise than a SNP, and some
 * callers' likelihoods (DeepVariant's) have the prior in them. "Other" has the chance that is left.
 * GQ is the phred probability that another genotype is the true one, at most 99. All in integers
 * (hundredths of phred) but the chances of copies.
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
    int32_t *first,
        *again;    /* -1000 log10 of the frequencies; of an allele's chance beside itself */
    uint32_t n;    /* alleles: REF, ALTs, "*" */
    double copies; /* that the frequencies come from */
    int cap, min_gq;
} joint_prior;

/* Fills prior->first and again. */
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
