/* SPDX-License-Identifier: MIT */
/* Features and labels of the records of a call set. */
#ifndef KUNI_QUALITY_MEASURE_H
#define KUNI_QUALITY_MEASURE_H

#include <htslib/vcf.h>

#include "quality.h"

/* Columns of a family in the call set. */
typedef struct quality_trio {
    int32_t child, father, mother;
} quality_trio;

typedef struct quality_calls {
    const char *path;
    htsFile *file;
    bcf_hdr_t *header;
    bcf1_t *record;
    kuni_span shard;
    char *sequence; /* of the reference around the shard */
    int64_t sequence_beg, sequence_bp;
    const char *contig;
    uint64_t contig_hash;
    const kuni_ploidy *ploidy; /* NULL: diploid */
    double samples[3];         /* of the call set, by sex */
    bool mitochondrial;        /* no site is judged */
    quality_trio *trios;
    size_t n_trios;
    int32_t *ints;
    float *floats;
    int n_ints, n_floats;
} quality_calls;

/* Opens the calls of the task's shard. To be closed also on failure. */
KUNI_MUST_CHECK kuni_status quality_calls_open(quality_calls *calls, const kuni_task *task,
                                               kuni_error *err);
void quality_calls_close(quality_calls *calls);
/* The next record; *found is false at the end. */
KUNI_MUST_CHECK kuni_status quality_calls_next(quality_calls *calls, bool *found, kuni_error *err);
/* Features of the record under way; false where nobody is called with an ALT of it. */
bool quality_measure(quality_calls *calls, quality_site *site);
/* What the cohort's own genotypes say of the record under way, which was measured. */
quality_label quality_judge(quality_calls *calls);

#endif
