/* SPDX-License-Identifier: MIT */
/*
 * Candidates from local assembly: what the alignments do not show as indels (long insertions,
 * clusters, soft clips) becomes haplotypes and variants of the region.
 */
#ifndef KUNI_CALL_ASSEMBLED_H
#define KUNI_CALL_ASSEMBLED_H

#include "candidates.h"
#include "haplotypes/assemble.h"

/*
 * Assembles the reads over reference [beg, end); the haplotypes' variants in [keep_beg, keep_end)
 * are added to `variants` and their sets to `candidates`. `reads` are those of `variants`, trimmed.
 */
KUNI_MUST_CHECK kuni_status kuni_assembled_add(kuni_assembler *assembler,
                                               const kuni_pairhmm_read *reads, size_t n_reads,
                                               const kuni_call_reference *reference, int64_t beg,
                                               int64_t end, int64_t keep_beg, int64_t keep_end,
                                               kuni_variants *variants, kuni_candidates *candidates,
                                               kuni_arena *arena, kuni_error *err);

/*
 * Of haplotypes that spell the same sequence keeps the first, and describes those of several
 * variants anew by their alignment to the reference, so that a sequence has one description however
 * it was found. A description that would move an indel out of [beg, end), where it is called, is
 * not taken: beside a long insertion that repeats what follows, a substitution can turn it about.
 */
KUNI_MUST_CHECK kuni_status kuni_candidates_canonise(
    kuni_candidates *candidates, kuni_aligner *aligner, const kuni_call_reference *reference,
    kuni_variants *variants, int64_t beg, int64_t end, kuni_arena *arena, kuni_error *err);

#endif
