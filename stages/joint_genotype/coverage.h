/* SPDX-License-Identifier: MIT */
/*
 * How many samples have reference coverage of which kind at each site of a chunk.
 *
 * A block adds one at its first site and takes one away past its last: its cost does not depend on
 * how many sites it covers. Samples are told apart by cell (group and sex), copies and code; a row
 * of counters is made when first used.
 */
#ifndef KUNI_JOINT_COVERAGE_H
#define KUNI_JOINT_COVERAGE_H

#include "joint.h"

enum {                          /* codes; 0..99 are genotype qualities of reference blocks */
       JOINT_CODE_STATED = 100, /* reference that nobody says how sure of; called, without a GQ */
       JOINT_CODE_NOTHING,      /* neither confidence nor depth: as good as no block */
       JOINT_CODE_LOW,          /* depth, but no confidence */
       JOINT_CODE_CONFLICT,
       JOINT_CODE_FILTERED,
       JOINT_CODE_UNLISTED,
       JOINT_CODE_ABSENT, /* no copy of the contig */
       JOINT_CODE_SEX,    /* see joint_reason */
       JOINT_CODE_HAPLOID,
       JOINT_CODES,
       JOINT_QUALITIES = JOINT_CODE_NOTHING
};

/* Of the confidence of reference blocks in likelihoods: 0..99. */
enum { JOINT_CONFIDENCES = 100, JOINT_CONFIDENCE_STATED = 60 };

static inline int joint_coverage_confidence(int code)
{
    return code == JOINT_CODE_STATED ? JOINT_CONFIDENCE_STATED : code;
}

enum { JOINT_DEPTH_BINS = 21, JOINT_DEPTH_BIN = 5 }; /* the last is open */

typedef struct joint_coverage joint_coverage;

typedef struct joint_coverage_row {
    uint32_t cell;
    uint8_t code, copies;
    const int32_t *count; /* by site */
} joint_coverage_row;

KUNI_MUST_CHECK joint_coverage *joint_coverage_new(kuni_error *err);
void joint_coverage_free(joint_coverage *coverage);
KUNI_MUST_CHECK kuni_status joint_coverage_begin(joint_coverage *coverage, uint32_t n_sites,
                                                 uint32_t n_cells, kuni_error *err);

static inline int joint_coverage_code(const kuni_block *block, joint_ploidy ploidy)
{
    if (ploidy.refused) return ploidy.refused == JOINT_SEX ? JOINT_CODE_SEX : JOINT_CODE_HAPLOID;
    if (ploidy.copies == 0) return JOINT_CODE_ABSENT;
    if (block->kind == KUNI_BLOCK_CONFLICT) return JOINT_CODE_CONFLICT;
    if (block->kind == KUNI_BLOCK_FILTERED) return JOINT_CODE_FILTERED;
    if (block->kind == KUNI_BLOCK_UNLISTED) return JOINT_CODE_UNLISTED;
    if (block->kind == KUNI_BLOCK_STATED) return JOINT_CODE_STATED;
    if (block->kind == KUNI_BLOCK_LOW) return block->min_dp ? JOINT_CODE_LOW : JOINT_CODE_NOTHING;
    uint8_t gq = kuni_block_gq(block, ploidy.copies);
    if (gq) return gq > 99 ? 99 : gq;
    return block->min_dp ? 0 : JOINT_CODE_NOTHING;
}

static inline uint32_t joint_depth_bin(uint32_t depth)
{
    return depth >= JOINT_DEPTH_BIN * (JOINT_DEPTH_BINS - 1) ? JOINT_DEPTH_BINS - 1
                                                             : depth / JOINT_DEPTH_BIN;
}

/* `depth` may be KUNI_MIN_DP_MISSING: then it is in neither sum nor bins. */
KUNI_MUST_CHECK kuni_status joint_coverage_add(joint_coverage *coverage, uint32_t cell, int code,
                                               int copies, uint32_t depth, uint32_t first,
                                               uint32_t last, kuni_error *err);

/* Turns differences into counts; nothing may be added after. */
KUNI_MUST_CHECK kuni_status joint_coverage_finish(joint_coverage *coverage, kuni_error *err);

/* Rows in the order of code, copies, cell. */
const joint_coverage_row *joint_coverage_rows(const joint_coverage *coverage, size_t *n_rows);
/* Samples by depth bin, and the sum of depths, at a site. */
void joint_coverage_depths(const joint_coverage *coverage, uint32_t site,
                           uint64_t bins[JOINT_DEPTH_BINS], uint64_t *sum);

#endif
