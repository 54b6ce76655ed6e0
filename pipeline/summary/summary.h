/* SPDX-License-Identifier: MIT */
/*
 * The tables of a release, counted while its records pass: one kuni_summary_piece counts a stretch of the
 * genome, whichever process works on it; what pieces leave is joined in their order.
 */
#ifndef KUNI_SUMMARY_SUMMARY_H
#define KUNI_SUMMARY_SUMMARY_H

#include "disclosure.h"
#include "feature_list.h"
#include "packed.h"
#include "strata.h"
#include "tally.h"

typedef struct kuni_summary_plan {
    const kuni_strata *strata;
    kuni_disclosure *discloses;    /* what may be told, of the cells of strata */
    const kuni_features *features; /* NULL: none */
    bool all_sites;                /* alleles that nobody has stay */
    const char *reference;         /* path: alleles are named by it */
    const char *heading;           /* lines of ## that each table begins with */
    const char *contigs;           /* names in their order, with commas between */
} kuni_summary_plan;

typedef struct kuni_summary_piece kuni_summary_piece;

/* Where the parts of a piece are written; NULL: not at all. */
typedef struct kuni_summary_paths {
    const char *freq,
        *cases;        /* of freq.tsv.gz and cases_controls.tsv.gz: to be joined with others' */
    const char *sweep; /* see sweep.h */
    const char *told; /* a journal for kuni_disclosure_write, in no need of being joined in order */
} kuni_summary_paths;

/* Starts a piece. With `first` its parts have the tables' heads. Borrows the plan. */
KUNI_MUST_CHECK kuni_status kuni_summary_begin(kuni_summary_piece **piece,
                                               const kuni_summary_plan *plan,
                                               const kuni_summary_paths *paths, bool first,
                                               kuni_error *err);
/* A record of the people, as the call set has it: GT, GQ, DP, AD (or LAA, LAD); columns as the strata. */
KUNI_MUST_CHECK kuni_status kuni_summary_record(kuni_summary_piece *piece, const bcf_hdr_t *header,
                                                bcf1_t *record, kuni_error *err);
/* Whether of an ALT (from 1) of the last record AC, AN and AF of all called genotypes may be told. */
bool kuni_summary_tells(const kuni_summary_piece *piece, int alt);
/* Reference that somebody has with so many copies (1 or 2), quality and depth; as joint_pass tells. */
void kuni_summary_covered(kuni_summary_piece *piece, kuni_span span, int copies, int gq,
                          uint32_t dp);
/* A place where pieces may be cut. */
KUNI_MUST_CHECK kuni_status kuni_summary_flush(kuni_summary_piece *piece, kuni_error *err);
/* Frees also on failure. */
KUNI_MUST_CHECK kuni_status kuni_summary_end(kuni_summary_piece *piece, kuni_error *err);
/* Accepts NULL. */
void kuni_summary_abandon(kuni_summary_piece *piece);

#endif
