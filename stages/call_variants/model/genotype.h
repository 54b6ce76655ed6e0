/* SPDX-License-Identifier: MIT */
/*
 * From genotype likelihoods to a call: PL, GT, GQ, QUAL.
 *
 * PL are likelihoods alone. GT and GQ are of the posterior under a prior by heterozygosity: GQ 20
 * means wrong once in a hundred calls. QUAL is the posterior of no ALT at all.
 */
#ifndef KUNI_CALL_GENOTYPE_H
#define KUNI_CALL_GENOTYPE_H

#include "call.h"
#include "kuni/evidence.h"

enum {
    KUNI_CALL_ALLELES_MAX = 10, /* REF, up to 8 ALT, <*> */
    KUNI_CALL_GENOTYPES_MAX = KUNI_CALL_ALLELES_MAX * (KUNI_CALL_ALLELES_MAX + 1) / 2
};

/* A call under way; alleles point into memory of the cell. */
typedef struct kuni_call_event {
    int64_t pos, end;   /* REF spans [pos, end) */
    int n_alleles;      /* the last is <*> */
    int ploidy, judged; /* kuni_call_copies: told; judged */
    const char *alleles[KUNI_CALL_ALLELES_MAX];
    double prior[KUNI_CALL_ALLELES_MAX];      /* chance that a copy has the allele; REF unused */
    double both_prior;                        /* that the other copy has another ALT, given one */
    double log10_lk[KUNI_CALL_GENOTYPES_MAX]; /* VCF order */
    uint16_t pl[KUNI_CALL_GENOTYPES_MAX];
    uint32_t ad[KUNI_CALL_ALLELES_MAX];
    uint32_t sb[4], dp;
    int8_t gt[2];
    uint8_t gq, mq, flags;
    uint8_t rank[KUNI_RANKS]; /* whatever the genotype */
    uint16_t qual;
    int64_t phase_set;
} kuni_call_event;

/* Where events go. */
typedef struct kuni_call_events {
    kuni_call_event *list;
    size_t n, capacity;
} kuni_call_events;

static inline int kuni_genotype_count(int n_alleles, int ploidy)
{
    return ploidy == 1 ? n_alleles : n_alleles * (n_alleles + 1) / 2;
}

/* Index of a genotype of alleles a <= b in VCF order. */
static inline int kuni_genotype_index(int a, int b)
{
    return b * (b + 1) / 2 + a;
}

/* Fills pl, gt, gq and qual from log10_lk and prior. */
void kuni_genotype_finish(kuni_call_event *event);
/*
 * Phred by which the best genotype with an ALT other than <*> is more likely than REF only; with
 * `copies` 1 of equal copies.
 */
double kuni_genotype_gain_phred(const kuni_call_event *event, int copies);
/*
 * Drops the ALT alleles that `keep` denies, with their likelihoods; then finish must be called
 * again.
 */
void kuni_genotype_trim(kuni_call_event *event, const bool *keep);

#endif
