/* SPDX-License-Identifier: MIT */
/*
 * Substitutions that are a repeat's indel in disguise: beside a unit more or less of an imperfect
 * repeat an aligner may put mismatches, not a gap, and its bases are then those of the reference a
 * unit further on.
 */
#ifndef KUNI_CALL_SHIFTS_H
#define KUNI_CALL_SHIFTS_H

#include "variants.h"

/*
 * True where the reference around `pos` resembles itself at some shift longer than the short
 * repeats have, and has the base `alt` (code) there. [*beg, *end) becomes the repeat around `pos`,
 * at most KUNI_REGION_BP of it.
 */
bool kuni_shift_explains(const kuni_call_reference *reference, int64_t pos, unsigned alt,
                         int64_t *beg, int64_t *end);

/* Whether a variant cannot stand beside an indel, or is how an aligner writes reads of it: a base that the
 * reference has as far away as the indel is long. */
bool kuni_shift_covers(const kuni_variant *indel, const kuni_variant *variant,
                       const kuni_call_reference *reference);

enum { KUNI_SHIFT_VARIANTS_MAX = 6 };

/*
 * The indels that the substitutions in [*beg, *end) may stand for, those that most reads tell of;
 * alt bytes from `arena`. *beg and *end are widened to hold them.
 */
KUNI_MUST_CHECK kuni_status kuni_shifts_find(const kuni_pileup *pileup,
                                             const kuni_call_reference *reference,
                                             kuni_variant *found, size_t *n_found, int64_t *beg,
                                             int64_t *end, kuni_arena *arena, kuni_error *err);

#endif
