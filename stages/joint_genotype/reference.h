/* SPDX-License-Identifier: MIT */
/*
 * AD and PL of samples in reference blocks: the parameter `reference_likelihoods`.
 *
 * A block of confidence q and least depth d is, over the alleles of any site in it,
 *
 *   AD(REF) = d, AD(ALT) = 0; with two copies PL(0/0) = 0, PL(0/x) = q, PL(x/y) = 10 q; with one
 *   PL(0) = 0, PL(x) = q,
 *
 * x and y any of the ALTs: the likelihoods that its genotype is made with (joint_genotype_block),
 * and that gVCFs tell. d and q are the least of the block, rounded down (kuni_block_floor_gq,
 * kuni_block_floor_depth): the site has so many reads or more, and is at least so sure; how many of
 * the reads are none of REF's the block does not tell. A block that states a genotype without a
 * number has no PL, and one without a depth no AD. In records with local alleles REF is the only
 * one: LAD is d, LPL 0.
 */
#ifndef KUNI_JOINT_REFERENCE_H
#define KUNI_JOINT_REFERENCE_H

#include "coverage.h"

enum { JOINT_TWO_ALTS = 10 }; /* of q: two copies differ from REF */

/* PL of a genotype that has so many ALTs, of a block of confidence q. */
static inline int32_t joint_reference_pl(int q, int n_alts)
{
    return n_alts == 0 ? 0 : n_alts == 1 ? q : JOINT_TWO_ALTS * q;
}

/*
 * Flags by column: whose blocks have AD and PL, as the task's parameter says. *told is NULL where
 * nobody's have; else to be freed. "trios": who is child, father or mother in a declared trio, all
 * three of whom have columns.
 */
KUNI_MUST_CHECK kuni_status joint_reference_told(const kuni_task *task, uint8_t **told,
                                                 kuni_error *err);

#endif
