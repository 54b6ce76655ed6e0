/* SPDX-License-Identifier: MIT */
#include "graph.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NONE = -1, RESCUE_MATCH_BP = 11 /* outer bases of a rescued branch that must match */ };

typedef struct node {
    const uint8_t *kmer; /* NULL: a base without a k-mer of its own (rescued branch starts) */
    uint64_t hash;
    int32_t next[4];    /* by the base that follows; NONE */
    uint32_t weight[4]; /* of those edges */
    int32_t join;       /* rescued end: the reference node that follows, or NONE */
    int32_t ref;        /* number on the reference, or NONE */
    uint8_t base;       /* its last base */
    uint8_t indegree;   /* after counting; saturates */
    uint8_t state;      /* of the search in hand */
} node;

struct kuni_graph {
    uint32_t k;
    const uint8_t *reference;
    uint32_t reference_length;
    node *nodes;
    size_t n_nodes, nodes_capacity;
    int32_t *table; /* open addressing */
    size_t table_size, table_capacity;
    int32_t *order; /* scratch: a list of nodes */
    size_t order_capacity;
    double *reach; /* scratch: best weight from a node to the sink */
    size_t reach_capacity;
};

kuni_graph *kuni_graph_new(kuni_error *err)
{
    return kuni_alloc(1, sizeof(kuni_graph), err);
}

void kuni_graph_free(kuni_graph *graph)
{
    if (!graph) return;
    free(graph->nodes);
    free(graph->table);
    free(graph->order);
    free(graph->reach);
    free(graph);
}

static uint64_t hash_kmer(const uint8_t *kmer, uint32_t k)
{
    uint64_t hash = 0x9e3779b97f4a7c15u;
    for (uint32_t i = 0; i < k; i++) hash = (hash ^ kmer[i]) * 0x100000001b3u;
    return hash ^ hash >> 29;
}

static kuni_status new_node(kuni_graph *graph, node fresh, int32_t *index, kuni_error *err)
{
    kuni_status status = kuni_grow((void **)&graph->nodes, &graph->nodes_capacity,
                                   graph->n_nodes + 1, sizeof(*graph->nodes), err);
    if (status) return status;
    for (int b = 0; b < 4; b++) fresh.next[b] = NONE;
    fresh.join = NONE;
    *index = (int32_t)graph->n_nodes;
    graph->nodes[graph->n_nodes++] = fresh;
    return KUNI_OK;
}

static kuni_status grow_table(kuni_graph *graph, kuni_error *err)
{
    size_t size = graph->table_size ? graph->table_size * 2 : 4096;
    kuni_status status =
        kuni_grow((void **)&graph->table, &graph->table_capacity, size, sizeof(*graph->table), err);
    if (status) return status;
    graph->table_size = size;
    memset(graph->table, 0xff, size * sizeof(*graph->table));
    for (size_t n = 0; n < graph->n_nodes; n++) {
        if (!graph->nodes[n].kmer) continue;
        size_t slot = graph->nodes[n].hash & (size - 1);
        while (graph->table[slot] != NONE) slot = (slot + 1) & (size - 1);
        graph->table[slot] = (int32_t)n;
    }
    return KUNI_OK;
}

/* The node of a k-mer, made where new. */
static kuni_status intern(kuni_graph *graph, const uint8_t *kmer, int32_t *index, bool *fresh,
                          kuni_error *err)
{
    if (2 * (graph->n_nodes + 1) > graph->table_size) {
        kuni_status status = grow_table(graph, err);
        if (status) return status;
    }
    uint64_t hash = hash_kmer(kmer, graph->k);
    size_t slot = hash & (graph->table_size - 1);
    while (graph->table[slot] != NONE) {
        const node *there = &graph->nodes[graph->table[slot]];
        if (there->hash == hash && memcmp(there->kmer, kmer, graph->k) == 0) {
            *index = graph->table[slot];
            *fresh = false;
            return KUNI_OK;
        }
        slot = (slot + 1) & (graph->table_size - 1);
    }
    node made = {.kmer = kmer, .hash = hash, .ref = NONE, .base = kmer[graph->k - 1]};
    kuni_status status = new_node(graph, made, index, err);
    if (status) return status;
    graph->table[slot] = *index;
    *fresh = true;
    return KUNI_OK;
}

