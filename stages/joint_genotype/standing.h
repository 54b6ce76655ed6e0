/* SPDX-License-Identifier: MIT */
/*
 * What samples are told of with at a site by the reference block that they stand in there, or for want of one:
 * a value by column of each field of a dense row, before the cells of samples with events come on top.
 *
 * From one site to the next few samples leave their block, so the values stay, and those who turn to another
 * block are looked at alone. The values of all are made anew where the site says otherwise of a kind of block
 * than the site before: where the prior moves a quality over the edge of a band, or copies change.
 *
 * Its GQ, with the prior of the site, and DP are the lower edges of the bands that they lie in, but for those who
 * are told of with AD and PL, and where `exact` says so. The edges are what is asked of genotypes: GQ 20, DP 10,
 * of one copy 5 (gnomAD's adj); GQ 0 and DP 0 stay apart.
 */
#ifndef KUNI_JOINT_STANDING_H
#define KUNI_JOINT_STANDING_H

#include "cells.h"

/* Kinds as in cells.h; of a sample that is told of exactly, so many more. */
enum { JOINT_EXACT = JOINT_KINDS, JOINT_ALL_KINDS = 2 * JOINT_KINDS };

/* How a kind is written at the site of the row. */
typedef struct joint_standing_look {
    uint8_t gt[2]; /* as of two copies, in int8 */
    uint8_t gq;
    char rnc;
    bool called;
    uint8_t copies;
} joint_standing_look;

typedef struct joint_standing joint_standing;

/* Of the row under way, by column. */
typedef struct joint_standing_row {
    const uint8_t *gt; /* two values, of int8 */
    const uint8_t *gq, *dp;
    const char *rnc;
    const uint16_t *kind;
    const uint16_t *depth;            /* KUNI_MIN_DP_MISSING: not told */
    int64_t deepest;                  /* no depth is more; its type is that of the deepest */
    const joint_standing_look *looks; /* by kind */
} joint_standing_row;

/* Both are borrowed; `told`: flags by column of whose blocks are told of exactly; NULL: nobody's. */
KUNI_MUST_CHECK joint_standing *joint_standing_new(const joint_cells *cells, const uint8_t *told,
                                                   bool exact, kuni_error *err);
void joint_standing_free(joint_standing *standing);

/* The window was begun. */
KUNI_MUST_CHECK kuni_status joint_standing_begin(joint_standing *standing, kuni_error *err);
/* A piece that has a block, and sites of the window. A column's come in order. */
KUNI_MUST_CHECK kuni_status joint_standing_block(joint_standing *standing, const joint_piece *piece,
                                                 kuni_error *err);
/* Goes on to a row; they come in rising order. What is borrowed holds until the next. */
KUNI_MUST_CHECK kuni_status joint_standing_row_of(joint_standing *standing, const joint_row *row,
                                                  const joint_cohort *cohort,
                                                  joint_standing_row *out, kuni_error *err);

/* The chunk's last window was written: memory goes back. */
void joint_standing_end(joint_standing *standing);
/* Taken by the blocks of the window under way. */
int64_t joint_standing_bytes(const joint_standing *standing);

#endif
