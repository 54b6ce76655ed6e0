/* SPDX-License-Identifier: MIT */
/*
 * What samples have at the sites of a window, kept sparse until rows are written: a cell per sample
 * with events at a site, and what samples are in where they have none. What the rows look like is the
 * business of dense.h and sparse.h.
 */
#ifndef KUNI_JOINT_CELLS_H
#define KUNI_JOINT_CELLS_H

#include "pile.h"
#include "tally.h"

/*
 * Samples without an event at a site, by what they are in: a block of some copies and code (copies
 * * JOINT_CODES + code), or nothing, by who they are.
 */
enum { JOINT_KIND_NO_DATA = 3 * JOINT_CODES, JOINT_KINDS = JOINT_KIND_NO_DATA + JOINT_WHO_MAX };

static inline int joint_kind(const joint_piece *piece)
{
    return piece->ploidy.copies * JOINT_CODES + joint_coverage_code(piece->block, piece->ploidy);
}

/* What a sample without an event stands in: the kind, and the depth that is told of it. */
typedef struct joint_state {
    uint16_t kind, depth;
} joint_state;

/* States by number. They are few where depths are banded, and tens of thousands where they are not. */
typedef struct joint_states {
    joint_state *states;
    uint32_t *places; /* a table of 1 + number, by what the state hashes to */
    size_t n, capacity, n_places, places_capacity;
} joint_states;

void joint_states_fini(joint_states *states);
void joint_states_clear(joint_states *states);
KUNI_MUST_CHECK kuni_status joint_states_number(joint_states *states, joint_state state,
                                                uint32_t *number, kuni_error *err);

/* Of a sample with events at a site. */
typedef struct joint_cell {
    uint32_t column, dp;
    int32_t allele[2]; /* where it is called */
    int64_t phase_set;
    uint8_t gq, reason, copies, n;
    bool phased, no_gq;
    const uint16_t *number; /* n alleles, "other" last */
    const uint16_t *pl;     /* NULL: missing, or not asked for */
    const uint32_t *ad;     /* n - 1; likewise */
} joint_cell;

/* Traits of the pile of a site: somebody has what is asked for. */
enum { JOINT_CELLS_AD = 1, JOINT_CELLS_PL = 2, JOINT_CELLS_UNCALLED = 4 };

typedef struct joint_cells {
    joint_piles piles;
    uint32_t n_columns;
    int64_t beg; /* of the chunk */
    bool with_ad, with_pl, with_ps;
    uint8_t *code; /* of the cell under way */
    size_t code_capacity;
    joint_cell *row; /* of site row_site */
    uint16_t *shorts;
    uint32_t *longs;
    size_t row_capacity, shorts_capacity, longs_capacity;
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

/*
 * Bytes that a window of sites is reckoned with, before one tells what it took: on average of an event and of a
 * reference block, some of which go on from the one before. Measured are 21 and 2; blocks none of which goes on take 5.
 */
enum {
    JOINT_CELL_BYTES = 12,
    JOINT_CELL_AD_BYTES = 4,
    JOINT_CELL_PL_BYTES = 12,
    JOINT_TURN_BYTES = 5
};

static inline int64_t joint_cell_bytes(const joint_options *o)
{
    return JOINT_CELL_BYTES + (o->with_ad ? JOINT_CELL_AD_BYTES : 0) +
           (o->with_pl ? JOINT_CELL_PL_BYTES : 0);
}

/* Fields that `options` does not ask for are not kept. */
KUNI_MUST_CHECK joint_cells *joint_cells_new(const joint_options *options, kuni_error *err);
void joint_cells_free(joint_cells *cells);

/* Starts a window of sites [first, last) of a chunk that begins at `beg`. */
KUNI_MUST_CHECK kuni_status joint_cells_begin(joint_cells *cells, uint32_t n_columns, int64_t beg,
                                              uint32_t first, uint32_t last, kuni_error *err);
/* The chunk's last window was written: memory goes back. */
void joint_cells_end(joint_cells *cells);
/* `star` is the number of "*" at the site. */
KUNI_MUST_CHECK kuni_status joint_cells_event(joint_cells *cells, uint32_t site, uint32_t column,
                                              const joint_local *local, const joint_call *call,
                                              int32_t star, kuni_error *err);
/* The sample is not genotyped here, for a reason that is not its evidence's. */
KUNI_MUST_CHECK kuni_status joint_cells_refused(joint_cells *cells, uint32_t site, uint32_t column,
                                                joint_reason reason, int copies, uint32_t dp,
                                                kuni_error *err);

/* All cells of a site, in the order in which they came; they hold until the next are asked for. */
KUNI_MUST_CHECK kuni_status joint_cells_row(joint_cells *cells, uint32_t site,
                                            const joint_cell **row, size_t *n, kuni_error *err);

/* Room for what a cell points to. */
typedef struct joint_cell_room {
    uint16_t shorts[JOINT_LOCAL_MAX + JOINT_LOCAL_MAX * (JOINT_LOCAL_MAX + 1) / 2];
    uint32_t longs[JOINT_LOCAL_MAX];
} joint_cell_room;

/* Reads the bytes of an entry, all but its column. */
void joint_cell_read(const joint_cells *cells, const uint8_t **at, joint_cell_room *room,
                     joint_cell *cell);
/* Likewise, for nobody: a joint_pile_skip with the cells as context. */
void joint_cell_skip(void *cells, const uint8_t **at);

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
