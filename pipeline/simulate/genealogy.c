/* SPDX-License-Identifier: MIT */
#include "genealogy.h"

#include <stdlib.h>
#include <string.h>

/*
 * Population size relative to the ancestral one: GROWTH^(1 - t/GROWTH_TIME) until GROWTH_TIME,
 * then 1. With 2N = 20,000 and 25 years a generation the growth began 20,000 years ago; of 200
 * haplotypes' sites about half are singletons.
 */
static const double GROWTH = 60.0, GROWTH_TIME = 0.04;

/* Integral of 1/size from 0 to t: coalescence runs at unit rate in this clock. */
static double intensity(double t)
{
    double k = log(GROWTH) / GROWTH_TIME;
    double recent = t < GROWTH_TIME ? t : GROWTH_TIME;
    double value = (exp(k * recent) - 1.0) / (k * GROWTH);
    return t > GROWTH_TIME ? value + (t - GROWTH_TIME) : value;
}

static double intensity_inverse(double y)
{
    double k = log(GROWTH) / GROWTH_TIME;
    double recent = (GROWTH - 1.0) / (k * GROWTH);
    if (y < recent) return log(1.0 + y * k * GROWTH) / k;
    return GROWTH_TIME + (y - recent);
}

/* E[T] = integral of exp(-intensity(t)): the recent part by the midpoint rule, then exactly. */
double sim_genealogy_pair_time(void)
{
    enum { STEPS = 1000 };
    double sum = 0.0, width = GROWTH_TIME / STEPS;
    for (int i = 0; i < STEPS; i++) sum += width * exp(-intensity((i + 0.5) * width));
    return sum + exp(-intensity(GROWTH_TIME));
}

static void measure(sim_genealogy *tree)
{
    double sum = 0.0;
    for (uint32_t v = 0; v < tree->n_nodes; v++)
        if (tree->parent[v] >= 0) sum += tree->time[tree->parent[v]] - tree->time[v];
    tree->length = sum;
}

static void first_tree(sim_genealogy *tree)
{
    uint32_t *active = tree->stack, n = tree->n_leaves;
    double clock = 0.0;
    for (uint32_t i = 0; i < n; i++) active[i] = i;
    for (uint32_t k = n, node = n; k > 1; k--, node++) {
        clock += sim_rng_exponential(&tree->rng) * 2.0 / ((double)k * (k - 1.0));
        tree->time[node] = intensity_inverse(clock);
        tree->parent[node] = -1;
        tree->by_time[node - n] = node;
        for (uint32_t c = 0; c < 2; c++) {
            uint32_t i = sim_rng_below(&tree->rng, k - c);
            tree->child[c][node] = active[i];
            tree->parent[active[i]] = (int32_t)node;
            active[i] = active[k - c - 1];
        }
        active[k - 2] = node;
        tree->root = node;
    }
    measure(tree);
}

kuni_status sim_genealogy_init(sim_genealogy *tree, uint32_t n_leaves, uint64_t seed,
                               uint64_t contig, kuni_error *err)
{
    memset(tree, 0, sizeof(*tree));
    tree->n_leaves = n_leaves;
    tree->n_nodes = 2 * n_leaves - 1;
    tree->parent = kuni_alloc(tree->n_nodes, sizeof(*tree->parent), err);
    tree->child[0] = kuni_alloc(tree->n_nodes, sizeof(*tree->child[0]), err);
    tree->child[1] = kuni_alloc(tree->n_nodes, sizeof(*tree->child[1]), err);
    tree->time = kuni_alloc(tree->n_nodes, sizeof(*tree->time), err);
    tree->by_time = kuni_alloc(tree->n_nodes, sizeof(*tree->by_time), err);
    tree->stack = kuni_alloc(tree->n_nodes, sizeof(*tree->stack), err);
    if (!tree->parent || !tree->child[0] || !tree->child[1] || !tree->time || !tree->by_time ||
        !tree->stack) {
        sim_genealogy_fini(tree);
        return KUNI_MEMORY;
    }
    sim_rng_open(&tree->rng, seed, SIM_RNG_TREE, contig, 0, 0);
    first_tree(tree);
    return KUNI_OK;
}

void sim_genealogy_fini(sim_genealogy *tree)
{
    free(tree->parent);
    free(tree->child[0]);
    free(tree->child[1]);
    free(tree->time);
    free(tree->by_time);
    free(tree->stack);
    memset(tree, 0, sizeof(*tree));
}

