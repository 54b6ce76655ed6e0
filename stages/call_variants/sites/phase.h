/* SPDX-License-Identifier: MIT */
/*
 * Phase of neighbouring single-base heterozygotes that tier 1 called, by the fragments that show
 * both.
 *
 * Each fragment speaks for cis or trans by log10((1 - e) / e), e the chance that either base is
 * wrong. Two neighbours within KUNI_PHASE_BP are one set where the sum reaches 2 and nearly all
 * fragments agree; sets are chains of such pairs within a cell of the absolute grid, named by the
 * first position.
 */
#ifndef KUNI_CALL_PHASE_H
#define KUNI_CALL_PHASE_H

#include "model/genotype.h"
#include "reads/read_window.h"

enum { KUNI_PHASE_BP = 256 };

/* `events` by position; sets flags, phase_set and the order of gt. */
void kuni_phase_events(kuni_call_event *events, size_t n, const kuni_read_window *window,
                       const kuni_call_options *options);

#endif