kuni_status kuni_graph_start(kuni_graph *graph, uint32_t k, const uint8_t *reference,
                             uint32_t length, bool *repeats, kuni_error *err)
{
    graph->k = k;
    graph->reference = reference;
    graph->reference_length = length;
    graph->n_nodes = 0;
    if (graph->table_size > 0)
        memset(graph->table, 0xff, graph->table_size * sizeof(*graph->table));
    *repeats = length <= k;
    for (uint32_t i = 0; i + k <= length && !*repeats; i++) {
        int32_t index;
        bool fresh;
        kuni_status status = intern(graph, reference + i, &index, &fresh, err);
        if (status) return status;
        *repeats = !fresh;
        graph->nodes[index].ref = (int32_t)i;
        if (i > 0 && fresh) graph->nodes[i - 1].next[reference[i + k - 1] & 3] = index;
    }
    return KUNI_OK;
}

kuni_status kuni_graph_add(kuni_graph *graph, const uint8_t *bases, uint32_t length,
                           kuni_error *err)
{
    int32_t last = NONE;
    for (uint32_t i = 0; i + graph->k <= length; i++) {
        uint8_t base = bases[i + graph->k - 1];
        /* an edge that is there leads to this very k-mer: nothing to look up */
        int32_t index = last == NONE ? NONE : graph->nodes[last].next[base];
        if (index == NONE) {
            bool fresh;
            kuni_status status = intern(graph, bases + i, &index, &fresh, err);
            if (status) return status;
        }
        if (last != NONE) {
            graph->nodes[last].next[base] = index;
            graph->nodes[last].weight[base]++;
        }
        last = index;
    }
    return KUNI_OK;
}

static bool on_reference(const node *from, const node *to)
{
    return from->ref != NONE && to->ref == from->ref + 1;
}

static void count_indegrees(kuni_graph *graph)
{
    for (size_t n = 0; n < graph->n_nodes; n++) graph->nodes[n].indegree = 0;
    for (size_t n = 0; n < graph->n_nodes; n++)
        for (int b = 0; b < 4; b++) {
            int32_t to = graph->nodes[n].next[b];
            if (to != NONE && graph->nodes[to].indegree < UINT8_MAX) graph->nodes[to].indegree++;
        }
}

static int outdegree(const node *at, int *only)
{
    int count = 0;
    for (int b = 0; b < 4; b++)
        if (at->next[b] != NONE) {
            count++;
            *only = b;
        }
    return count;
}

/*
 * The unbranched run of edges that starts with edge `base` of node `from`: where it ends, and its
 * best weight.
 */
static uint32_t follow_run(const kuni_graph *graph, int32_t from, int base, size_t *edges,
                           bool *touches_reference)
{
    uint32_t best = 0;
    int32_t at = from;
    *edges = 0;
    *touches_reference = false;
    for (;;) {
        const node *here = &graph->nodes[at];
        int32_t to = here->next[base];
        if (here->weight[base] > best) best = here->weight[base];
        if (on_reference(here, &graph->nodes[to])) *touches_reference = true;
        (*edges)++;
        at = to;
        if (graph->nodes[at].indegree != 1 || at == from || graph->nodes[at].ref != NONE) break;
        if (outdegree(&graph->nodes[at], &base) != 1) break;
    }
    return best;
}

kuni_status kuni_graph_prune(kuni_graph *graph, uint32_t min_weight, kuni_error *err)
{
    (void)err;
    count_indegrees(graph);
    for (size_t n = 0; n < graph->n_nodes; n++) {
        int only;
        const node *at = &graph->nodes[n];
        /* Runs start at forks, at joins, at the reference, and where nothing leads to. */
        if (at->indegree == 1 && at->ref == NONE && outdegree(at, &only) == 1) continue;
        for (int b = 0; b < 4; b++) {
            if (graph->nodes[n].next[b] == NONE) continue;
            size_t edges;
            bool reference;
            if (follow_run(graph, (int32_t)n, b, &edges, &reference) >= min_weight || reference)
                continue;
            int32_t from = (int32_t)n;
            int base = b;
            while (edges-- > 0) {
                int32_t to = graph->nodes[from].next[base];
                graph->nodes[from].next[base] = NONE;
                graph->nodes[from].weight[base] = 0;
                from = to;
                if (edges > 0) (void)outdegree(&graph->nodes[from], &base);
            }
        }
    }
    return KUNI_OK;
}

/* --- rescue of branches that end or begin off the reference --- */

/*
 * Whether bases[0, length) reversed-or-not match the reference at `at`; false where they would
 * stick out.
 */
static bool matches_reference(const kuni_graph *graph, const uint8_t *bases, size_t length,
                              int64_t at)
{
    return at >= 0 && at + (int64_t)length <= graph->reference_length &&
           memcmp(graph->reference + at, bases, length) == 0;
}

