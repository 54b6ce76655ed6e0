/* SPDX-License-Identifier: MIT */
/*
 * What samples have at the sites of a window, kept sparse until rows are written: a cell per sample
 * with events at a site, a span per reference block. What the rows look like is the business of
 * dense.h and sparse.h.
 */
#ifndef KUNI_JOINT_CELLS_H
#define KUNI_JOINT_CELLS_H

#include "tally.h"

enum { JOINT_NONE = UINT32_MAX };

/*
 * Samples without an event at a site, by what they are in: a block of some copies and code (copies
 * * JOINT_CODES + code), or nothing, by who they are.
 */
enum { JOINT_KIND_NO_DATA = 3 * JOINT_CODES, JOINT_KINDS = JOINT_KIND_NO_DATA + JOINT_WHO_MAX };

static inline int joint_kind(const joint_piece *piece)
{
    return piece->ploidy.copies * JOINT_CODES + joint_coverage_code(piece->block, piece->ploidy);
}

typedef struct joint_span {
    uint32_t first, last; /* sites of the chunk */
    uint32_t next;        /* of the same column, or JOINT_NONE */
    uint32_t end;         /* where it ends, from the chunk's begin */
    uint16_t kind, depth;
} joint_span;

typedef struct joint_spans {
    joint_span *spans;
    size_t n, capacity;
    uint32_t *head, *tail; /* of each column; head moves on as rows are written */
    size_t head_capacity, tail_capacity;
} joint_spans;

typedef struct joint_cell {
    struct joint_cell *next; /* of the same site, in the order in which they came */
    uint32_t column, dp;
    int32_t allele[2];
    int64_t phase_set;
    uint8_t gq, reason, copies, n;
    bool phased, no_gq;
    const uint16_t *number; /* n alleles, "other" last */
    const uint16_t *pl;     /* NULL: missing */
    const uint32_t *ad;     /* n - 1, NULL: missing */
} joint_cell;

/* The cells of a site, one after the other in pieces of memory, as rows go through them. */
typedef struct joint_pile {
    joint_cell *first, *last;
    char *at; /* where the next one goes, and how much room there is */
    uint32_t left, piece;
} joint_pile;

typedef struct joint_cells {
    kuni_arena *arena; /* cells */
    uint32_t n_columns, first, last;
    int64_t beg;       /* of the chunk */
    joint_pile *sites; /* of each site of the window */
    size_t sites_capacity;
} joint_cells;

/* What a row needs to know of its record. */
typedef struct joint_row {
    uint32_t site;                /* index; rows must be asked for in rising order */
    uint32_t n_alleles;           /* of the record, with "*" where it is written */
    bool local;                   /* local alleles: LAA, LAD, LPL instead of AD, PL */
    bool phased;                  /* write PS */
    const joint_ploidy *expected; /* by who it is, where there is no evidence */
    uint32_t n_whos;
    joint_call (*block_calls)[JOINT_QUALITIES]; /* copies 0: nobody needs it */
} joint_row;

KUNI_MUST_CHECK kuni_status joint_spans_begin(joint_spans *spans, uint32_t n_columns,
                                              kuni_error *err);
void joint_spans_fini(joint_spans *spans);
/* A column's spans come in order; `next` is of no meaning. */
KUNI_MUST_CHECK kuni_status joint_spans_add(joint_spans *spans, uint32_t column, joint_span span,
                                            kuni_error *err);
/* Passes over the column's spans that end at or before `site`; the next one, or NULL. */
static inline const joint_span *joint_spans_advance(joint_spans *spans, uint32_t column,
                                                    uint32_t site)
{
    uint32_t at = spans->head[column];
    while (at != JOINT_NONE && spans->spans[at].last <= site) at = spans->spans[at].next;
    spans->head[column] = at;
    return at == JOINT_NONE ? NULL : &spans->spans[at];
}

KUNI_MUST_CHECK joint_cells *joint_cells_new(kuni_error *err);
void joint_cells_free(joint_cells *cells);

/* Starts a window of sites [first, last) of a chunk that begins at `beg`. */
KUNI_MUST_CHECK kuni_status joint_cells_begin(joint_cells *cells, uint32_t n_columns, int64_t beg,
                                              uint32_t first, uint32_t last, kuni_error *err);
/* `star` is the number of "*" at the site. */
KUNI_MUST_CHECK kuni_status joint_cells_event(joint_cells *cells, uint32_t site, uint32_t column,
                                              const joint_local *local, const joint_call *call,
                                              int32_t star, kuni_error *err);
/* The sample is not genotyped here, for a reason that is not its evidence's. */
KUNI_MUST_CHECK kuni_status joint_cells_refused(joint_cells *cells, uint32_t site, uint32_t column,
                                                joint_reason reason, int copies, uint32_t dp,
                                                kuni_error *err);

static inline const joint_cell *joint_cells_at(const joint_cells *cells, uint32_t site)
{
    return cells->sites[site - cells->first].first;
}

/*
 * Local alleles of a cell that the record has: "other" never, "*" only where it is written. They are the first
 * of its numbers, for these rise.
 */
static inline uint32_t joint_cell_alleles(const joint_cell *cell, uint32_t n_alleles)
{
    uint32_t n = cell->n ? cell->n - 1u : 0;
    while (n && cell->number[n - 1] >= n_alleles) n--;
    return n;
}

/* The cell's number of an allele of the site; "other" where it does not list it. */
static inline uint32_t joint_cell_find(const joint_cell *cell, uint32_t allele)
{
    for (uint32_t i = 0; i + 1 < cell->n; i++)
        if (cell->number[i] == allele) return i;
    return cell->n - 1u;
}

/*
 * The least of the likelihoods that are written, which are told relative to it: the likeliest genotype may
 * have an allele that the record does not list, or, `local`, that is "other" to the sample. There is a pl.
 */
int joint_cell_least(const joint_cell *cell, uint32_t n_alleles, bool local);

/* How a sample without an event is told of at a site. */
typedef struct joint_look {
    joint_reason reason;
    int copies;
    bool depth_known;
} joint_look;

static inline joint_look joint_look_of(const joint_row *row, int kind)
{
    int code = kind % JOINT_CODES, copies = kind / JOINT_CODES;
    if (kind >= JOINT_KIND_NO_DATA) {
        joint_ploidy expected = row->expected[kind - JOINT_KIND_NO_DATA];
        joint_reason reason = expected.refused  ? expected.refused
                              : expected.copies ? JOINT_NO_COVERAGE
                                                : JOINT_ABSENT;
        return (joint_look){reason, expected.copies, false};
    }
    if (code < JOINT_QUALITIES)
        return (joint_look){copies ? row->block_calls[copies - 1][code].reason : JOINT_ABSENT,
                            copies, true};
    joint_reason reason = code == JOINT_CODE_NOTHING    ? JOINT_NO_COVERAGE
                          : code == JOINT_CODE_LOW      ? JOINT_LOW
                          : code == JOINT_CODE_CONFLICT ? JOINT_CONFLICT
                          : code == JOINT_CODE_FILTERED ? JOINT_FILTERED
                          : code == JOINT_CODE_UNLISTED ? JOINT_UNLISTED
                          : code == JOINT_CODE_SEX      ? JOINT_SEX
                          : code == JOINT_CODE_HAPLOID  ? JOINT_HAPLOID
                                                        : JOINT_ABSENT;
    return (joint_look){reason, copies, code != JOINT_CODE_NOTHING && code != JOINT_CODE_ABSENT};
}

#endif
