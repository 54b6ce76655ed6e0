/* SPDX-License-Identifier: MIT */
/*
 * The genotypes of a BCF record in their packed form: who is anything but twice REF. Most samples of
 * most records are, so that nearly all work is finding the others.
 */
#ifndef KUNI_STAGES_MERGE_GENOTYPES_H
#define KUNI_STAGES_MERGE_GENOTYPES_H

#include <htslib/vcf.h>

#include "kuni/stage.h"

enum { CALLSET_NO_ALLELE = -1, CALLSET_NO_COPY = -2 };

/* A sample that is not twice REF: numbers of alleles, CALLSET_NO_ALLELE ("."), CALLSET_NO_COPY. */
typedef struct callset_genotype {
    uint32_t column;
    int32_t a, b;
} callset_genotype;

typedef struct callset_genotypes {
    callset_genotype *odd; /* by column */
    size_t n, capacity;
} callset_genotypes;

/* Of FORMAT/GT; every genotype of more than two alleles is KUNI_DATA. */
KUNI_MUST_CHECK kuni_status callset_genotypes_read(callset_genotypes *genotypes,
                                                   const bcf_fmt_t *gt, uint32_t n_columns,
                                                   kuni_error *err);
void callset_genotypes_fini(callset_genotypes *genotypes);

/* A column's value in a FORMAT field of one whole number a sample (DP, GQ); negative: it has none. */
int32_t callset_value(const bcf_fmt_t *f, uint32_t column);

#endif
