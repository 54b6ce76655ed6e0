/* SPDX-License-Identifier: MIT */
/*
 * gene_counts.tsv, distinct participants by what they have in a feature, and feature_capability.tsv, what could be
 * seen there at all. What cannot be seen is "not_assessed", never 0.
 */
#ifndef KUNI_SUMMARY_GENES_H
#define KUNI_SUMMARY_GENES_H

#include "sweep.h"
#include "telling.h"

/* How well a class of variants is seen in a feature. */
typedef enum kuni_capability { KUNI_CAN_NOT, KUNI_CAN_PARTLY, KUNI_CAN_ASSESS } kuni_capability;

typedef struct kuni_genes {
    const kuni_features *features;
    const kuni_strata *strata;
    const kuni_genome *genome;
    const uint32_t *people; /* by feature: who has a copy of its place */
    const char *heading;
    const uint64_t *identities; /* by feature, what stands for it in all releases */
    kuni_buffer *journal;       /* what is told is appended; see kuni_disclosure_note */
} kuni_genes;

/* Of a share of bases, summed over people, that are well covered (GQ and DP as adj asks). */
kuni_capability kuni_genes_capability(double share);

/* Writes both tables. */
KUNI_MUST_CHECK kuni_status kuni_genes_write(const kuni_genes *genes, kuni_sweeps *sweeps,
                                             kuni_telling *telling, const char *counts_path,
                                             const char *capability_path, kuni_error *err);

#endif