/* Tries shifts 0, -1, +1, -2, ...: the smallest under which the outer bases match. */
static bool find_shift(const kuni_graph *graph, const uint8_t *bases, size_t length, int64_t at,
                       uint32_t max_gap, int64_t *place)
{
    for (uint32_t gap = 0; gap <= max_gap; gap++)
        for (int sign = 1; sign >= -1; sign -= 2) {
            *place = at + sign * (int64_t)gap;
            if (matches_reference(graph, bases, length, *place)) return true;
        }
    return false;
}

/*
 * A branch that leaves the reference after node `from` and ends: its last RESCUE_MATCH_BP bases are
 * looked for at about the reference positions they would have without an indel, and the end is
 * joined to what follows there.
 */
static kuni_status rescue_tail(kuni_graph *graph, int32_t from, int base, uint32_t max_gap,
                               kuni_buffer *bases, kuni_error *err)
{
    kuni_buffer_clear(bases);
    int32_t at = graph->nodes[from].next[base];
    int only = 0;
    while (graph->nodes[at].ref == NONE) {
        kuni_status status = kuni_buffer_append(bases, &graph->nodes[at].base, 1, err);
        if (status) return status;
        int leaving = outdegree(&graph->nodes[at], &only);
        if (leaving > 1 || bases->length > graph->reference_length) return KUNI_OK;
        if (leaving == 0) break;
        at = graph->nodes[at].next[only];
    }
    if (graph->nodes[at].ref != NONE || bases->length < RESCUE_MATCH_BP) return KUNI_OK;
    /* Without an indel the branch's last base lies here: */
    int64_t last = graph->nodes[from].ref + graph->k - 1 + (int64_t)bases->length;
    int64_t place;
    const uint8_t *outer = (const uint8_t *)bases->data + bases->length - RESCUE_MATCH_BP;
    if (!find_shift(graph, outer, RESCUE_MATCH_BP, last - RESCUE_MATCH_BP + 1, max_gap, &place))
        return KUNI_OK;
    /*
     * Node r of the reference ends with base r + k - 1; the one after `place`'s last base follows.
     */
    int64_t follow = place + RESCUE_MATCH_BP - graph->k + 1;
    if (follow <= graph->nodes[from].ref || follow + graph->k > graph->reference_length)
        return KUNI_OK;
    graph->nodes[at].join = (int32_t)follow; /* reference nodes are numbered by position */
    return KUNI_OK;
}

/*
 * A branch that begins at node `head` (nothing leads to it) and runs into the reference: its first
 * bases are looked for likewise, and nodes for the bases of its first k-mer are put between the
 * reference and it.
 */
static kuni_status rescue_head(kuni_graph *graph, int32_t head, uint32_t max_gap, kuni_error *err)
{
    size_t length = graph->k;
    int32_t at = head;
    int only = 0;
    while (graph->nodes[at].ref == NONE) {
        if (outdegree(&graph->nodes[at], &only) != 1) return KUNI_OK;
        at = graph->nodes[at].next[only];
        length++;
        if (length > graph->reference_length) return KUNI_OK;
    }
    if (graph->k < RESCUE_MATCH_BP) return KUNI_OK;
    int64_t first = graph->nodes[at].ref + (int64_t)graph->k - (int64_t)length, place;
    const uint8_t *kmer = graph->nodes[head].kmer;
    if (!find_shift(graph, kmer, RESCUE_MATCH_BP, first, max_gap, &place)) return KUNI_OK;
    /*
     * The reference node that ends just before `place` + RESCUE_MATCH_BP leads on with the k-mer's
     * next base.
     */
    int64_t from = place + RESCUE_MATCH_BP - graph->k;
    if (from < 0 || from >= graph->nodes[at].ref) return KUNI_OK;
    uint32_t weight = graph->nodes[head].weight[only];
    int32_t previous = (int32_t)from;
    for (uint32_t i = RESCUE_MATCH_BP; i < graph->k; i++) {
        uint8_t base = kmer[i];
        if (graph->nodes[previous].next[base] != NONE) {
            /* The reference itself, or another branch, already says so: go along. */
            previous = graph->nodes[previous].next[base];
            if (previous == head) return KUNI_OK;
            continue;
        }
        int32_t fresh = head;
        if (i + 1 < graph->k) {
            kuni_status status = new_node(graph, (node){.ref = NONE, .base = base}, &fresh, err);
            if (status) return status;
        }
        graph->nodes[previous].next[base] = fresh;
        graph->nodes[previous].weight[base] = weight;
        previous = fresh;
    }
    return KUNI_OK;
}

