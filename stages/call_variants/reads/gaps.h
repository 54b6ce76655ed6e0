/* SPDX-License-Identifier: MIT */
/*
 * Gap penalties by repeat, and the repeats of the reference.
 *
 * The penalties are those of PCR-free libraries; where a region's candidates differ in the length
 * of a repeat, stutter.h has the last word on it.
 */
#ifndef KUNI_CALL_GAPS_H
#define KUNI_CALL_GAPS_H

#include "model/call.h"

/* Phred of a gap at a base of a repeat of `copies` units of `unit` bases, in one direction. */
uint8_t kuni_gap_open_phred(int unit, int copies);

/* Fills the penalties of every base of a sequence (codes) by the repeat it stands in. */
void kuni_gaps_set(const uint8_t *bases, uint32_t n, uint8_t *open, uint8_t *extend);

/*
 * Copies of the unit of 1..8 bases that repeats most from the base after `pos` on; *unit its
 * length.
 */
int kuni_repeat_copies(const kuni_call_reference *reference, int64_t pos, int *unit);

/*
 * Phred chance that a read shows an indel at `pos` (the base before it) which its molecule lacks.
 */
int kuni_indel_error_phred(const kuni_call_reference *reference, int64_t pos);

#endif
