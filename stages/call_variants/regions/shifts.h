/* SPDX-License-Identifier: MIT */
/*
 * Substitutions that are a repeat's indel in disguise: beside a unit more or less of an imperfect
 * repeat an aligner may put mismatches, not a gap, and its bases are then those of the reference a
 * unit further on.
 */
#ifndef KUNI_CALL_SHIFTS_H
#define KUNI_CALL_SHIFTS_H

#include "model/call.h"

/*
 * True where the reference around `pos` resembles itself at some shift longer than the short
 * repeats have, and has the base `alt` (code) there. [*beg, *end) becomes the repeat around `pos`,
 * at most KUNI_REGION_BP of it.
 */
bool kuni_shift_explains(const kuni_call_reference *reference, int64_t pos, unsigned alt,
                         int64_t *beg, int64_t *end);

#endif