kuni_status kuni_graph_rescue(kuni_graph *graph, uint32_t max_gap, kuni_error *err)
{
    kuni_buffer bases = KUNI_BUFFER_INIT;
    kuni_status status = KUNI_OK;
    size_t n_reference = graph->reference_length - graph->k + 1, n_nodes = graph->n_nodes;
    for (size_t n = 0; n < n_reference && !status; n++)
        for (int b = 0; b < 4 && !status; b++) {
            int32_t to = graph->nodes[n].next[b];
            if (to != NONE && graph->nodes[to].ref == NONE)
                status = rescue_tail(graph, (int32_t)n, b, max_gap, &bases, err);
        }
    count_indegrees(graph);
    for (size_t n = n_reference; n < n_nodes && !status; n++) {
        int only;
        if (graph->nodes[n].indegree == 0 && graph->nodes[n].kmer &&
            outdegree(&graph->nodes[n], &only) == 1)
            status = rescue_head(graph, (int32_t)n, max_gap, err);
    }
    kuni_buffer_fini(&bases);
    return status;
}

/* --- paths --- */

/* Successor number b (0 to 3: by base, 4: the join) of a node. */
static int32_t successor(const node *at, int b)
{
    return b < 4 ? at->next[b] : at->join;
}

static double edge_weight(const node *at, int b)
{
    if (b == 4) return 1; /* as a join is the only way on, its weight does not matter */
    return at->weight[b] > 0 ? at->weight[b] : 0.01; /* the reference where no read went */
}

static double log10_share(const node *at, int b)
{
    double all = 0;
    for (int other = 0; other < 5; other++)
        if (successor(at, other) != NONE) all += edge_weight(at, other);
    return log10(edge_weight(at, b) / all);
}

enum { UNSEEN, OPEN, DONE };

/*
 * Depth-first from the source: marks nodes, finds cycles, and lists nodes so that successors come
 * before predecessors. *cyclic is set where an open node is met again.
 */
static kuni_status sort_nodes(kuni_graph *graph, size_t *n_sorted, bool *cyclic, kuni_error *err)
{
    kuni_status status = kuni_grow((void **)&graph->order, &graph->order_capacity,
                                   2 * graph->n_nodes, sizeof(*graph->order), err);
    if (status) return status;
    int32_t *sorted = graph->order, *stack = graph->order + graph->n_nodes;
    size_t depth = 0;
    for (size_t n = 0; n < graph->n_nodes; n++) graph->nodes[n].state = UNSEEN;
    *n_sorted = 0;
    *cyclic = false;
    stack[depth++] = 0;
    graph->nodes[0].state = OPEN;
    while (depth > 0 && !*cyclic) {
        node *at = &graph->nodes[stack[depth - 1]];
        int32_t deeper = NONE;
        for (int b = 0; b < 5 && deeper == NONE; b++) {
            int32_t to = successor(at, b);
            if (to == NONE || graph->nodes[to].state == DONE) continue;
            if (graph->nodes[to].state == OPEN) *cyclic = true;
            deeper = to;
        }
        if (deeper == NONE) {
            at->state = DONE;
            sorted[(*n_sorted)++] = stack[--depth];
        } else if (!*cyclic) {
            graph->nodes[deeper].state = OPEN;
            stack[depth++] = deeper;
        }
    }
    return KUNI_OK;
}

typedef struct partial {
    int32_t at, parent; /* node; the partial path it extends, or NONE */
    double weight;      /* so far */
    double bound;       /* so far plus the best that can follow */
    uint32_t length;
} partial;

typedef struct path_search {
    partial *partials;
    size_t n_partials, partials_capacity;
    int32_t *heap; /* partial paths, best bound first */
    size_t n_heap, heap_capacity;
} path_search;

static bool before(const path_search *search, int32_t a, int32_t b)
{
    double left = search->partials[a].bound, right = search->partials[b].bound;
    return left != right ? left > right : a < b;
}

static kuni_status push(path_search *search, partial fresh, kuni_error *err)
{
    kuni_status status = kuni_grow((void **)&search->partials, &search->partials_capacity,
                                   search->n_partials + 1, sizeof(*search->partials), err);
    if (!status)
        status = kuni_grow((void **)&search->heap, &search->heap_capacity, search->n_heap + 1,
                           sizeof(*search->heap), err);
    if (status) return status;
    search->partials[search->n_partials] = fresh;
    size_t at = search->n_heap++;
    search->heap[at] = (int32_t)search->n_partials++;
    while (at > 0 && before(search, search->heap[at], search->heap[(at - 1) / 2])) {
        int32_t swap = search->heap[at];
        search->heap[at] = search->heap[(at - 1) / 2];
        search->heap[(at - 1) / 2] = swap;
        at = (at - 1) / 2;
    }
    return KUNI_OK;
}

