/* SPDX-License-Identifier: MIT */
/*
 * A sample's genotype at a site: the likeliest one a posteriori.
 *
 * The prior says what the sample's copies would be, were the other samples all that was known: see
 * frequency.h. Its own part in the site's numbers is taken out. A second copy counts the first as
 * one more that has the allele; and with 0.01 it is the same by descent, as parents are never quite
 * unrelated. Where an allele stands hundreds of times all this is Hardy-Weinberg proportions; a
 * sample alone has the prior of its caller.
 *
 * The rarity of an allele counts for no more than prior_cap (phred), that of its second copy or of
 * an ALT beside another for no more than two thirds of that and 20: likelihoods are not calibrated to the
 * odds of one in a million. A producer that took an ALT for less of a surprise than we do, as its
 * QUAL tells, is followed by the difference: some callers' likelihoods (DeepVariant's) have the
 * prior in them. GQ is the phred probability that another genotype is the true one, at most 99. All
 * in integers (hundredths of phred) but the chances of copies.
 *
 * A sample whose input has genotypes without likelihoods keeps its genotype and quality as they
 * came.
 */
#ifndef KUNI_JOINT_GENOTYPE_H
#define KUNI_JOINT_GENOTYPE_H

#include "frequency.h"

typedef struct joint_call {
    joint_reason reason; /* JOINT_CALLED: the rest counts */
    int copies;
    int32_t allele[2]; /* numbers at the site; [1] is -1 with one copy; in order where phased */
    uint8_t gq;
    bool phased;
} joint_call;

/* What a site's genotypes are made with. */
typedef struct joint_chance { /* of a copy */
    double first;             /* that it has an allele */
    double again;             /* and that it does where the other copy has it */
} joint_chance;

/* Of a sample that lists one ALT: costs of REF, of the ALT and of "other", as in joint_next; and of their shares. */
typedef struct joint_alone {
    int32_t first[3], again[3], apart[3], share[3];
} joint_alone;

typedef struct joint_next { /* of an allele in one more sample */
    joint_chance chance;
    int32_t first, again, apart; /* as costs: -1000 log10; apart: the other copy lacks it */
    int32_t rarity;              /* its prior, likewise */
    joint_alone alone;
} joint_next;

typedef struct joint_prior {
    const joint_allele_frequency *alleles;
    const joint_classes *classes;
    joint_next *next; /* of the site's alleles; [0]: of any but REF */
    uint32_t n;       /* alleles: REF, ALTs, "*" */
    double copies;    /* that the frequencies come from */
    int cap, min_gq;
} joint_prior;

/* Fills prior->next. */
void joint_prior_set(joint_prior *prior);

void joint_genotype_call(const joint_prior *prior, const joint_local *local, joint_call *call);

/*
 * The genotype of samples in reference blocks of quality q, 0..99: 0/0, as the block says. Its GQ
 * is 0 where the block is not sure at all or the prior would rather have another genotype; min_gq
 * turns such ones into no calls.
 */
void joint_genotype_block(const joint_prior *prior, int q, int copies, joint_call *call);

/*
 * -10 log10 P(only REF or "*") of a sample, in thousandths, with the site's shares as prior: what
 * the sample adds to QUAL.
 */
int64_t joint_genotype_variance(const joint_prior *prior, const joint_local *local);

/* Once, before any other use. */
void joint_genotype_setup(void);

#endif
