/* SPDX-License-Identifier: MIT */
#include "cells.h"

#include <stdlib.h>
#include <string.h>

kuni_status joint_spans_begin(joint_spans *spans, uint32_t n_columns, kuni_error *err)
{
    spans->n = 0;
    kuni_status status = kuni_grow((void **)&spans->head, &spans->head_capacity,
                                   (size_t)n_columns + 1, sizeof(uint32_t), err);
    if (!status)
        status = kuni_grow((void **)&spans->tail, &spans->tail_capacity, (size_t)n_columns + 1,
                           sizeof(uint32_t), err);
    if (status) return status;
    memset(spans->head, 0xFF, n_columns * sizeof(uint32_t));
    memset(spans->tail, 0xFF, n_columns * sizeof(uint32_t));
    return KUNI_OK;
}

void joint_spans_fini(joint_spans *spans)
{
    free(spans->spans);
    free(spans->head);
    free(spans->tail);
}

kuni_status joint_spans_add(joint_spans *spans, uint32_t column, joint_span span, kuni_error *err)
{
    if (spans->n >= JOINT_NONE)
        return kuni_fail(err, KUNI_BUG, "too many reference blocks in one window");
    kuni_status status =
        kuni_grow((void **)&spans->spans, &spans->capacity, spans->n + 1, sizeof(joint_span), err);
    if (status) return status;
    uint32_t index = (uint32_t)spans->n++;
    span.next = JOINT_NONE;
    spans->spans[index] = span;
    if (spans->head[column] == JOINT_NONE)
        spans->head[column] = index;
    else
        spans->spans[spans->tail[column]].next = index;
    spans->tail[column] = index;
    return KUNI_OK;
}

joint_cells *joint_cells_new(kuni_error *err)
{
    joint_cells *cells = kuni_alloc(1, sizeof(*cells), err);
    if (!cells) return NULL;
    cells->arena = kuni_arena_new(err);
    if (!cells->arena) {
        joint_cells_free(cells);
        return NULL;
    }
    return cells;
}

void joint_cells_free(joint_cells *cells)
{
    if (!cells) return;
    kuni_arena_free(cells->arena);
    free(cells->sites);
    free(cells);
}

kuni_status joint_cells_begin(joint_cells *cells, uint32_t n_columns, int64_t beg, uint32_t first,
                              uint32_t last, kuni_error *err)
{
    kuni_arena_clear(cells->arena);
    cells->n_columns = n_columns;
    cells->beg = beg;
    cells->first = first;
    cells->last = last;
    kuni_status status = kuni_grow((void **)&cells->sites, &cells->sites_capacity,
                                   (size_t)(last - first) + 1, sizeof(joint_pile), err);
    if (status) return status;
    memset(cells->sites, 0, (last - first) * sizeof(joint_pile));
    return KUNI_OK;
}

/* A cell of the site with `more` bytes behind it. */
static joint_cell *push_cell(joint_cells *cells, uint32_t site, uint32_t column, size_t more,
                             kuni_error *err)
{
    enum { LEAST = 512, MOST = 8192, ALIGN = _Alignof(joint_cell) };
    joint_pile *pile = &cells->sites[site - cells->first];
    uint32_t bytes = (uint32_t)((sizeof(joint_cell) + more + ALIGN - 1) / ALIGN * ALIGN);
    if (pile->left < bytes) {
        uint32_t piece = pile->piece < LEAST ? LEAST : pile->piece < MOST ? pile->piece * 2 : MOST;
        pile->left = piece > bytes ? piece : bytes;
        pile->at = kuni_arena_alloc(cells->arena, pile->left, 1, err);
        if (!pile->at) return NULL;
        pile->piece = piece;
    }
    joint_cell *c = (joint_cell *)pile->at;
    pile->at += bytes;
    pile->left -= bytes;
    *c = (joint_cell){.column = column};
    *(pile->last ? &pile->last->next : &pile->first) = c;
    pile->last = c;
    return c;
}

