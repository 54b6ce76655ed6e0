/* SPDX-License-Identifier: MIT */
/*
 * The numbers of a call set: counts of a shard, and their sum over shards.
 *
 * All are integers that add up, so that no number depends on where shards are cut or who counted
 * them. Records are counted once in the set "all" and, where FILTER is PASS or missing, once more in
 * the set "passed". Genotypes are counted in passed records where everybody has two copies
 * (autosomes and PAR, by the ploidy table): there a man and a woman are alike.
 *
 * Alleles "*" and "<*>" are no variants of a record. A genotype is called where both its alleles
 * are; it is heterozygous where they differ. DP and GQ are those of called genotypes with an ALT: of the
 * others call sets tell bounds, in bands.
 */
#ifndef KUNI_STAGES_MERGE_TOTALS_H
#define KUNI_STAGES_MERGE_TOTALS_H

#include "kuni/stage.h"

enum { CALLSET_ALL, CALLSET_PASSED, CALLSET_SETS };

/* What an ALT is. Of equal length with one base changed: a transition or a transversion. */
typedef enum callset_kind {
    CALLSET_TRANSITION,
    CALLSET_TRANSVERSION,
    CALLSET_INSERTION,
    CALLSET_DELETION,
    CALLSET_OTHER, /* several bases changed, or symbolic */
    CALLSET_KINDS,
    CALLSET_NO_VARIANT = CALLSET_KINDS /* "*", "<*>" */
} callset_kind;

/* Kinds of records, by what alleles they have; a record may be several. */
enum {
    CALLSET_RECORDS,
    CALLSET_SNPS,
    CALLSET_INDELS,
    CALLSET_OTHERS,
    CALLSET_MULTIALLELIC,
    CALLSET_RECORD_COUNTS
};

enum {
    CALLSET_SUBSTITUTIONS = 12, /* AC AG AT CA CG CT GA GC GT TA TC TG */
    CALLSET_LENGTH_MOST = 60,   /* indels of more bases count as that long */
    CALLSET_LENGTHS = 2 * CALLSET_LENGTH_MOST + 1,
    CALLSET_FREQUENCIES = 19,  /* callset_frequency_bin */
    CALLSET_MISSING_BINS = 10, /* callset_missing_bin */
    CALLSET_GQS = 100,
    CALLSET_DEPTHS = 151, /* the last: 150 and more */
    CALLSET_HWE_BINS = 11 /* -log10 P from 0 in steps of 1, the last: 10 and more */
};

/* Places in callset_totals.sums. */
enum {
    CALLSET_AT_RECORDS = 0, /* [set][CALLSET_RECORD_COUNTS] */
    CALLSET_AT_ALLELES =
        CALLSET_AT_RECORDS + CALLSET_SETS * CALLSET_RECORD_COUNTS, /* [set][kind] */
    CALLSET_AT_SUBSTITUTIONS = CALLSET_AT_ALLELES + CALLSET_SETS * CALLSET_KINDS,
    CALLSET_AT_LENGTHS = CALLSET_AT_SUBSTITUTIONS + CALLSET_SETS * CALLSET_SUBSTITUTIONS,
    CALLSET_AT_FREQUENCIES = CALLSET_AT_LENGTHS + CALLSET_SETS * CALLSET_LENGTHS,
    /* [set][kind][bin] */
    CALLSET_AT_MISSING =
        CALLSET_AT_FREQUENCIES + CALLSET_SETS * CALLSET_KINDS * CALLSET_FREQUENCIES,
    CALLSET_AT_GQ = CALLSET_AT_MISSING + CALLSET_MISSING_BINS,
    CALLSET_AT_DEPTH = CALLSET_AT_GQ + CALLSET_GQS,
    CALLSET_AT_HWE = CALLSET_AT_DEPTH + CALLSET_DEPTHS, /* [common][bin] of sites with one ALT */
    CALLSET_AT_COUNTED = CALLSET_AT_HWE + 2 * CALLSET_HWE_BINS, /* records with counted genotypes */
    CALLSET_AT_BLIND, /* shards without genotypes: INFO alone was counted, columns are not known */
    CALLSET_SUMS
};

