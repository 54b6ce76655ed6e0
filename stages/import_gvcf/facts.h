/* SPDX-License-Identifier: MIT */
/*
 * What the parts of an import tell each other of records, and count.
 */
#ifndef KUNI_IMPORT_FACTS_H
#define KUNI_IMPORT_FACTS_H

#include "kuni/evidence.h"

/* What an import did, for the report; each is counted in the shard that holds its position. */
typedef struct kuni_import_counts {
    int64_t records, blocks, events, no_data, filtered, normalised, conflicts, doubles, overlaps,
        symbolic, derived_pl, derived_gt, half_calls, masked, unlisted, ref_differs, bad_records,
        joined, other_copy;
} kuni_import_counts;

/* Of the record that an event comes from. */
typedef struct kuni_record_facts {
    int64_t beg, end; /* what it covered before normalisation */
    uint32_t lack;    /* kuni_likelihoods_lack */
    bool half;        /* it calls one copy of two */
    bool mixture;     /* its allele is in some of many copies: nobody knows what is with it */
    const char *const *spelled; /* the event's alleles as they stand at `beg`; NULL: as in it */
} kuni_record_facts;

/* Makes alleles minimal and left-aligned, and moves the event's position along. */
typedef kuni_status (*kuni_normaliser)(void *context, kuni_event *event, kuni_error *err);

/* Bands of GQ that blocks of reference are joined by, within cells of the contig. */
enum { KUNI_REBAND_BP = 4096, KUNI_REBAND_EDGES = 32 };
typedef struct kuni_reband {
    uint16_t edges[KUNI_REBAND_EDGES]; /* lower, of the bands above the first */
    size_t n;
} kuni_reband;

#endif
