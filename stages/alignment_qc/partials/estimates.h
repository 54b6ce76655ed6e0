/* SPDX-License-Identifier: MIT */
/*
 * What is fitted from a sample's pileup over all shards: contamination, ancestry coordinates, and
 * the fingerprint. Held as fixed-point integers so that files carry no floating-point text.
 */
#ifndef KUNI_ALIGNMENT_QC_ESTIMATES_H
#define KUNI_ALIGNMENT_QC_ESTIMATES_H

#include "counters.h"
#include "panel.h"

typedef enum kuni_qc_fit {
    KUNI_QC_FIT_NONE = 0,    /* no panel, or no reads at its sites */
    KUNI_QC_FIT_TOO_FEW = 1, /* fewer sites than asked for */
    KUNI_QC_FIT_SAME = 2,    /* contaminant of the sample's own ancestry */
    KUNI_QC_FIT_OTHER = 3    /* contaminant of another ancestry fits better */
} kuni_qc_fit;

enum {
    KUNI_QC_RATE_SCALE = 1000000000, /* units of `rate` */
    KUNI_QC_MICRO = 1000000          /* units of the others with fractions */
};

typedef struct kuni_qc_estimates {
    int64_t fit;                 /* kuni_qc_fit */
    int64_t n_sites;             /* sites used */
    int64_t mean_depth;          /* at the sites used, micro */
    int64_t rate;                /* contamination, 1e-9 */
    int64_t rate_low, rate_high; /* profile-likelihood 95 % interval, 1e-9 */
    int64_t gain;                /* log-likelihood over rate 0, micro */
    int64_t n_pcs;
    int64_t pcs[KUNI_QC_PCS_MAX];       /* the sample's, micro */
    int64_t other_pcs[KUNI_QC_PCS_MAX]; /* the contaminant's, micro */
} kuni_qc_estimates;

/* Genotypes at panel sites, 2 bits each, four a byte from the low bits on. */
enum { KUNI_QC_GENOTYPE_MISSING = 3 };

static inline size_t kuni_qc_genotype_bytes(size_t n_sites)
{
    return (n_sites + 3) / 4;
}

static inline int kuni_qc_genotype(const unsigned char *genotypes, size_t site)
{
    return genotypes[site / 4] >> (2 * (site % 4)) & 3;
}

KUNI_MUST_CHECK kuni_status kuni_qc_estimates_encode(const kuni_qc_estimates *estimates,
                                                     kuni_buffer *out, kuni_error *err);
/* False where the bytes are damaged. */
KUNI_MUST_CHECK bool kuni_qc_estimates_decode(kuni_qc_bytes *bytes, kuni_qc_estimates *estimates);

#endif
