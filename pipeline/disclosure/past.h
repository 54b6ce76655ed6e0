/* SPDX-License-Identifier: MIT */
/*
 * What earlier releases have told: a chapter a release, in a file of its own. It holds who was counted (as
 * numbers that a secret of the dataset makes of participants: it names nobody), the cells that were
 * offered, and by allele what was told of which cell and the counts behind it, so that a later release
 * knows what follows by subtraction, of people who have left meanwhile, too. Chapters are immutable; each
 * builds on the one before. A chapter's people are all who were counted until then, in classes: those whom
 * no cell of any release so far tells apart.
 *
 * A recipient is taken to have what it and `public` ones were given. A public release is decided against what
 * each of those has who were given something, and against what is public alone: it has as many views, and what is
 * told has to be well in each. Recipients that put together what they have are not looked at: what they were
 * given was not weighed against each other either.
 *
 * A chapter, numbers as LEB128 unless told otherwise:
 *   "KUNITOLD" 1 | length, recipient | flags (1 public, 2 genotypes) | threshold
 *   classes: n; of each its class in the chapter before, from 1, or 0
 *   people: n; of each its number (8 bytes), rising, and its class
 *   genotypes: n, and the numbers (8 bytes) of whom the recipient has got genotypes
 *   cells: n; of each a byte a class (0 or 1)
 *   alleles: n (8 bytes), padding to 8; the keys (8 bytes each), rising; n + 1 offsets (8 bytes each) into
 *   what follows: a byte a cell (bits of KUNI_DISCLOSE_), and of each class a byte of bits (good het, hom,
 *   hemi, none, then low ones) and the numbers that are not 0.
 */
#ifndef KUNI_DISCLOSURE_PAST_H
#define KUNI_DISCLOSURE_PAST_H

#include "counts.h"
#include "kuni/buffer.h"

typedef struct kuni_disclosure_past kuni_disclosure_past;

enum { KUNI_DISCLOSURE_NOT_COUNTED = UINT32_MAX };

/* What is being asked for. */
typedef struct kuni_disclosure_audience {
    const char *recipient; /* borrowed */
    bool everybody;        /* it is public */
    int64_t threshold;
} kuni_disclosure_audience;

/* No chapters yet. */
KUNI_MUST_CHECK kuni_status kuni_disclosure_past_new(kuni_disclosure_past **made,
                                                     const kuni_disclosure_audience *audience,
                                                     kuni_error *err);
/* Accepts NULL. */
void kuni_disclosure_past_free(kuni_disclosure_past *past);
/* Reads the next chapter, in the order of releases. KUNI_IO where it is not there, or is damaged. */
KUNI_MUST_CHECK kuni_status kuni_disclosure_past_read(kuni_disclosure_past *past, const char *path,
                                                      kuni_error *err);
/*
 * Who would be counted now: n different numbers, and the finest class that tables put each in. Sets label[i]
 * for kuni_disclosure_setup.labels (strata must not mix labels), or KUNI_DISCLOSURE_NOT_COUNTED: where
 * fewer than k have left a class, so many of the others are not counted that k are out, lest the
 * difference be of few; and newcomers who are fewer than k of their kind wait.
 */
KUNI_MUST_CHECK kuni_status kuni_disclosure_past_people(kuni_disclosure_past *past,
                                                        const uint64_t *numbers,
                                                        const uint16_t *finest, size_t n,
                                                        uint32_t *labels, kuni_error *err);

/* --- for disclosure.c --- */

typedef struct kuni_disclosure_told {
    size_t chapter, cell;
    const uint8_t *units; /* a byte a unit; owned by the past */
} kuni_disclosure_told;

/* Somebody who gets the release, and what of it is theirs. */
typedef struct kuni_disclosure_view {
    const char *recipient; /* NULL: what is public alone */
    bool has_genotypes;    /* of some people */
    uint64_t *known,
        *partly; /* by unit: bit 1 (see atoms.h) where they have the genotypes of all, of some */
} kuni_disclosure_view;

/*
 * Units: the strata with their labels, and behind them what is left of classes by people who are not counted
 * now. Lives as long as the past.
 */
typedef struct kuni_disclosure_units {
    size_t n, n_strata;
    uint32_t *people;           /* of each unit */
    kuni_disclosure_told *told; /* cells of earlier releases that may have been told to some view */
    size_t n_told;
    kuni_disclosure_view *views; /* at least one */
    size_t n_views;
} kuni_disclosure_units;

/* `labels` NULL: all new. */
KUNI_MUST_CHECK kuni_status kuni_disclosure_past_units(kuni_disclosure_past *past,
                                                       const uint32_t *labels,
                                                       const uint32_t *people, size_t n_strata,
                                                       const kuni_disclosure_units **units,
                                                       kuni_error *err);
/*
 * Of an allele: what a told cell (by its place in units->told) was told: bits of KUNI_DISCLOSE_; and sets
 * the counts of units behind the strata by what chapters hold, less the strata's own; good and low. False: of some
 * of them it is known together alone, and somebody has the genotypes of a part: nothing can be said of the rest.
 */
bool kuni_disclosure_past_find(kuni_disclosure_past *past, uint64_t allele,
                               kuni_disclosure_counts *good, kuni_disclosure_counts *low);
uint8_t kuni_disclosure_past_told(const kuni_disclosure_past *past, size_t told);
/* Whether a told cell is one that a view has, if of any allele. */
bool kuni_disclosure_past_is_theirs(const kuni_disclosure_past *past, size_t view, size_t told);

/* --- the next chapter --- */

typedef struct kuni_disclosure_chapter {
    const uint64_t *numbers; /* of people, n; as past_people had them */
    const uint32_t *strata;  /* of each its stratum, or KUNI_DISCLOSURE_NOT_COUNTED */
    size_t n;
    bool genotypes; /* they are given, too: of all the n */
    size_t n_cells;
    const uint8_t *cells;       /* n_cells rows of a byte a unit */
    const kuni_buffer *journal; /* of kuni_disclosure_past_note, in any order */
} kuni_disclosure_chapter;

/* Appends what is told of an allele: `told` has n_cells bytes, counts one each unit; `low` may be NULL. */
KUNI_MUST_CHECK kuni_status kuni_disclosure_past_note(const kuni_disclosure_past *past,
                                                      uint64_t allele, const uint8_t *told,
                                                      size_t n_cells,
                                                      const kuni_disclosure_counts *good,
                                                      const kuni_disclosure_counts *low,
                                                      kuni_buffer *journal, kuni_error *err);
/* Writes the chapter to `path` (0600), atomically. After kuni_disclosure_past_units. */
KUNI_MUST_CHECK kuni_status kuni_disclosure_past_write(const kuni_disclosure_past *past,
                                                       const kuni_disclosure_chapter *chapter,
                                                       const char *path, kuni_error *err);

#endif
