/* SPDX-License-Identifier: MIT */
/* What the merge's first step tells its later ones about a shard. */
#ifndef KUNI_STAGES_MERGE_SEGMENT_H
#define KUNI_STAGES_MERGE_SEGMENT_H

#include "contig_index.h"
#include "kuni/file.h"
#include "kuni/stage.h"

/* Counts of a shard; sums over shards do not depend on where they are cut. */
typedef struct segment_counts {
    uint64_t records, passed;                    /* passed: FILTER is PASS or missing */
    uint64_t snps, indels, others, multiallelic; /* records that have such an allele */
    uint64_t transitions, transversions;         /* SNP alleles */
} segment_counts;

typedef struct segment_info {
    char header_digest[KUNI_DIGEST_HEX_BYTES]; /* of what all shards have alike */
    int32_t rid;                               /* contig number in the header; -1: no record */
    int32_t local;                             /* 1: records have LAA, LAD or LPL */
    int32_t sparse;                            /* 1: there are sparse records too */
    segment_counts counts;
    /* Of the blocks in the file of calls, and in that of sparse ones; 0: they are in pieces of their own. */
    uint64_t offset, bytes, sparse_offset, sparse_bytes;
} segment_info;

/* The step "segment". */
kuni_status segment_run(const kuni_task *task, kuni_error *err);

/*
 * A segment-info file begins with segment_info, then come the packed indices of the BCF, the sites
 * and, where there is one, the sparse piece. `bytes` owns what *indices points into.
 */
KUNI_MUST_CHECK kuni_status segment_info_read(const char *path, segment_info *info,
                                              kuni_buffer *bytes, const char **indices,
                                              size_t *length, kuni_error *err);

#endif
