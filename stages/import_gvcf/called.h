/* SPDX-License-Identifier: MIT */
/*
 * The genotype that a record calls, and what it is worth.
 *
 * - ./. of a gVCF of likelihoods (GATK's CombineGVCFs) is the likeliest genotype, where one alone
 *   is: kuni_convert.combined
 * - ./. beside likelihoods that decide, in any other file, is meant: somebody masked it, as is
 *   FILTER NoCall. FILTERED
 * - half a genotype (./1) tells of one copy only: a no-call, counted
 * - a called <*>, or likelihoods of which none is 0 (bcftools norm splits alleles off and leaves
 *   their rest): the genotype has an allele that the record does not list. UNLISTED
 * - on the mitochondrion copies come in any proportion: an ALT is there if its fraction of the
 *   reads reaches the least one, whatever the number of copies that the producer assumed
 */
#ifndef KUNI_IMPORT_CALLED_H
#define KUNI_IMPORT_CALLED_H

#include "conversion.h"

typedef enum kuni_called_worth {
    CALLED_SOUND,
    CALLED_HALF,
    CALLED_MASKED,
    CALLED_UNLISTED /* by the genotype; by the likelihoods: kuni_likelihoods_lack */
} kuni_called_worth;

typedef struct kuni_called {
    int ploidy; /* 0: none given */
    int gt[2];  /* -1: not called */
    int64_t gq; /* of a genotype that the likelihoods gave; -1: as the record says */
    bool phased;
    bool polyploid; /* more than two copies, none of them called */
    bool open;      /* GT tells of no copies, and there may be one or two */
    int64_t gq_one; /* where open, of a genotype that the likelihoods gave: gq with one copy */
    bool mixture;   /* one copy, by fraction: the likelihoods are of a diploid model */
    kuni_called_worth worth;
} kuni_called;

static inline bool kuni_called_is_no_call(const kuni_called *called)
{
    return called->gt[0] < 0 && called->gt[1] < 0;
}

/* KUNI_DATA with the bare cause where the genotype is none of at most two copies. */
KUNI_MUST_CHECK kuni_status kuni_called_read(const kuni_convert *convert,
                                             const kuni_gvcf_record *record, kuni_called *called,
                                             kuni_error *err);

/* Copies that the record calls, else those of the place. */
int kuni_called_ploidy(const kuni_convert *convert, const kuni_called *called, int64_t pos);

/* Copies by the ploidy table, whoever it is: kuni_ploidy_evidence. */
int kuni_convert_copies(const kuni_convert *convert, int64_t pos);

/*
 * Likelihoods by PL or GL over n genotypes; false where there are none or not n. PL are as the
 * record has them, GL less the best.
 */
bool kuni_likelihoods_read(const kuni_gvcf_record *record, uint32_t n, uint32_t *pl);

/* By how much n likelihoods lack the best genotype: it is split off. 0: they do not. */
uint32_t kuni_likelihoods_lack(const uint32_t *pl, uint32_t n);

#endif
