/* SPDX-License-Identifier: MIT */
#include "assemble.h"

#include <stdlib.h>
#include <string.h>

#include "graph.h"

/*
 * Two graphs are merged: the smallest k that works and the next: small ones need few reads, large
 * ones tell repeats apart. Larger k than 85 leaves too few k-mers in a read of 100 bases.
 */
static const uint32_t k_steps[] = {15, 25, 37, 51, 67, 85};
enum { N_K_STEPS = sizeof(k_steps) / sizeof(k_steps[0]), GRAPHS_WANTED = 2 };

struct kuni_assembler {
    kuni_assemble_options options;
    kuni_graph *graph;
    kuni_aligner *aligner;
    kuni_arena *arena;
    kuni_haplotype *haplotypes;
    size_t n_haplotypes, capacity;
};

kuni_status kuni_assembler_new(kuni_assembler **out, const kuni_assemble_options *options,
                               kuni_error *err)
{
    kuni_assembler *assembler = kuni_alloc(1, sizeof(*assembler), err);
    if (!assembler) return KUNI_MEMORY;
    assembler->options = *options;
    assembler->graph = kuni_graph_new(err);
    assembler->aligner = kuni_aligner_new(err);
    assembler->arena = kuni_arena_new(err);
    if (!assembler->graph || !assembler->aligner || !assembler->arena) {
        kuni_assembler_free(assembler);
        return KUNI_MEMORY;
    }
    *out = assembler;
    return KUNI_OK;
}

void kuni_assembler_free(kuni_assembler *assembler)
{
    if (!assembler) return;
    kuni_graph_free(assembler->graph);
    kuni_aligner_free(assembler->aligner);
    kuni_arena_free(assembler->arena);
    free(assembler->haplotypes);
    free(assembler);
}

/* Adds the stretches of a read whose bases are known and good. */
static kuni_status add_read(kuni_assembler *assembler, const kuni_pairhmm_read *read,
                            kuni_error *err)
{
    uint32_t start = 0;
    for (uint32_t i = 0; i <= read->length; i++) {
        bool good = i < read->length && read->bases[i] < 4 &&
                    read->quals[i] >= assembler->options.min_base_quality;
        if (good) continue;
        kuni_status status = kuni_graph_add(assembler->graph, read->bases + start, i - start, err);
        if (status) return status;
        start = i + 1;
    }
    return KUNI_OK;
}

/* Adds a haplotype unless it is known; the better support counts. */
static kuni_status add_haplotype(kuni_assembler *assembler, const uint8_t *bases, uint32_t length,
                                 double support, kuni_error *err)
{
    for (size_t h = 0; h < assembler->n_haplotypes; h++) {
        kuni_haplotype *known = &assembler->haplotypes[h];
        if (known->length != length || memcmp(known->bases, bases, length) != 0) continue;
        if (h > 0 && support > known->log10_support) known->log10_support = support;
        return KUNI_OK;
    }
    kuni_status status =
        kuni_grow((void **)&assembler->haplotypes, &assembler->capacity,
                  assembler->n_haplotypes + 1, sizeof(*assembler->haplotypes), err);
    if (status) return status;
    assembler->haplotypes[assembler->n_haplotypes++] =
        (kuni_haplotype){.bases = bases, .length = length, .log10_support = support};
    return KUNI_OK;
}

static kuni_status try_k(kuni_assembler *assembler, uint32_t k, const uint8_t *reference,
                         uint32_t length, const kuni_pairhmm_read *reads, size_t n_reads,
                         bool *worked, kuni_error *err)
{
    const kuni_assemble_options *options = &assembler->options;
    bool repeats, cyclic;
    *worked = false;
    kuni_status status = kuni_graph_start(assembler->graph, k, reference, length, &repeats, err);
    if (status || repeats) return status;
    for (size_t r = 0; r < n_reads && !status; r++) status = add_read(assembler, &reads[r], err);
    if (!status) status = kuni_graph_prune(assembler->graph, options->min_weight, err);
    if (!status) status = kuni_graph_rescue(assembler->graph, options->max_tail_gap, err);
    const kuni_graph_path *paths;
    size_t n_paths;
    if (!status)
        status = kuni_graph_paths(assembler->graph, assembler->arena, options->max_haplotypes,
                                  &paths, &n_paths, &cyclic, err);
    if (status || cyclic) return status;
    *worked = true;
    for (size_t p = 0; p < n_paths && !status; p++)
        status =
            add_haplotype(assembler, paths[p].bases, paths[p].length, paths[p].log10_weight, err);
    return status;
}

static int compare_support(const void *left, const void *right)
{
    const kuni_haplotype *a = left, *b = right;
    if (a->log10_support != b->log10_support) return a->log10_support < b->log10_support ? 1 : -1;
    uint32_t shorter = a->length < b->length ? a->length : b->length;
    int order = memcmp(a->bases, b->bases, shorter);
    return order ? order : (a->length > b->length) - (a->length < b->length);
}

kuni_status kuni_assemble(kuni_assembler *assembler, const uint8_t *reference,
                          uint32_t reference_length, const kuni_pairhmm_read *reads, size_t n_reads,
                          const kuni_haplotype **haplotypes, size_t *n_haplotypes, bool *failed,
                          kuni_error *err)
{
    kuni_arena_clear(assembler->arena);
    assembler->n_haplotypes = 0;
    kuni_status status = add_haplotype(assembler, reference, reference_length, 0, err);
    int graphs = 0;
    bool known =
        memchr(reference, 4, reference_length) == NULL; /* an N in the window: no assembly */
    for (size_t step = 0; known && step < N_K_STEPS && graphs < GRAPHS_WANTED && !status; step++) {
        bool worked;
        status = try_k(assembler, k_steps[step], reference, reference_length, reads, n_reads,
                       &worked, err);
        graphs += worked;
    }
    if (status) return status;
    qsort(assembler->haplotypes + 1, assembler->n_haplotypes - 1, sizeof(*assembler->haplotypes),
          compare_support);
    if (assembler->n_haplotypes > assembler->options.max_haplotypes + 1)
        assembler->n_haplotypes = assembler->options.max_haplotypes + 1;
    for (size_t h = 0; h < assembler->n_haplotypes && !status; h++) {
        kuni_haplotype *hap = &assembler->haplotypes[h];
        status =
            kuni_haplotype_align(assembler->aligner, assembler->arena, reference, reference_length,
                                 hap->bases, hap->length, &hap->edits, &hap->n_edits, err);
    }
    *haplotypes = assembler->haplotypes;
    *n_haplotypes = assembler->n_haplotypes;
    *failed = graphs == 0;
    return status;
}
