/* SPDX-License-Identifier: MIT */
/*
 * The tables of a release, counted while its records pass: one kuni_summary_piece counts a stretch of the
 * genome, whichever process works on it; what pieces leave is joined in their order.
 */
#ifndef KUNI_SUMMARY_SUMMARY_H
#define KUNI_SUMMARY_SUMMARY_H

#include "packed.h"
#include "strata.h"
#include "tally.h"

typedef struct kuni_summary_plan {
    const kuni_strata *strata;
    int64_t threshold;     /* counts of 1..k-1 people are not told */
    bool all_sites;        /* alleles that nobody has stay */
    const char *reference; /* path: alleles are named by it */
    const char *heading;   /* lines of ## that each table begins with */
} kuni_summary_plan;

typedef struct kuni_summary_piece kuni_summary_piece;

/*
 * Starts a piece; its part of freq.tsv.gz is written to `freq`. With `first` it has the table's head. Borrows
 * the plan.
 */
KUNI_MUST_CHECK kuni_status kuni_summary_begin(kuni_summary_piece **piece,
                                               const kuni_summary_plan *plan, const char *freq,
                                               bool first, kuni_error *err);
/* A record of the people, as the call set has it: GT, GQ, DP, AD (or LAA, LAD); columns as the strata. */
KUNI_MUST_CHECK kuni_status kuni_summary_record(kuni_summary_piece *piece, const bcf_hdr_t *header,
                                                bcf1_t *record, kuni_error *err);
/* A place where pieces may be cut. */
KUNI_MUST_CHECK kuni_status kuni_summary_flush(kuni_summary_piece *piece, kuni_error *err);
/* Frees also on failure. */
KUNI_MUST_CHECK kuni_status kuni_summary_end(kuni_summary_piece *piece, kuni_error *err);
/* Accepts NULL. */
void kuni_summary_abandon(kuni_summary_piece *piece);

#endif
