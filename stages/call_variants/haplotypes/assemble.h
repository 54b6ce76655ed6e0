/* SPDX-License-Identifier: MIT */
/*
 * Local assembly: from the reads over a window of the reference to candidate haplotypes.
 *
 * A de Bruijn graph of the reference window and the reads' high-quality stretches; k grows until
 * the graph has no cycle; thin branches are pruned, branches that end before they rejoin the
 * reference are rescued by their match to it; haplotypes are the most probable paths from the
 * window's first to its last k-mer. Each is then aligned to the window and described by its edits.
 * The reference haplotype is always first.
 *
 * Bases are codes: A C G T are 0 to 3, all else 4. Results depend on the reads and their order
 * only.
 */
#ifndef KUNI_CALL_VARIANTS_ASSEMBLE_H
#define KUNI_CALL_VARIANTS_ASSEMBLE_H

#include "haplotype.h"
#include "pairhmm.h"

typedef struct kuni_assemble_options {
    uint32_t min_base_quality; /* bases below break a read into stretches [10] */
    uint32_t min_weight;       /* branches whose every edge was seen fewer times are pruned [2] */
    uint32_t max_haplotypes;   /* the most probable ones are kept, the reference besides [32] */
    uint32_t max_tail_gap;     /* longest indel that a rescued branch end may imply [20] */
} kuni_assemble_options;

#define KUNI_ASSEMBLE_DEFAULTS                                                                     \
    {.min_base_quality = 10, .min_weight = 2, .max_haplotypes = 32, .max_tail_gap = 20}

typedef struct kuni_assembler kuni_assembler;

KUNI_MUST_CHECK kuni_status kuni_assembler_new(kuni_assembler **assembler,
                                               const kuni_assemble_options *options,
                                               kuni_error *err);
void kuni_assembler_free(kuni_assembler *assembler);

/*
 * Assembles one window. *haplotypes (count in *n_haplotypes, >= 1; [0] is the reference) live until
 * the next call. Where no k gives an acyclic graph only the reference comes back and *failed is
 * true: the caller falls back on the alleles that the alignments show.
 */
KUNI_MUST_CHECK kuni_status kuni_assemble(kuni_assembler *assembler, const uint8_t *reference,
                                          uint32_t reference_length, const kuni_pairhmm_read *reads,
                                          size_t n_reads, const kuni_haplotype **haplotypes,
                                          size_t *n_haplotypes, bool *failed, kuni_error *err);

#endif
