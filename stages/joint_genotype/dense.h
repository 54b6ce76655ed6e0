/* SPDX-License-Identifier: MIT */
/*
 * Genotype columns of the sites of a window, a value for every sample, straight in BCF's own
 * encoding.
 *
 * A sample in a reference block has GT, GQ and DP; AD and PL as well where it is one of those that
 * are told of with them (reference.h), else as missing; standing.h says how GQ and DP are told.
 */
#ifndef KUNI_JOINT_DENSE_H
#define KUNI_JOINT_DENSE_H

#include <htslib/vcf.h>

#include "cells.h"

typedef struct joint_dense joint_dense;

/* Header ids of the FORMAT fields, -1 where a field is not wanted. */
typedef struct joint_format_ids {
    int gt, gq, dp, ad, pl, laa, lad, lpl, rnc, ps;
} joint_format_ids;

/* Both are borrowed; `told` as joint_reference_told gives it. `exact`: without bands. */
KUNI_MUST_CHECK joint_dense *joint_dense_new(joint_cells *cells, const uint8_t *told, bool exact,
                                             kuni_error *err);
void joint_dense_free(joint_dense *dense);

/* The window was begun. */
KUNI_MUST_CHECK kuni_status joint_dense_begin(joint_dense *dense, kuni_error *err);
/* A piece that has a block, and sites of the window. */
KUNI_MUST_CHECK kuni_status joint_dense_block(joint_dense *dense, const joint_piece *piece,
                                              kuni_error *err);

/* Writes the FORMAT part of `record`. */
KUNI_MUST_CHECK kuni_status joint_dense_row(joint_dense *dense, const joint_row *row,
                                            const joint_cohort *cohort, const joint_format_ids *ids,
                                            bcf1_t *record, kuni_error *err);

/* The chunk's last window was written: memory goes back. */
void joint_dense_end(joint_dense *dense);
/* Taken by the window under way, but for cells. */
int64_t joint_dense_bytes(const joint_dense *dense);

#endif
