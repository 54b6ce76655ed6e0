/* SPDX-License-Identifier: MIT */
/*
 * Which rows may be told, as pipeline/disclosure decides, asked with the counts of a tally or of a feature. The
 * strata are the classes of people, the cells of kuni_strata what is told of.
 */
#ifndef KUNI_SUMMARY_TELLING_H
#define KUNI_SUMMARY_TELLING_H

#include "disclosure.h"
#include "tally.h"

typedef struct kuni_telling {
    kuni_disclosure *decides; /* borrowed */
    const kuni_strata *strata;
    kuni_disclosure_counts *good, *low; /* by stratum */
    uint8_t *told, *other;              /* by cell */
} kuni_telling;

/* To be given to _fini in any case. */
KUNI_MUST_CHECK kuni_status kuni_telling_init(kuni_telling *telling, kuni_disclosure *decides,
                                              const kuni_strata *strata, kuni_error *err);
void kuni_telling_fini(kuni_telling *telling);

/* Sets told[] of an ALT, and appends it to the journal; `allele` as kuni_disclosure_allele has it. */
KUNI_MUST_CHECK kuni_status kuni_telling_allele(kuni_telling *telling, uint64_t allele,
                                                const kuni_tally *tally, int alt,
                                                kuni_buffer *journal, kuni_error *err);

/* Participants by what they have in a feature; none of them is in two. */
typedef struct kuni_feature_counts {
    int64_t het, hom, hemi; /* one allele on one copy; some allele on both; on the only copy */
    int64_t two_hits;       /* two alleles or more, none on both copies */
} kuni_feature_counts;

/*
 * Sets told[] of a feature: KUNI_DISCLOSE_CARRIERS, and KUNI_DISCLOSE_CLASSES for the rest; and appends it to
 * the journal. By stratum.
 */
KUNI_MUST_CHECK kuni_status kuni_telling_feature(kuni_telling *telling, uint64_t feature,
                                                 const kuni_feature_counts *counts,
                                                 kuni_buffer *journal, kuni_error *err);

#endif