kuni_status joint_cells_refused(joint_cells *cells, uint32_t site, uint32_t column,
                                joint_reason reason, int copies, uint32_t dp, kuni_error *err)
{
    joint_cell *c = push_cell(cells, site, column, 0, err);
    if (!c) return KUNI_MEMORY;
    c->reason = (uint8_t)reason;
    c->copies = (uint8_t)copies;
    c->dp = dp;
    return KUNI_OK;
}

/*
 * Reads are told of one event. Where the genotype has an ALT of another event of the sample, or where
 * none of the reads is of any allele that it has, they say nothing of it. "*" is what has no reads.
 */
static bool tells_reads(const joint_local *local, const joint_call *call, const uint32_t *depths,
                        int32_t star)
{
    uint64_t called = 0;
    if (call->reason) return true;
    for (int k = 0; k < call->copies; k++) {
        uint32_t i = 0;
        while (i + 1 < local->n && (int32_t)local->number[i] != call->allele[k]) i++;
        bool listed = call->allele[k] == 0 || call->allele[k] == star;
        for (uint32_t a = 0; a < local->event->n_alleles && !listed; a++)
            listed = local->local_of[a] == i;
        if (!listed) return false;
        called += depths[i];
    }
    return called > 0;
}

kuni_status joint_cells_event(joint_cells *cells, uint32_t site, uint32_t column,
                              const joint_local *local, const joint_call *call, int32_t star,
                              kuni_error *err)
{
    uint32_t depths[JOINT_LOCAL_MAX];
    bool told = joint_local_depths(local, depths) && tells_reads(local, call, depths, star);
    uint32_t n_pl = local->hard ? 0 : joint_genotype_count(local->n, local->copies);
    size_t ad_bytes = told ? local->n * sizeof(uint32_t) : 0;
    size_t number_bytes = local->n * sizeof(uint16_t);
    joint_cell *c =
        push_cell(cells, site, column, ad_bytes + number_bytes + n_pl * sizeof(uint16_t), err);
    if (!c) return KUNI_MEMORY;
    char *more = (char *)(c + 1);
    c->dp = local->event->dp;
    c->allele[0] = call->allele[0];
    c->allele[1] = call->allele[1];
    c->phase_set = local->event->phase_set;
    c->gq = call->gq;
    c->reason = (uint8_t)call->reason;
    c->copies = (uint8_t)local->copies;
    c->phased = call->phased;
    c->no_gq = local->hard && !call->gq;
    c->n = (uint8_t)local->n;
    c->number = memcpy(more + ad_bytes, local->number, number_bytes);
    if (told) c->ad = memcpy(more, depths, ad_bytes);
    if (local->hard) return KUNI_OK;
    uint16_t *pl = (uint16_t *)(more + ad_bytes + number_bytes);
    for (uint32_t i = 0; i < n_pl; i++)
        pl[i] = local->pl[i] > INT16_MAX ? INT16_MAX : (uint16_t)local->pl[i];
    c->pl = pl;
    return KUNI_OK;
}

int joint_cell_least(const joint_cell *cell, uint32_t n_alleles, bool local)
{
    int least = INT16_MAX;
    bool other = false; /* some allele of the record is "other" */
    uint32_t known = joint_cell_alleles(cell, n_alleles), written[JOINT_LOCAL_MAX], n = 0;
    for (uint32_t i = 0; i < known; i++) written[n++] = i;
    for (uint32_t a = 0; a < n_alleles && !local && !other; a++)
        other = joint_cell_find(cell, a) == cell->n - 1u;
    if (other) written[n++] = cell->n - 1u;
    for (uint32_t j = 0; j < n; j++)
        for (uint32_t i = cell->copies == 1 ? j : 0; i <= j; i++) {
            uint32_t g =
                cell->copies == 1 ? written[j] : joint_genotype_index(written[i], written[j]);
            if (cell->pl[g] < least) least = cell->pl[g];
        }
    return least;
}
