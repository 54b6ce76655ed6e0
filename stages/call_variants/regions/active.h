/* SPDX-License-Identifier: MIT */
/*
 * Active regions: where single bases of the pileup do not tell the whole story.
 *
 * Indels, piles of soft clips and dense clusters of differences make a region; its evidence is
 * widened by the repeat it lies in. Regions closer than a few bases become one. A cluster longer
 * than KUNI_REGION_BP is split at the absolute multiples of that, so that no chain reaches further
 * than the margin and every cell finds the same regions.
 */
#ifndef KUNI_CALL_ACTIVE_H
#define KUNI_CALL_ACTIVE_H

#include "given_alleles.h"

enum {
    KUNI_ACTIVE_INDEL = 1,
    KUNI_ACTIVE_CLIP = 2,
    KUNI_ACTIVE_CLUSTER = 4,
    KUNI_ACTIVE_LONG = 8, /* a piece of a longer cluster */
    KUNI_ACTIVE_GIVEN = 16,
    KUNI_ACTIVE_SHIFT = 32 /* a substitution that an indel of a repeat may have made */
};

typedef struct kuni_active {
    int64_t beg, end;
    int reasons;
} kuni_active;

typedef struct kuni_actives {
    kuni_active *regions; /* in order, disjoint */
    size_t n_regions, capacity;
    uint8_t marks[KUNI_PILEUP_BP]; /* reasons by element */
} kuni_actives;

/*
 * Finds the regions that start in [beg, end) of the pileup; given alleles other than single bases
 * make one whatever the reads show.
 */
KUNI_MUST_CHECK kuni_status kuni_active_find(kuni_actives *actives, const kuni_pileup *pileup,
                                             const kuni_call_reference *reference, int64_t beg,
                                             int64_t end, const kuni_given_alleles *given,
                                             const kuni_call_options *options, kuni_error *err);
void kuni_active_fini(kuni_actives *actives);

#endif
