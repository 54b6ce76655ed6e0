/* SPDX-License-Identifier: MIT */
/*
 * The de Bruijn graph of one window: k-mers of the reference and of the reads, pruned, rescued, and
 * walked.
 *
 * Private to assembly. Nodes are numbered in order of first sight, the reference first, so that
 * results do not depend on hashing.
 */
#ifndef KUNI_CALL_VARIANTS_GRAPH_H
#define KUNI_CALL_VARIANTS_GRAPH_H

#include "kuni/buffer.h"

typedef struct kuni_graph kuni_graph;

/* A path from the first to the last reference k-mer. */
typedef struct kuni_graph_path {
    uint8_t *bases; /* in the arena given */
    uint32_t length;
    double log10_weight; /* sum over its forks of log10(edge weight / weight of all that leave) */
} kuni_graph_path;

KUNI_MUST_CHECK kuni_graph *kuni_graph_new(kuni_error *err);
void kuni_graph_free(kuni_graph *graph);

/*
 * Starts over with the k-mers of the reference window; *repeats is true where one occurs twice:
 * take a larger k.
 */
KUNI_MUST_CHECK kuni_status kuni_graph_start(kuni_graph *graph, uint32_t k,
                                             const uint8_t *reference, uint32_t length,
                                             bool *repeats, kuni_error *err);
/* Adds a stretch of read bases (codes 0 to 3), which must outlive the graph's use. */
KUNI_MUST_CHECK kuni_status kuni_graph_add(kuni_graph *graph, const uint8_t *bases, uint32_t length,
                                           kuni_error *err);
/* Drops unbranched runs of edges none of which has min_weight, unless they lie on the reference. */
KUNI_MUST_CHECK kuni_status kuni_graph_prune(kuni_graph *graph, uint32_t min_weight,
                                             kuni_error *err);
/* Joins branches that end, or begin, off the reference to it where their outer bases match it. */
KUNI_MUST_CHECK kuni_status kuni_graph_rescue(kuni_graph *graph, uint32_t max_gap, kuni_error *err);
/*
 * The most probable paths, at most max_paths, by falling weight, ties by their bases. *cyclic is
 * true (and no path comes) where a cycle lies between source and sink.
 */
KUNI_MUST_CHECK kuni_status kuni_graph_paths(kuni_graph *graph, kuni_arena *arena, size_t max_paths,
                                             const kuni_graph_path **paths, size_t *n_paths,
                                             bool *cyclic, kuni_error *err);

#endif
