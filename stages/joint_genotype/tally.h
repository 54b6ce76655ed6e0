/* SPDX-License-Identifier: MIT */
/*
 * Integer counters of the genotypes at the sites of a chunk: all that INFO is made of. Additive, so
 * that the order of samples does not matter.
 */
#ifndef KUNI_JOINT_TALLY_H
#define KUNI_JOINT_TALLY_H

#include "coverage.h"
#include "genotype.h"

enum { JOINT_QUALITY_BINS = 20, JOINT_QUALITY_BIN = 5 };

typedef struct joint_site_tally {
    uint32_t nocall[JOINT_REASONS]; /* by reason; JOINT_NO_COVERAGE only where something said so */
    uint32_t called[2];             /* samples called with one copy, with two */
    uint32_t ref_ref, ref_alt, alt_alt; /* diploid calls: no, one, two copies of anything but REF */
    uint32_t het, hom_alt, hemi;        /* unlike alleles; twice the same ALT; one copy, an ALT */
    /* Carriers are those of an ALT of the record; a deletion from the left is another's ALT. */
    uint64_t strands[4];           /* carriers' reads: REF+, REF-, ALT+, ALT- */
    uint64_t mq_squares, mq_depth; /* of carriers: sum of DP x MQ^2, of DP */
    uint64_t carrier_depth;        /* of carriers: sum of AD over the site's alleles, else DP */
    int64_t rank_sums[KUNI_RANKS]; /* of heterozygotes of REF and an ALT: sum of 2 z */
    uint32_t ranks[KUNI_RANKS];    /* how many of them have one */
    uint64_t depth;                /* DP of all that have data */
    uint64_t depth_bins[JOINT_DEPTH_BINS];
    uint64_t gq; /* over called genotypes that have one */
    uint64_t gq_known;
    uint64_t gq_bins[JOINT_QUALITY_BINS];
    int64_t quality; /* thousandths of phred */
    bool phased;
} joint_site_tally;

typedef struct joint_allele_tally {
    uint32_t copies, het, hom, hemi;
    uint64_t het_ref_reads, het_alt_reads; /* of genotypes REF/this */
} joint_allele_tally;

typedef struct joint_tally {
    const joint_sites *sites;
    const joint_cohort *cohort;
    joint_site_tally *site;     /* by site */
    joint_allele_tally *allele; /* by slot */
    uint32_t *cell_called;      /* [site][cell]: copies called */
    uint32_t *cell_copies;      /* [slot][cell] */
    uint32_t *cell_hom;         /* [slot][cell]: samples with two copies */
    uint32_t *cell_hemi;        /* [slot][cell]: samples with one copy of the contig, this */
    size_t site_capacity, allele_capacity, called_capacity, copies_capacity, hom_capacity,
        hemi_capacity;
} joint_tally;

KUNI_MUST_CHECK kuni_status joint_tally_begin(joint_tally *tally, const joint_sites *sites,
                                              const joint_cohort *cohort, kuni_error *err);
void joint_tally_fini(joint_tally *tally);

/* Counts one sample's call, made from `local`. */
void joint_tally_add(joint_tally *tally, uint32_t site, uint32_t column, const joint_local *local,
                     const joint_call *call);
/* A sample with events that is not genotyped, for a reason that is not theirs. */
void joint_tally_refused(joint_tally *tally, uint32_t site, joint_reason reason, uint32_t dp);
/* Counts the samples in reference blocks; block_calls[copies - 1][q] are their genotypes. */
void joint_tally_coverage(joint_tally *tally, uint32_t site, const joint_coverage *coverage,
                          joint_call block_calls[2][JOINT_QUALITIES]);

#endif
