/* SPDX-License-Identifier: MIT */
/*
 * Tier 2: an active region by haplotypes.
 *
 * Candidate haplotypes are scored against the trimmed reads by the PairHMM; the likelihood of a
 * pair of haplotypes is the product over fragments of the mean over the pair. A genotype of a locus
 * has the likelihood of the best pair that shows it, under a prior for what else that pair carries.
 */
#ifndef KUNI_CALL_REGION_H
#define KUNI_CALL_REGION_H

#include "active.h"
#include "candidates.h"
#include "model/genotype.h"

typedef struct kuni_region_caller kuni_region_caller;

typedef struct kuni_region_counts {
    uint64_t regions, empty, assembled, haplotypes, reads;
} kuni_region_counts;

KUNI_MUST_CHECK kuni_status kuni_region_caller_new(kuni_region_caller **caller, kuni_error *err);
void kuni_region_caller_free(kuni_region_caller *caller);
/*
 * Calls the region and appends its events; their alleles live in `arena`. *done is false where it
 * has no candidate but single bases: tier 1 does those.
 */
KUNI_MUST_CHECK kuni_status kuni_region_call(
    kuni_region_caller *caller, const kuni_active *region, const kuni_read_window *window,
    const kuni_pileup *pileup, const kuni_call_reference *reference,
    const kuni_given_alleles *given, kuni_call_copies copies, const kuni_call_options *options,
    kuni_call_events *events, bool *done, kuni_arena *arena, kuni_error *err);
const kuni_region_counts *kuni_region_get_counts(const kuni_region_caller *caller);
/* PairHMM cells computed. */
uint64_t kuni_region_get_cells(const kuni_region_caller *caller);

#endif
