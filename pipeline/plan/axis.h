/* SPDX-License-Identifier: MIT */
/*
 * An axis: the genome cut into what has tasks and files.
 *
 * There are two. Reads are called along the first, by regions.shard, and so are all steps that take
 * what was made of them shard by shard: what stands on it is primary data, and the cut never changes.
 * A step that takes what it needs out of a file of a wider shard (`wider` of a port: joint-genotype) begins
 * the other, and what follows it by shard lives there: its shards are parts of those of the first that
 * end on the grid of evidence chunks, or the same ones. Its cut may be another one in every run, as no
 * published byte follows from it.
 *
 * A shard is one span, or a bundle: several small ones next to each other that share tasks and files (packs).
 */
#ifndef KUNI_PLAN_AXIS_H
#define KUNI_PLAN_AXIS_H

#include "kuni/genome.h"
#include "workflow.h"

enum { KUNI_AXIS_SHARDS_MAX = 1 << 20 };

typedef struct kuni_plan_shard {
    uint32_t first, n; /* of the axis's spans */
    int64_t bp;        /* of all of them */
} kuni_plan_shard;

typedef struct kuni_plan_axis {
    /*
     * What stages know as shards: windows of a contig each, in genome order; with `unplaced` of the plan
     * the last of the reads' axis is that of reads without a place (tid -1).
     */
    kuni_span *spans; /* freed by kuni_axis_fini; the rest lives in the arena */
    size_t n_spans;
    kuni_plan_shard *shards; /* what has tasks and files; they take all spans in order */
    /* "chr1-0-5000000", "unplaced"; of a bundle "chrUn_1-0-900+64-DIGEST": safe as file names,
     * unique, and another where the spans are others */
    const char **names;
    size_t n_shards;
    size_t n_places; /* shards that are places: n_shards without the unplaced one */
    /* Of the joint axis, by span: the span of the reads' axis that it is a part of. */
    const uint32_t *within;
} kuni_plan_axis;

/* The axis of reads. *unplaced, where asked for: whether it has the shard of reads without a place. */
KUNI_MUST_CHECK kuni_status kuni_axis_make_reads(kuni_plan_axis *axis,
                                                 const kuni_workflow *workflow,
                                                 const kuni_genome *genome, bool *unplaced,
                                                 kuni_arena *arena, kuni_error *err);
/* The joint axis: the places of `reads` in parts of about joint_bp. */
KUNI_MUST_CHECK kuni_status kuni_axis_make_joint(kuni_plan_axis *axis, const kuni_plan_axis *reads,
                                                 int64_t joint_bp, const kuni_genome *genome,
                                                 kuni_arena *arena, kuni_error *err);
void kuni_axis_fini(kuni_plan_axis *axis);
/*
 * The length of a joint shard where regions.joint_shard does not say it: that of a reads' shard, or 5 Mb where that
 * is less; halved until a task takes about half an hour, but not beyond 10,000 of a human genome, as each has a folder.
 */
int64_t kuni_axis_joint_bp(int64_t shard_bp, size_t n_samples);

/*
 * Puts spans together into shards; `shards` has room for as many as there are spans. Returns how
 * many there are.
 */
size_t kuni_plan_bundle(const kuni_span *spans, size_t n_spans, int64_t shard_bp, int64_t bundle,
                        kuni_plan_shard *shards);

/* The name of a shard of this span alone; in the arena. */
const char *kuni_axis_span_name(const kuni_plan_axis *axis, size_t span, const kuni_genome *genome,
                                kuni_arena *arena, kuni_error *err);
/* The shard that holds a span. */
size_t kuni_axis_shard_of(const kuni_plan_axis *axis, size_t span);
/* Relative cost of a shard: its length; reads without a place count as a typical shard. */
int64_t kuni_axis_weight(const kuni_plan_axis *axis, int64_t shard);
/* Numbers of all shards, heaviest first; `order` has room for n_shards. */
KUNI_MUST_CHECK kuni_status kuni_axis_heaviest_first(const kuni_plan_axis *axis, uint32_t *order,
                                                     kuni_error *err);

#endif
