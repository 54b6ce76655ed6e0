/* SPDX-License-Identifier: MIT */
/*
 * Genotype columns of a window of sites: kept sparse (a span per reference block, a cell per event)
 * until a record's row is written, straight into BCF's own encoding.
 *
 * What a reference block does not hold is written as missing: such a sample has GT, GQ and DP, but
 * no AD and PL.
 */
#ifndef KUNI_JOINT_DENSE_H
#define KUNI_JOINT_DENSE_H

#include <htslib/vcf.h>

#include "tally.h"

typedef struct joint_dense joint_dense;

/* Header ids of the FORMAT fields, -1 where a field is not wanted. */
typedef struct joint_format_ids {
    int gt, gq, dp, ad, pl, laa, lad, lpl, rnc, ps;
} joint_format_ids;

KUNI_MUST_CHECK joint_dense *joint_dense_new(kuni_error *err);
void joint_dense_free(joint_dense *dense);

/* Starts a window of sites [first, last). */
KUNI_MUST_CHECK kuni_status joint_dense_begin(joint_dense *dense, uint32_t n_columns,
                                              uint32_t first, uint32_t last, kuni_error *err);
KUNI_MUST_CHECK kuni_status joint_dense_block(joint_dense *dense, uint32_t column, uint32_t first,
                                              uint32_t last, const kuni_block *block, int copies,
                                              kuni_error *err);
KUNI_MUST_CHECK kuni_status joint_dense_event(joint_dense *dense, uint32_t site, uint32_t column,
                                              const joint_local *local, const joint_call *call,
                                              kuni_error *err);
/* The sample has no copy of the contig here. */
KUNI_MUST_CHECK kuni_status joint_dense_absent(joint_dense *dense, uint32_t site, uint32_t column,
                                               kuni_error *err);

/* What a row needs to know of its record. */
typedef struct joint_row {
    uint32_t site;                              /* index; rows must be asked for in rising order */
    uint32_t n_alleles;                         /* of the record, with "*" where it is written */
    bool local;                                 /* local alleles: LAA, LAD, LPL instead of AD, PL */
    bool phased;                                /* write PS */
    int sex_copies[JOINT_SEXES];                /* copies where there is no evidence */
    joint_call (*block_calls)[JOINT_QUALITIES]; /* copies 0: nobody needs it */
} joint_row;

/* Writes the FORMAT part of `record`. */
KUNI_MUST_CHECK kuni_status joint_dense_row(joint_dense *dense, const joint_row *row,
                                            const joint_cohort *cohort, const joint_format_ids *ids,
                                            bcf1_t *record, kuni_error *err);

#endif
