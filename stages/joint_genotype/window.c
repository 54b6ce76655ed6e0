/* SPDX-License-Identifier: MIT */
#include "window.h"

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

joint_window *joint_window_new(kuni_error *err)
{
    joint_window *window = kuni_alloc(1, sizeof(*window), err);
    if (!window) return NULL;
    window->arena = kuni_arena_new(err);
    if (!window->arena) {
        joint_window_free(window);
        return NULL;
    }
    return window;
}

void joint_window_free(joint_window *window)
{
    if (!window) return;
    kuni_arena_free(window->arena);
    free(window->sites);
    free(window);
}

kuni_status joint_window_begin(joint_window *window, uint32_t n_columns, int64_t beg,
                               uint32_t first, uint32_t last, kuni_error *err)
{
    kuni_arena_clear(window->arena);
    window->n_columns = n_columns;
    window->beg = beg;
    window->first = first;
    window->last = last;
    kuni_status status = kuni_grow((void **)&window->sites, &window->sites_capacity,
                                   (size_t)(last - first) + 1, sizeof(joint_cell *), err);
    if (status) return status;
    memset(window->sites, 0, (last - first) * sizeof(joint_cell *));
    return KUNI_OK;
}

static kuni_status push_cell(joint_window *window, uint32_t site, uint32_t column,
                             joint_cell **made, kuni_error *err)
{
    joint_cell *c = kuni_arena_alloc(window->arena, 1, sizeof(*c), err);
    if (!c) return KUNI_MEMORY;
    c->column = column;
    c->next = window->sites[site - window->first];
    window->sites[site - window->first] = c;
    *made = c;
    return KUNI_OK;
}

kuni_status joint_window_refused(joint_window *window, uint32_t site, uint32_t column,
                                 joint_reason reason, int copies, uint32_t dp, kuni_error *err)
{
    joint_cell *c;
    kuni_status status = push_cell(window, site, column, &c, err);
    if (status) return status;
    c->reason = (uint8_t)reason;
    c->copies = (uint8_t)copies;
    c->dp = dp;
    return KUNI_OK;
}

kuni_status joint_window_event(joint_window *window, uint32_t site, uint32_t column,
                               const joint_local *local, const joint_call *call, kuni_error *err)
{
    joint_cell *c;
    kuni_status status = push_cell(window, site, column, &c, err);
    if (status) return status;
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
    uint16_t *number = kuni_arena_alloc(window->arena, local->n, sizeof(*number), err);
    if (!number) return KUNI_MEMORY;
    memcpy(number, local->number, local->n * sizeof(*number));
    c->number = number;
    if (!local->hard) {
        uint32_t n = joint_genotype_count(local->n, local->copies);
        uint16_t *pl = kuni_arena_alloc(window->arena, n, sizeof(*pl), err);
        if (!pl) return KUNI_MEMORY;
        for (uint32_t i = 0; i < n; i++)
            pl[i] = local->pl[i] > INT16_MAX ? INT16_MAX : (uint16_t)local->pl[i];
        c->pl = pl;
    }
    uint32_t depths[JOINT_LOCAL_MAX];
    if (joint_local_depths(local, depths)) {
        uint32_t *ad = kuni_arena_alloc(window->arena, local->n, sizeof(*ad), err);
        if (!ad) return KUNI_MEMORY;
        memcpy(ad, depths, local->n * sizeof(*ad));
        c->ad = ad;
    }
    return KUNI_OK;
}

uint32_t joint_cell_alleles(const joint_cell *cell, uint32_t n_alleles)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i + 1 < cell->n; i++)
        if (cell->number[i] < n_alleles) n++;
    return n;
}
