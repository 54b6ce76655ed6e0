/* SPDX-License-Identifier: MIT */
/*
 * Tier 1: what all reads together say at every position, kept as counts and quality sums.
 *
 * Only differences from the reference are kept apart; a base that agrees costs one vector lane. The
 * arrays cover a stretch of the contig around one cell of the sweep and slide on with it.
 */
#ifndef KUNI_CALL_PILEUP_H
#define KUNI_CALL_PILEUP_H

#include <string.h>

#include "read_window.h"

enum {
    KUNI_PILEUP_BACK_BP = KUNI_LEAD_BP + KUNI_MARGIN_BP,
    KUNI_PILEUP_BP = KUNI_PILEUP_BACK_BP + KUNI_CELL_BP + KUNI_MARGIN_BP + KUNI_SPAN_BP + 64
};

typedef struct kuni_pileup {
    int64_t beg;                          /* position of element 0 */
    uint16_t match[KUNI_PILEUP_BP];       /* bases of quality that agree with the reference */
    uint16_t starts[KUNI_PILEUP_BP];      /* reads whose alignment starts here */
    uint16_t ends[KUNI_PILEUP_BP];        /* reads whose alignment ended just before */
    uint16_t differ[4][KUNI_PILEUP_BP];   /* bases of quality A, C, G, T that differ */
    uint32_t differ_q[4][KUNI_PILEUP_BP]; /* their summed qualities */
    uint16_t insertion[KUNI_PILEUP_BP]; /* reads with one, at its left-most place: base before it */
    uint16_t deletion[KUNI_PILEUP_BP];  /* likewise */
    uint32_t indel_q[KUNI_PILEUP_BP];   /* summed phred of these being errors */
    uint16_t roll[KUNI_PILEUP_BP];      /* bases over which the longest of these may be moved */
    uint16_t gone[KUNI_PILEUP_BP];      /* most bases that one of these takes away */
    uint16_t spanned[KUNI_PILEUP_BP];   /* reads with a deletion over the base */
    uint16_t clip[KUNI_PILEUP_BP];      /* reads with a good soft clip beside the base */
} kuni_pileup;

/* Empties the arrays; element 0 becomes `beg`. */
void kuni_pileup_start(kuni_pileup *pileup, int64_t beg);
/* Element 0 becomes `beg`, not before the present one; what is left keeps its counts. */
void kuni_pileup_slide(kuni_pileup *pileup, int64_t beg);
/* Adds a read. Reads before the arrays' start are cut. */
void kuni_pileup_add(kuni_pileup *pileup, kuni_call_read *read,
                     const kuni_call_reference *reference, const kuni_call_options *options);

/* Bases and deletions that count at an element. */
static inline uint32_t kuni_pileup_depth(const kuni_pileup *pileup, int64_t i)
{
    return (uint32_t)pileup->match[i] + pileup->differ[0][i] + pileup->differ[1][i] +
           pileup->differ[2][i] + pileup->differ[3][i] + pileup->spanned[i];
}

enum { KUNI_PILEUP_STEP = 8 };

static inline uint64_t kuni_pileup_any(const uint16_t *elements)
{
    uint64_t halves[2];
    memcpy(halves, elements, sizeof(halves));
    return halves[0] | halves[1];
}

/*
 * Nothing but agreement in KUNI_PILEUP_STEP elements from i on: no base that differs, no indel, no
 * clip.
 */
static inline bool kuni_pileup_agrees(const kuni_pileup *pileup, int64_t i)
{
    return !(kuni_pileup_any(pileup->differ[0] + i) | kuni_pileup_any(pileup->differ[1] + i) |
             kuni_pileup_any(pileup->differ[2] + i) | kuni_pileup_any(pileup->differ[3] + i) |
             kuni_pileup_any(pileup->insertion + i) | kuni_pileup_any(pileup->deletion + i) |
             kuni_pileup_any(pileup->clip + i));
}

/* Reads at an element that go on for `reach` bases: those that tell lengths of a repeat apart. */
static inline uint32_t kuni_pileup_spanning(const kuni_pileup *pileup, int64_t i, int reach)
{
    uint32_t depth = kuni_pileup_depth(pileup, i), ended = 0;
    for (int64_t k = i + 1; k <= i + 1 + reach && k < KUNI_PILEUP_BP; k++) ended += pileup->ends[k];
    return depth > ended ? depth - ended : 0;
}

/*
 * Shifts an indel of `length` bases to its left-most equal place. `pos` is the first deleted base,
 * or the base an insertion stands before; `inserted` (NULL: deletion) is rotated in place. Never
 * passes `least`. Returns the new pos.
 */
int64_t kuni_indel_left_align(const kuni_call_reference *reference, int64_t pos, int32_t length,
                              uint8_t *inserted, int64_t least);

enum { KUNI_ROLL_MOST_BP = 500 };

/*
 * How many bases an indel that stands at its left-most place can be moved to the right and spell
 * the same: a read that ends within them shows nothing of it, whatever the period of the repeat.
 * `pos` and `inserted` as above; at most KUNI_ROLL_MOST_BP.
 */
int kuni_indel_roll(const kuni_call_reference *reference, int64_t pos, int32_t length,
                    const uint8_t *inserted);

#endif
