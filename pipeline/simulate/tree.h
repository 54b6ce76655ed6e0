/* SPDX-License-Identifier: MIT */
/*
 * Genealogies along a contig: the sequentially Markov coalescent (McVean and Cardin 2005, Phil
 * Trans B 360:1387) of a population that was constant and grew exponentially of late, which is what
 * makes rare alleles common.
 *
 * Time runs backwards in units of 2N generations of the ancestral population. Leaves 0 .. n-1 are
 * haplotypes.
 */
#ifndef KUNI_SIMULATE_TREE_H
#define KUNI_SIMULATE_TREE_H

#include "kuni/buffer.h"
#include "rng.h"

typedef struct sim_tree {
    uint32_t n_leaves, n_nodes, root;
    int32_t *parent;    /* -1: the root */
    uint32_t *child[2]; /* of internal nodes; leaves have none */
    double *time;
    uint32_t *by_time; /* internal nodes, youngest first */
    double length;     /* sum of all branches */
    uint32_t *stack;   /* scratch for sim_tree_leaves */
    sim_rng rng;
} sim_tree;

/* The first tree; n_leaves >= 2. */
KUNI_MUST_CHECK kuni_status sim_tree_init(sim_tree *tree, uint32_t n_leaves, uint64_t seed,
                                          uint64_t contig, kuni_error *err);
void sim_tree_fini(sim_tree *tree);
/* One recombination: cuts a branch and lets it coalesce anew. */
void sim_tree_recombine(sim_tree *tree);
/* The node below a point drawn uniformly from all branches. */
uint32_t sim_tree_draw_branch(const sim_tree *tree, sim_rng *rng);
/* Writes the leaves below a node to `leaves` (room for n_leaves); returns how many. */
uint32_t sim_tree_leaves(sim_tree *tree, uint32_t node, uint32_t *leaves);
/* Mean time until two haplotypes meet. */
double sim_tree_pair_time(void);

#endif
