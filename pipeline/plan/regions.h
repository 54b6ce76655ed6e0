/* SPDX-License-Identifier: MIT */
/*
 * Sets of genome spans: what a workflow chooses to process, and its cut into shards.
 *
 * A set is sorted by (tid, beg), its spans neither overlap nor touch. Shards do touch: they are
 * windows of nearly equal length of each span, so that a shard never spans contigs nor a hole.
 */
#ifndef KUNI_PLAN_REGIONS_H
#define KUNI_PLAN_REGIONS_H

#include "kuni/buffer.h"
#include "kuni/genome.h"

typedef struct kuni_regions {
    kuni_span *spans;
    size_t n_spans, capacity;
    bool whole; /* only whole contigs were chosen (some parts may have been excluded since) */
} kuni_regions;

void kuni_regions_fini(kuni_regions *regions);

/*
 * The union of entries "chr1", "chr2:1000-2000" (1-based, inclusive), "chr2:1000" (to the end);
 * none: all contigs. KUNI_USAGE for unknown contigs (with the nearest name) and impossible spans.
 */
KUNI_MUST_CHECK kuni_status kuni_regions_choose(kuni_regions *regions, const char *const *entries,
                                                size_t n_entries, const kuni_genome *genome,
                                                kuni_error *err);
/*
 * Appends the spans of a BED file, plain or gzipped, merged. Contigs foreign to the genome are
 * KUNI_USAGE unless `ignore_foreign`.
 */
KUNI_MUST_CHECK kuni_status kuni_regions_read_bed(kuni_regions *regions, const char *path,
                                                  const kuni_genome *genome, bool ignore_foreign,
                                                  kuni_error *err);
/* *regions becomes what both have. */
KUNI_MUST_CHECK kuni_status kuni_regions_intersect(kuni_regions *regions, const kuni_regions *other,
                                                   kuni_error *err);
/* *regions loses what `other` has. */
KUNI_MUST_CHECK kuni_status kuni_regions_subtract(kuni_regions *regions, const kuni_regions *other,
                                                  kuni_error *err);
enum {
    KUNI_SHARD_GRID_BP = 1 << 16, /* grid of evidence chunks and of blocks in the national files */
    KUNI_SHARD_GRID_FROM_BP = 500000 /* shards of at least this length end on the grid */
};

/*
 * Cuts each span into windows of at most shard_bp, all of a span of nearly one length; long ones
 * end on multiples of the grid.
 */
KUNI_MUST_CHECK kuni_status kuni_regions_cut(const kuni_regions *regions, int64_t shard_bp,
                                             kuni_span **shards, size_t *n_shards, kuni_error *err);

#endif
