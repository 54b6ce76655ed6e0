/* SPDX-License-Identifier: MIT */
/*
 * Genealogies along a contig: the sequentially Markov coalescent (McVean and Cardin 2005, Phil
 * Trans B 360:1387) of a population that was constant and grew exponentially of late, which is what
 * makes rare alleles common.
 *
 * Time runs backwards in units of 2N generations of the ancestral population. Leaves 0 .. n-1 are
 * haplotypes.
 */
#ifndef KUNI_SIMULATE_GENEALOGY_H
#define KUNI_SIMULATE_GENEALOGY_H

#include "kuni/buffer.h"
#include "rng.h"

typedef struct sim_genealogy {
    uint32_t n_leaves, n_nodes, root;
    int32_t *parent;    /* -1: the root */
    uint32_t *child[2]; /* of internal nodes; leaves have none */
    double *time;
    uint32_t *by_time; /* internal nodes, youngest first */
    double length;     /* sum of all branches */
    uint32_t *stack;   /* scratch for sim_genealogy_leaves */
    sim_rng rng;
} sim_genealogy;

/* The first tree; n_leaves >= 2. */
KUNI_MUST_CHECK kuni_status sim_genealogy_init(sim_genealogy *tree, uint32_t n_leaves,
                                               uint64_t seed, uint64_t contig, kuni_error *err);
void sim_genealogy_fini(sim_genealogy *tree);
/* One recombination: cuts a branch and lets it coalesce anew. */
void sim_genealogy_recombine(sim_genealogy *tree);
/* The node below a point drawn uniformly from all branches. */
uint32_t sim_genealogy_draw_branch(const sim_genealogy *tree, sim_rng *rng);
/* Writes the leaves below a node to `leaves` (room for n_leaves); returns how many. */
uint32_t sim_genealogy_leaves(sim_genealogy *tree, uint32_t node, uint32_t *leaves);
/* Mean time until two haplotypes meet. */
double sim_genealogy_pair_time(void);

#endif