/* Puts `node` in the place of `old` below old's parent. */
static void replace_child(sim_genealogy *tree, uint32_t old, uint32_t node)
{
    int32_t parent = tree->parent[old];
    tree->parent[node] = parent;
    if (parent < 0) {
        tree->root = node;
        return;
    }
    int side = tree->child[1][parent] == old;
    tree->child[side][parent] = node;
}

static uint32_t branch_at(const sim_genealogy *tree, double point, double *above)
{
    uint32_t last = 0;
    for (uint32_t v = 0; v < tree->n_nodes; v++) {
        if (tree->parent[v] < 0) continue;
        double branch = tree->time[tree->parent[v]] - tree->time[v];
        last = v;
        if (point < branch) {
            *above = point;
            return v;
        }
        point -= branch;
    }
    *above = 0.0; /* rounding ran past the end */
    return last;
}

uint32_t sim_genealogy_draw_branch(const sim_genealogy *tree, sim_rng *rng)
{
    double above;
    return branch_at(tree, sim_rng_unit(rng) * tree->length, &above);
}

/* True where the branch above v crosses time t; the root's branch never ends. */
static bool crosses(const sim_genealogy *tree, uint32_t v, double t)
{
    return tree->time[v] <= t && (tree->parent[v] < 0 || tree->time[tree->parent[v]] > t);
}

void sim_genealogy_recombine(sim_genealogy *tree)
{
    uint32_t n_internal = tree->n_leaves - 1;
    double above;
    uint32_t v = branch_at(tree, sim_rng_unit(&tree->rng) * tree->length, &above);
    double t = tree->time[v] + above;

    /* 1. take v and the node above it out of the tree */
    uint32_t p = (uint32_t)tree->parent[v];
    uint32_t sibling = tree->child[0][p] == v ? tree->child[1][p] : tree->child[0][p];
    replace_child(tree, p, sibling);
    uint32_t at = 0;
    while (tree->by_time[at] != p) at++;
    memmove(tree->by_time + at, tree->by_time + at + 1,
            (n_internal - at - 1) * sizeof(*tree->by_time));
    n_internal--;
    tree->parent[v] = (int32_t)p; /* so that v counts as crossing nothing below */
    tree->time[p] = -1.0;

    /* 2. let it rise until it meets one of the k lineages that are there */
    uint32_t k = 0;
    for (uint32_t x = 0; x < tree->n_nodes; x++)
        if (x != v && x != p && crosses(tree, x, t)) k++;
    uint32_t next = 0;
    while (next < n_internal && tree->time[tree->by_time[next]] <= t) next++;
    double left = sim_rng_exponential(&tree->rng);
    for (; next < n_internal; next++, k--) {
        double until = tree->time[tree->by_time[next]];
        double capacity = k * (intensity(until) - intensity(t));
        if (left < capacity) break;
        left -= capacity;
        t = until;
    }
    t = intensity_inverse(intensity(t) + left / k);

    /* 3. join it there */
    uint32_t pick = sim_rng_below(&tree->rng, k), x = 0, seen = 0;
    for (uint32_t y = 0; y < tree->n_nodes; y++) {
        if (y == v || y == p || !crosses(tree, y, t)) continue;
        x = y;
        if (seen++ == pick) break;
    }
    replace_child(tree, x, p);
    tree->child[0][p] = v;
    tree->child[1][p] = x;
    tree->parent[v] = tree->parent[x] = (int32_t)p;
    tree->time[p] = t;
    at = next;
    while (at > 0 && tree->time[tree->by_time[at - 1]] > t) at--;
    while (at < n_internal && tree->time[tree->by_time[at]] <= t) at++;
    memmove(tree->by_time + at + 1, tree->by_time + at, (n_internal - at) * sizeof(*tree->by_time));
    tree->by_time[at] = p;
    measure(tree);
}

uint32_t sim_genealogy_leaves(sim_genealogy *tree, uint32_t node, uint32_t *leaves)
{
    uint32_t depth = 0, n = 0;
    tree->stack[depth++] = node;
    while (depth > 0) {
        uint32_t v = tree->stack[--depth];
        if (v < tree->n_leaves) {
            leaves[n++] = v;
        } else {
            tree->stack[depth++] = tree->child[0][v];
            tree->stack[depth++] = tree->child[1][v];
        }
    }
    return n;
}
