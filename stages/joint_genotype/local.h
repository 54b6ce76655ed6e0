/* SPDX-License-Identifier: MIT */
/*
 * One sample's evidence at one site, over the alleles that it knows: its local alleles.
 *
 * From one event. An event's allele is, at the site: REF; the ALT that it minimally is, if that
 * starts here; "*", if it starts to the left and reaches over the site; or "other": <*>, or an
 * allele that the site dropped. The likelihood of a genotype of local alleles is the best of the
 * event's genotypes that are spelled so. Where the event has no <*>, an allele that it does not
 * list is one without reads: each read of the other copy then costs a factor of two, so PL(x,
 * other) = PL(x, x) + 3.01 AD[x], and PL(other, other) is no better than the worst that is known.
 *
 * From several events (a deletion on one haplotype, a SNP on the other): they are taken as
 * independent accounts.
 *   - An event from the left knows how many copies are deleted. PL(x, y) = P1(0, 0) + P2(x, y),
 * PL(*, *) = P1(*, *), PL(x, *) = P1(0, *) + P2(x, x): callers of pileups see no reads of the
 * deleted copy. Callers of haplotypes that do not list "*" count it as REF: where the reads agree
 * with that, P2(0, x) stands for P2(x, x). Where they do not, and neither allele alone explains
 * them, there is no call.
 *   - Events that start at the same position each see the other's allele as REF: PL(x, y) = P1(x',
 * y') + P2(x', y'). The smallest sum is what the accounts contradict each other by, in phred.
 */
#ifndef KUNI_JOINT_LOCAL_H
#define KUNI_JOINT_LOCAL_H

#include "chunk_walk.h"

enum { JOINT_CONFLICT_PHRED = 100, JOINT_PL_HARD = 60, JOINT_HAPLOID_CONFLICT_PHRED = 30 };

typedef struct joint_local {
    int copies;          /* 1 or 2 */
    uint32_t n;          /* alleles: REF, the site's in rising order, "foreign" if any, "other" */
    bool hard;           /* the input has genotypes but no likelihoods */
    joint_reason reason; /* not JOINT_CALLED: no genotype is to be made of it */
    uint16_t number[JOINT_LOCAL_MAX];
    int32_t pl[JOINT_LOCAL_MAX * (JOINT_LOCAL_MAX + 1) / 2]; /* smallest is 0 */
    const kuni_event *event;                  /* the one that depth and reads are taken from */
    uint8_t local_of[KUNI_EVENT_ALLELES_MAX]; /* its alleles' local numbers */
} joint_local;

/* Local alleles that are the site's own. */
static inline uint32_t joint_local_known(const joint_local *local)
{
    return local->n - (local->n > 1 && local->number[local->n - 2] == JOINT_FOREIGN ? 2 : 1);
}

/* Index of genotype a/b in VCF order. */
static inline uint32_t joint_genotype_index(uint32_t a, uint32_t b)
{
    return a < b ? b * (b + 1) / 2 + a : a * (a + 1) / 2 + b;
}

static inline uint32_t joint_genotype_count(uint32_t n, int copies)
{
    return copies == 1 ? n : n * (n + 1) / 2;
}

/*
 * `star` is the number of "*" at the site. copies: 1 or 2. scratch: two more, for events to be
 * joined.
 */
void joint_local_build(joint_local *local, joint_local scratch[2], int64_t pos, uint16_t star,
                       const joint_cover *covers, size_t n_covers, int copies);

/*
 * Reads of each local allele but "other", from the event; false where it does not tell. Alleles of
 * other events of the sample get 0.
 */
bool joint_local_depths(const joint_local *local, uint32_t *depths);

#endif
