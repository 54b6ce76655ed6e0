/* SPDX-License-Identifier: MIT */
/*
 * Pileup of a sample at the panel's sites of a shard: how many bases of each quality show REF, ALT
 * or something else.
 *
 * Bases come from primary, PF, non-duplicate reads (VerifyBamID2's filters: MAPQ >= 2 and base
 * quality >= 13 by default). The two reads of a pair give one base: the better one if they agree,
 * none if they differ. A site belongs to one shard, so the pileups of shards are disjoint and their
 * union does not depend on the cut.
 */
#ifndef KUNI_ALIGNMENT_QC_PILEUP_H
#define KUNI_ALIGNMENT_QC_PILEUP_H

#include <htslib/sam.h>

#include "counters.h"
#include "panel.h"

typedef enum kuni_qc_allele { KUNI_QC_REF, KUNI_QC_ALT, KUNI_QC_OTHER } kuni_qc_allele;

/* Bases of one kind at a site: (allele << 6 | quality) and how many. */
typedef struct kuni_qc_stack {
    uint32_t site; /* of the panel */
    uint8_t base;
    uint32_t count;
} kuni_qc_stack;

typedef struct kuni_qc_pileup kuni_qc_pileup;

KUNI_MUST_CHECK kuni_status kuni_qc_pileup_new(kuni_qc_pileup **pileup, const kuni_qc_panel *panel,
                                               kuni_span shard, int min_base_quality,
                                               int min_mapping_quality, kuni_error *err);
void kuni_qc_pileup_free(kuni_qc_pileup *pileup);
void kuni_qc_pileup_begin(kuni_qc_pileup *pileup);
/* Records by POS, already known to be primary, mapped, PF and no duplicate. */
KUNI_MUST_CHECK kuni_status kuni_qc_pileup_add(kuni_qc_pileup *pileup, const bam1_t *record,
                                               int64_t end, kuni_error *err);
/* Appends the sample's stacks, coded: their number, then (site gap, base, count). */
KUNI_MUST_CHECK kuni_status kuni_qc_pileup_encode(kuni_qc_pileup *pileup, kuni_buffer *out,
                                                  kuni_error *err);
/* Appends coded stacks to a growing array. Damaged bytes are KUNI_DATA. */
KUNI_MUST_CHECK kuni_status kuni_qc_stacks_decode(kuni_qc_bytes *bytes, size_t n_sites,
                                                  kuni_qc_stack **stacks, size_t *n_stacks,
                                                  size_t *capacity, kuni_error *err);

/* A sample's stacks in coded form while those of shard after shard are put behind one another. */
typedef struct kuni_qc_coded_stacks {
    kuni_buffer bytes;
    uint64_t n, site; /* how many; the last one's */
} kuni_qc_coded_stacks;

/* Appends coded stacks to others. Damaged bytes are KUNI_DATA. */
KUNI_MUST_CHECK kuni_status kuni_qc_stacks_append(kuni_qc_bytes *bytes, size_t n_sites,
                                                  kuni_qc_coded_stacks *to, kuni_error *err);
/* Appends them as kuni_qc_pileup_encode would have. */
KUNI_MUST_CHECK kuni_status kuni_qc_coded_stacks_put(const kuni_qc_coded_stacks *stacks,
                                                     kuni_buffer *out, kuni_error *err);

#endif
