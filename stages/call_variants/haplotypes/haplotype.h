/* SPDX-License-Identifier: MIT */
/*
 * Haplotypes and their edits against the reference window.
 */
#ifndef KUNI_CALL_VARIANTS_HAPLOTYPE_H
#define KUNI_CALL_VARIANTS_HAPLOTYPE_H

#include "kuni/buffer.h"

/*
 * One difference: reference[ref, ref + ref_length) is replaced by haplotype[hap, hap + hap_length).
 * A substitution has length 1 on both sides (neighbouring ones are separate edits); an insertion
 * has ref_length 0, a deletion hap_length 0: both as far left as they go without crossing another
 * edit.
 */
typedef struct kuni_edit {
    uint32_t ref, ref_length;
    uint32_t hap, hap_length;
} kuni_edit;

typedef struct kuni_haplotype {
    const uint8_t *bases; /* codes */
    uint32_t length;
    const kuni_edit *edits; /* in order; none: the reference */
    uint32_t n_edits;
    double log10_support; /* log10 probability of its path through the graph; 0 for the reference */
} kuni_haplotype;

typedef struct kuni_aligner kuni_aligner; /* scratch for alignments */

KUNI_MUST_CHECK kuni_aligner *kuni_aligner_new(kuni_error *err);
void kuni_aligner_free(kuni_aligner *aligner);

/*
 * Aligns a haplotype to the reference end to end, with affine gaps (match 200, mismatch -150, open
 * -260, extend -11: HaplotypeCaller's haplotype-to-reference scores), and gives the edits,
 * allocated from `arena`.
 */
KUNI_MUST_CHECK kuni_status kuni_haplotype_align(kuni_aligner *aligner, kuni_arena *arena,
                                                 const uint8_t *reference,
                                                 uint32_t reference_length, const uint8_t *bases,
                                                 uint32_t length, const kuni_edit **edits,
                                                 uint32_t *n_edits, kuni_error *err);

#endif
