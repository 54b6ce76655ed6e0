/* SPDX-License-Identifier: MIT */
/*
 * Candidate haplotypes of an active region: the reference with sets of variants applied.
 *
 * Sets come from what single reads show together, from each variant alone, and from assembly. The
 * first haplotype is always the reference.
 */
#ifndef KUNI_CALL_CANDIDATES_H
#define KUNI_CALL_CANDIDATES_H

#include "haplotypes/pairhmm.h"
#include "reads/gaps.h"
#include "variants.h"

enum { KUNI_CANDIDATES_MAX = 32, KUNI_CANDIDATE_VARIANTS_MAX = 32 };

typedef struct kuni_candidate {
    uint16_t n, list[KUNI_CANDIDATE_VARIANTS_MAX]; /* variants it carries, by position */
    uint32_t support;                              /* reads that show just this set */
    kuni_pairhmm_haplotype sequence;               /* without gap penalties */
} kuni_candidate;

typedef struct kuni_candidates {
    kuni_candidate list[KUNI_CANDIDATES_MAX];
    size_t n;
    int64_t beg, end; /* reference span */
} kuni_candidates;

/* The reference, and where variants stand far apart what overlapping reads show one after the other. */
void kuni_candidates_start(kuni_candidates *haplotypes, const kuni_variants *variants,
                           const kuni_call_reference *reference);
/* Adds sets of the table with an indel in place of the substitutions that it explains. */
void kuni_candidates_shift(kuni_candidates *haplotypes, const kuni_variants *variants,
                           uint16_t indel, const kuni_call_reference *reference);
/*
 * Adds sets of variants by the reads' support: those that at least `least` reads show whole,
 * then each variant alone where no set has it. No sequences yet.
 */
void kuni_candidates_choose(kuni_candidates *haplotypes, const kuni_variants *variants,
                            const kuni_call_reference *reference);
/* Adds a set unless it is there or the table is full. */
bool kuni_candidates_add(kuni_candidates *haplotypes, const uint16_t *list, size_t n,
                         uint32_t support);
/* Adds each set that reads show with one more variant, where that can stand beside it. */
void kuni_candidates_extend(kuni_candidates *haplotypes, const kuni_variants *variants,
                            uint16_t variant);
/* Where variants stand far apart: reads that show an indel may end before the next, so that each set
 * gets one with it. To be called last, with what room is left. */
void kuni_candidates_complete(kuni_candidates *haplotypes, const kuni_variants *variants);
/* Spells all over reference [beg, end); memory from `arena`. */
KUNI_MUST_CHECK kuni_status kuni_candidates_spell(kuni_candidates *haplotypes,
                                                  const kuni_variants *variants,
                                                  const kuni_call_reference *reference, int64_t beg,
                                                  int64_t end, kuni_arena *arena, kuni_error *err);

#endif
