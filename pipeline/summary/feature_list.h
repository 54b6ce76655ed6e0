/* SPDX-License-Identifier: MIT */
/*
 * What tables by feature are about: named stretches of the reference, from a BED file (four columns or more;
 * lines of one name on one contig are one feature, such as the exons of a gene) or a GFF3 file (its genes:
 * type gene, *_gene or pseudogene; ID, and Name where there is one).
 */
#ifndef KUNI_SUMMARY_FEATURE_LIST_H
#define KUNI_SUMMARY_FEATURE_LIST_H

#include "kuni/file.h"
#include "kuni/genome.h"

typedef struct kuni_feature {
    const char *id, *name;
    int32_t tid;
    int64_t beg, end, bp; /* from its first base to its last; bases in its spans */
} kuni_feature;

typedef struct kuni_feature_span {
    kuni_span span;
    uint32_t feature;
} kuni_feature_span;

typedef struct kuni_features {
    kuni_feature *features; /* by contig, begin, end, id */
    size_t n;
    kuni_feature_span
        *spans; /* by contig and begin; those of a feature neither overlap nor touch */
    size_t n_spans;
    size_t n_foreign; /* lines on contigs that the reference has not */
    char digest[KUNI_DIGEST_HEX_BYTES];
    kuni_arena *arena;
} kuni_features;

/*
 * KUNI_DATA: a line is none of BED or GFF3, lies past its contig or has no name, or there is no feature. To be given
 * to _fini in any case.
 */
KUNI_MUST_CHECK kuni_status kuni_features_read(kuni_features *features, const char *path,
                                               const kuni_genome *genome, kuni_error *err);
void kuni_features_fini(kuni_features *features);

#endif
