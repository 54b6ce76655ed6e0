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

/*
 * Sums and a histogram of a FORMAT field of one whole number a sample (DP, GQ) over records. What a
 * sample lacks is counted apart.
 */
typedef struct callset_field {
    uint32_t n_columns, most;        /* values above `most` count as that in the histogram */
    uint64_t *sums, *unknown, *bins; /* borrowed: by column, by column, by value */
    uint32_t *recent;                /* sums of records not yet added */
    uint32_t n_recent;
} callset_field;

KUNI_MUST_CHECK kuni_status callset_field_init(callset_field *field, uint32_t n_columns,
                                               uint32_t most, uint64_t *sums, uint64_t *unknown,
                                               uint64_t *bins, kuni_error *err);
/* The values `f` of a record; NULL: it has no such field, which nobody then knows. */
void callset_field_add(callset_field *field, const bcf_fmt_t *f);
/* Adds what is recent: the sums hold after that. */
void callset_field_settle(callset_field *field);
void callset_field_fini(callset_field *field);

#endif