static int32_t pop(path_search *search)
{
    int32_t top = search->heap[0];
    search->heap[0] = search->heap[--search->n_heap];
    for (size_t at = 0;;) {
        size_t best = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < search->n_heap; child++)
            if (before(search, search->heap[child], search->heap[best])) best = child;
        if (best == at) break;
        int32_t swap = search->heap[at];
        search->heap[at] = search->heap[best];
        search->heap[best] = swap;
        at = best;
    }
    return top;
}

/* reach[n]: the best weight from n to the sink; -INFINITY where it cannot be reached. */
static kuni_status find_reach(kuni_graph *graph, int32_t sink, size_t n_sorted, kuni_error *err)
{
    kuni_status status = kuni_grow((void **)&graph->reach, &graph->reach_capacity, graph->n_nodes,
                                   sizeof(*graph->reach), err);
    if (status) return status;
    for (size_t n = 0; n < graph->n_nodes; n++) graph->reach[n] = -INFINITY;
    for (size_t i = 0; i < n_sorted; i++) {
        int32_t n = graph->order[i];
        const node *at = &graph->nodes[n];
        if (n == sink) graph->reach[n] = 0;
        for (int b = 0; b < 5 && n != sink; b++) {
            int32_t to = successor(at, b);
            if (to == NONE || graph->reach[to] == -INFINITY) continue;
            double weight = log10_share(at, b) + graph->reach[to];
            if (weight > graph->reach[n]) graph->reach[n] = weight;
        }
    }
    return KUNI_OK;
}

static kuni_status spell(const kuni_graph *graph, const path_search *search, int32_t last,
                         kuni_arena *arena, kuni_graph_path *path, kuni_error *err)
{
    const partial *end = &search->partials[last];
    path->length = end->length;
    path->log10_weight = end->weight;
    path->bases = kuni_arena_alloc(arena, path->length, 1, err);
    if (!path->bases) return KUNI_MEMORY;
    uint32_t at = path->length;
    for (int32_t p = last; search->partials[p].parent != NONE; p = search->partials[p].parent)
        path->bases[--at] = graph->nodes[search->partials[p].at].base;
    memcpy(path->bases, graph->nodes[0].kmer, graph->k);
    return KUNI_OK;
}

kuni_status kuni_graph_paths(kuni_graph *graph, kuni_arena *arena, size_t max_paths,
                             const kuni_graph_path **paths, size_t *n_paths, bool *cyclic,
                             kuni_error *err)
{
    size_t n_sorted;
    int32_t sink = (int32_t)(graph->reference_length - graph->k);
    *n_paths = 0;
    kuni_status status = sort_nodes(graph, &n_sorted, cyclic, err);
    if (status || *cyclic) return status;
    status = find_reach(graph, sink, n_sorted, err);
    if (status) return status;
    kuni_graph_path *found = kuni_arena_alloc(arena, max_paths, sizeof(*found), err);
    if (!found) return KUNI_MEMORY;
    path_search search = {0};
    /*
     * The bound is exact, so every pop but those that tie leads to a path: the work is paths x
     * length.
     */
    size_t steps = 0, most_steps = max_paths * (4 * (size_t)graph->reference_length + 1000);
    status = push(&search, (partial){0, NONE, 0, graph->reach[0], graph->k}, err);
    while (!status && search.n_heap > 0 && *n_paths < max_paths && steps++ < most_steps) {
        int32_t p = pop(&search);
        partial from = search.partials[p];
        if (from.at == sink) {
            status = spell(graph, &search, p, arena, &found[*n_paths], err);
            if (!status) (*n_paths)++;
            continue;
        }
        const node *at = &graph->nodes[from.at];
        for (int b = 0; b < 5 && !status; b++) {
            int32_t to = successor(at, b);
            if (to == NONE || graph->reach[to] == -INFINITY) continue;
            double weight = from.weight + log10_share(at, b);
            status = push(
                &search, (partial){to, p, weight, weight + graph->reach[to], from.length + 1}, err);
        }
    }
    free(search.partials);
    free(search.heap);
    *paths = found;
    return status;
}
