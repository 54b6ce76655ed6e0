/* SPDX-License-Identifier: MIT */
/*
 * Records of a .pgen, the genotypes of PLINK 2, after the PLINK 2 File Format Specification Draft
 * (github.com/chrchang/plink-ng, pgen_spec): hard calls of any number of alleles, and the phase of heterozygotes;
 * no dosages. No record refers to another, so that any number of processes can make them. What stands in
 * front of the records is pgen_header.h's business.
 *
 *     kuni_pgen *pgen = kuni_pgen_new(n_samples, err);
 *     kuni_pgen_row row = {.gt = gt, .value_bytes = 1, .width = 2, .n_alleles = 2};
 *     kuni_pgen_entry entry;
 *     status = kuni_pgen_encode(pgen, &row, &record, &entry, err);
 */
#ifndef KUNI_FORMATS_PGEN_H
#define KUNI_FORMATS_PGEN_H

#include "kuni/buffer.h"

/* ALTs that PLINK 2 takes; the format itself has no such limit. */
enum { KUNI_PGEN_ALTS_MOST = 254 };

typedef struct kuni_pgen kuni_pgen;

/* The genotypes of a record, as BCF has them: (allele + 1) << 1 | phased; 0: missing. */
typedef struct kuni_pgen_row {
    const void *gt;
    int value_bytes; /* 1, 2, 4; the end of a single copy is the least value + 1 */
    int width;       /* values a sample, 1 or 2 */
    uint32_t n_alleles;
} kuni_pgen_row;

/* What the header says of a record. */
typedef struct kuni_pgen_entry {
    uint8_t type;
    uint32_t bytes;
} kuni_pgen_entry;

/* For n_samples (at least 1) a record; a few bytes a sample. */
KUNI_MUST_CHECK kuni_pgen *kuni_pgen_new(uint32_t n_samples, kuni_error *err);
/* Accepts NULL. */
void kuni_pgen_free(kuni_pgen *pgen);

/*
 * Appends the record to `out`. One copy stands as two of the same, as PLINK 2 knows from the contig and the sex that
 * it is one; half of a call is missing. KUNI_BUG: an allele that the row does not have.
 */
KUNI_MUST_CHECK kuni_status kuni_pgen_encode(kuni_pgen *pgen, const kuni_pgen_row *row,
                                             kuni_buffer *out, kuni_pgen_entry *entry,
                                             kuni_error *err);

#endif
