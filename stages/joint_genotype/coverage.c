/* SPDX-License-Identifier: MIT */
#include "coverage.h"

#include <stdlib.h>
#include <string.h>

enum { COPIES = 3 };

struct joint_coverage {
    kuni_arena *arena; /* the rows' counters */
    uint32_t n_sites, n_cells;
    int32_t **by_key; /* [code][copies][cell] */
    size_t by_key_capacity;
    joint_coverage_row *rows;
    size_t n_rows, rows_capacity;
    int32_t *bins[JOINT_DEPTH_BINS];
    int64_t *depths;
};

joint_coverage *joint_coverage_new(kuni_error *err)
{
    joint_coverage *coverage = kuni_alloc(1, sizeof(*coverage), err);
    if (!coverage) return NULL;
    coverage->arena = kuni_arena_new(err);
    if (!coverage->arena) {
        joint_coverage_free(coverage);
        return NULL;
    }
    return coverage;
}

void joint_coverage_free(joint_coverage *coverage)
{
    if (!coverage) return;
    kuni_arena_free(coverage->arena);
    free(coverage->by_key);
    free(coverage->rows);
    free(coverage);
}

kuni_status joint_coverage_begin(joint_coverage *coverage, uint32_t n_sites, uint32_t n_cells,
                                 kuni_error *err)
{
    kuni_arena_clear(coverage->arena);
    coverage->n_sites = n_sites;
    coverage->n_cells = n_cells;
    coverage->n_rows = 0;
    size_t keys = (size_t)JOINT_CODES * COPIES * n_cells;
    kuni_status status = kuni_grow((void **)&coverage->by_key, &coverage->by_key_capacity, keys,
                                   sizeof(*coverage->by_key), err);
    if (status) return status;
    memset(coverage->by_key, 0, keys * sizeof(*coverage->by_key));
    coverage->depths = kuni_arena_alloc(coverage->arena, (size_t)n_sites + 1, sizeof(int64_t), err);
    if (!coverage->depths) return KUNI_MEMORY;
    for (int i = 0; i < JOINT_DEPTH_BINS; i++) {
        coverage->bins[i] =
            kuni_arena_alloc(coverage->arena, (size_t)n_sites + 1, sizeof(int32_t), err);
        if (!coverage->bins[i]) return KUNI_MEMORY;
    }
    return KUNI_OK;
}

kuni_status joint_coverage_add(joint_coverage *coverage, uint32_t cell, int code, int copies,
                               uint32_t depth, uint32_t first, uint32_t last, kuni_error *err)
{
    int32_t **row =
        &coverage->by_key[((size_t)code * COPIES + (size_t)copies) * coverage->n_cells + cell];
    if (!*row) {
        *row =
            kuni_arena_alloc(coverage->arena, (size_t)coverage->n_sites + 1, sizeof(int32_t), err);
        if (!*row) return KUNI_MEMORY;
    }
    (*row)[first]++;
    (*row)[last]--;
    if (code == JOINT_CODE_NOTHING || code == JOINT_CODE_ABSENT || depth == KUNI_MIN_DP_MISSING)
        return KUNI_OK;
    int32_t *bin = coverage->bins[joint_depth_bin(depth)];
    bin[first]++;
    bin[last]--;
    coverage->depths[first] += depth;
    coverage->depths[last] -= depth;
    return KUNI_OK;
}

static void sum_up(int32_t *row, uint32_t n)
{
    for (uint32_t i = 1; i < n; i++) row[i] += row[i - 1];
}

kuni_status joint_coverage_finish(joint_coverage *coverage, kuni_error *err)
{
    for (int i = 0; i < JOINT_DEPTH_BINS; i++) sum_up(coverage->bins[i], coverage->n_sites);
    for (uint32_t i = 1; i < coverage->n_sites; i++) coverage->depths[i] += coverage->depths[i - 1];
    size_t keys = (size_t)JOINT_CODES * COPIES * coverage->n_cells;
    for (size_t key = 0; key < keys; key++) {
        int32_t *row = coverage->by_key[key];
        if (!row) continue;
        sum_up(row, coverage->n_sites);
        kuni_status status = kuni_grow((void **)&coverage->rows, &coverage->rows_capacity,
                                       coverage->n_rows + 1, sizeof(*coverage->rows), err);
        if (status) return status;
        coverage->rows[coverage->n_rows++] =
            (joint_coverage_row){.cell = (uint32_t)(key % coverage->n_cells),
                                 .code = (uint8_t)(key / coverage->n_cells / COPIES),
                                 .copies = (uint8_t)(key / coverage->n_cells % COPIES),
                                 .count = row};
    }
    return KUNI_OK;
}

const joint_coverage_row *joint_coverage_rows(const joint_coverage *coverage, size_t *n_rows)
{
    *n_rows = coverage->n_rows;
    return coverage->rows;
}

void joint_coverage_depths(const joint_coverage *coverage, uint32_t site,
                           uint64_t bins[JOINT_DEPTH_BINS], uint64_t *sum)
{
    for (int i = 0; i < JOINT_DEPTH_BINS; i++) bins[i] += (uint64_t)coverage->bins[i][site];
    *sum += (uint64_t)coverage->depths[site];
}