/* Counts of a sample, over the records with counted genotypes. */
enum {
    CALLSET_MISSING,
    CALLSET_SNP_HET,
    CALLSET_SNP_HOM,
    CALLSET_INDEL_HET,
    CALLSET_INDEL_HOM,
    CALLSET_OTHER_HET,
    CALLSET_OTHER_HOM,
    CALLSET_OF_KIND, /* carried ALTs by kind: CALLSET_KINDS of them */
    CALLSET_SINGLETONS =
        CALLSET_OF_KIND + CALLSET_KINDS, /* ALTs of which there is one copy: here */
    CALLSET_DEPTH_SUM,
    CALLSET_DEPTH_KNOWN, /* genotypes with an ALT that have a DP, which is in the sum */
    CALLSET_GQ_SUM,
    CALLSET_GQ_KNOWN,
    CALLSET_COLUMN_COUNTS
};

/*
 * Counts of a trio. Where all three are called and one at least has an ALT: "informative". Errors
 * are of three types, by SNPs and the rest: an allele that neither parent has; none that could be
 * the father's; none that could be the mother's.
 */
enum {
    CALLSET_TRIO_MISSING,
    CALLSET_TRIO_INFORMATIVE,
    CALLSET_TRIO_NEW, /* of SNPs, of the rest; so are the two below */
    CALLSET_TRIO_NOT_FATHER = CALLSET_TRIO_NEW + 2,
    CALLSET_TRIO_NOT_MOTHER = CALLSET_TRIO_NOT_FATHER + 2,
    CALLSET_TRIO_COUNTS = CALLSET_TRIO_NOT_MOTHER + 2
};

typedef struct callset_trio {
    uint32_t child, father, mother; /* columns */
    uint64_t counts[CALLSET_TRIO_COUNTS];
} callset_trio;

typedef struct callset_filter {
    char *name;
    uint64_t records, alone; /* alone: no other filter */
} callset_filter;

/* A stretch of a contig; stretches lie on a grid from the contig's begin. */
typedef struct callset_window {
    int32_t tid;
    int64_t number; /* of windows of window_bp, from 0 */
    uint64_t records, passed, counted, missing, het;
} callset_window;

typedef struct callset_totals {
    uint64_t sums[CALLSET_SUMS];
    uint32_t n_columns;
    uint64_t *columns; /* [count][column] */
    callset_trio *trios;
    size_t n_trios;
    callset_filter *filters;
    size_t n_filters, filters_capacity;
    int64_t window_bp;
    callset_window *windows; /* in genome order */
    size_t n_windows, windows_capacity;
} callset_totals;

/* Zeros; trios are those of the task's samples whose parents have columns too. */
KUNI_MUST_CHECK kuni_status callset_totals_init(callset_totals *totals, const kuni_task *task,
                                                kuni_error *err);
void callset_totals_fini(callset_totals *totals);

static inline uint64_t *callset_column(const callset_totals *totals, int count)
{
    return totals->columns + (size_t)count * totals->n_columns;
}

/* Whether what is counted of single samples, and who is heterozygous, is known. */
static inline bool callset_sees_genotypes(const callset_totals *totals)
{
    return totals->sums[CALLSET_AT_BLIND] == 0;
}

/* The filter of a name, or NULL when memory ran out. */
callset_filter *callset_totals_filter(callset_totals *totals, const char *name, kuni_error *err);
/* The window at a place, that of the last or a later one; NULL when memory ran out. */
callset_window *callset_totals_window(callset_totals *totals, int32_t tid, int64_t pos,
                                      kuni_error *err);

/* A file of them, and adding one to others: in the order of shards. */
KUNI_MUST_CHECK kuni_status callset_totals_write(const callset_totals *totals, const char *path,
                                                 kuni_error *err);
KUNI_MUST_CHECK kuni_status callset_totals_add(callset_totals *totals, const char *path,
                                               kuni_error *err);

/*
 * 0, 1, 2: copies; the others: more copies, and a share of at most callset_frequency_edges[bin] /
 * CALLSET_EDGE_SCALE.
 */
enum { CALLSET_EDGE_SCALE = 10000 };
extern const uint16_t callset_frequency_edges[CALLSET_FREQUENCIES];
int callset_frequency_bin(uint64_t copies, uint64_t all);
/* 0: nobody is missing; the others: at most callset_missing_edges[bin] / CALLSET_EDGE_SCALE. */
extern const uint16_t callset_missing_edges[CALLSET_MISSING_BINS];
int callset_missing_bin(uint64_t missing, uint64_t all);

/* Bases that all shards cover. */
int64_t callset_bp(const kuni_task *task);

#endif
