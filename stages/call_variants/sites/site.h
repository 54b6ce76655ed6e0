/* SPDX-License-Identifier: MIT */
/*
 * Tier 1 genotypes: single bases from the pileup, by a model that knows that errors come together.
 *
 * Independent reads: P(b|a) = 1-e where b = a, e/3 else; P(b|g) the mean over the copies. A
 * homozygous genotype may also be explained by errors of one strand from some cycle on
 * (base-quality dropout) or by reads from elsewhere (foreign reads): the best of the three counts.
 */
#ifndef KUNI_CALL_SITE_H
#define KUNI_CALL_SITE_H

#include "model/genotype.h"
#include "reads/pileup.h"

typedef struct kuni_site_base {
    uint8_t base; /* 0..3 */
    uint8_t quality, mapq;
    bool reverse;
    uint16_t cycle; /* from the read's 5' end */
    uint16_t n_mismatch;
    uint16_t edge; /* distance to the nearer end of the alignment */
} kuni_site_base;

typedef struct kuni_site_column {
    kuni_site_base *bases;
    size_t n_bases, capacity;
    double *others, *allele; /* scratch of the mixture model, as long as `bases` */
    size_t others_capacity, allele_capacity;
    uint32_t n_deleted;
} kuni_site_column;

/* True where the pileup gives reason to look closer at element i. */
bool kuni_site_is_candidate(const kuni_pileup *pileup, int64_t i, char ref, kuni_call_copies copies,
                            const kuni_call_options *options);
/* Gathers what the reads show at `pos`. */
KUNI_MUST_CHECK kuni_status kuni_site_gather(kuni_site_column *column,
                                             const kuni_read_window *window, int64_t pos,
                                             const kuni_call_options *options, kuni_error *err);
/*
 * Fills `event` from the column: alleles by support, likelihoods, counts. False where no ALT is
 * worth telling. `given` ALT bases (bit set over ACGT) are kept whatever their support.
 */
bool kuni_site_call(const kuni_site_column *column, const kuni_call_reference *reference,
                    int64_t pos, kuni_call_copies copies, unsigned given,
                    const kuni_call_options *options, kuni_call_event *event);
void kuni_site_column_fini(kuni_site_column *column);

#endif
