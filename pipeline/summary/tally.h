/* SPDX-License-Identifier: MIT */
/*
 * Counts a record's genotypes by allele, stratum and quality.
 *
 * adj, as gnomAD defines it: GQ >= 20; DP >= 10, of one copy DP >= 5; of a heterozygote each ALT with at least
 * a fifth of DP (AD / DP >= 0.2). raw: all that is called, GQ 0 too. A genotype whose GQ or DP is missing, or
 * AD where it is needed, is not adj: what is not shown is not taken for good. A genotype with a missing allele
 * is not called. One of a single copy counts once. "*" (a deletion that began before) is called, and no
 * allele: who has one beside an ALT is a heterozygote of that ALT.
 */
#ifndef KUNI_SUMMARY_TALLY_H
#define KUNI_SUMMARY_TALLY_H

#include <htslib/vcf.h>

#include "strata.h"

enum { KUNI_TALLY_DEFINITIONS = 1 }; /* raised when the rules above change */

enum { KUNI_TALLY_ADJ, KUNI_TALLY_LOW, KUNI_TALLY_QUALITIES }; /* adj; called, and not adj */

/* Participants, for one allele. */
typedef struct kuni_allele_counts {
    int64_t het, hom, hemi;   /* with the allele and another; twice; once where there is one copy */
    int64_t diploid, haploid; /* called with two copies, with one; carriers included */
} kuni_allele_counts;

/* Somebody who has an ALT. */
typedef struct kuni_carrier {
    uint32_t column;
    int16_t a, b; /* alleles; b < 0: one copy */
    uint8_t quality;
} kuni_carrier;

typedef struct kuni_tally {
    const kuni_strata *strata; /* borrowed */
    int n_alleles;             /* of the record, REF included */
    /* ((allele - 1) * strata->n + stratum) * KUNI_TALLY_QUALITIES + quality */
    kuni_allele_counts *counts;
    kuni_carrier *carriers; /* by column */
    size_t n_carriers;
    size_t counts_capacity, carriers_capacity;
    kuni_allele_counts *called; /* stratum * KUNI_TALLY_QUALITIES + quality: copies alone */
    size_t called_capacity;
    int32_t *gt, *gq, *dp; /* as read */
    int gt_room, gq_room, dp_room;
} kuni_tally;

void kuni_tally_init(kuni_tally *tally, const kuni_strata *strata);
void kuni_tally_fini(kuni_tally *tally);

/* `record` has a column for each of strata->n_people. KUNI_DATA: its GT is none of ours. */
KUNI_MUST_CHECK kuni_status kuni_tally_record(kuni_tally *tally, const bcf_hdr_t *header,
                                              bcf1_t *record, kuni_error *err);

/* Of an ALT (from 1) in a stratum. */
static inline const kuni_allele_counts *kuni_tally_of(const kuni_tally *t, int alt, size_t stratum,
                                                      int quality)
{
    return &t->counts[((size_t)(alt - 1) * t->strata->n + stratum) * KUNI_TALLY_QUALITIES +
                      (size_t)quality];
}

/* What adj asks of a homozygote of REF; by a reference block. */
bool kuni_tally_is_covered(int copies, int gq, uint32_t dp);

/* The sum over a cell; KUNI_TALLY_ADJ: adj; KUNI_TALLY_QUALITIES: raw, which is all. */
kuni_allele_counts kuni_tally_sum(const kuni_tally *tally, int alt, const kuni_summary_cell *cell,
                                  int quality);

static inline int64_t kuni_counts_carriers(const kuni_allele_counts *c)
{
    return c->het + c->hom + c->hemi;
}
static inline int64_t kuni_counts_ac(const kuni_allele_counts *c)
{
    return c->het + 2 * c->hom + c->hemi;
}
static inline int64_t kuni_counts_an(const kuni_allele_counts *c)
{
    return 2 * c->diploid + c->haploid;
}

#endif
