/* SPDX-License-Identifier: MIT */
/*
 * How often a read gets the length of a repeat wrong: gap penalties by unit and copies.
 *
 * Libraries differ more than any table: two models stand side by side, one of PCR-free libraries,
 * one of amplified ones, and a region's likelihoods are the mean over both.
 */
#ifndef KUNI_CALL_GAPS_H
#define KUNI_CALL_GAPS_H

#include "call.h"

typedef enum kuni_gap_model { KUNI_GAPS_FREE, KUNI_GAPS_PCR, KUNI_GAP_MODELS } kuni_gap_model;

/* Phred of a gap at a base of a repeat of `copies` units of `unit` bases, in one direction. */
uint8_t kuni_gap_open_phred(kuni_gap_model model, int unit, int copies);

/*
 * Fills the penalties of every base of a sequence (codes) by the repeat it stands in. True where
 * the models differ enough to matter.
 */
bool kuni_gaps_set(kuni_gap_model model, const uint8_t *bases, uint32_t n, uint8_t *open,
                   uint8_t *extend);

/* Copies of the unit of 1..8 bases that repeats most from the base after `pos` on; *unit its
 * length. */
int kuni_repeat_copies(const kuni_call_reference *reference, int64_t pos, int *unit);

/* Phred chance that a read shows an indel at `pos` (the base before it) which its molecule lacks.
 */
int kuni_indel_error_phred(const kuni_call_reference *reference, int64_t pos);

#endif
