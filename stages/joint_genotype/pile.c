/* SPDX-License-Identifier: MIT */
#include "pile.h"

#include <stdlib.h>
#include <string.h>

kuni_status joint_piles_init(joint_piles *piles, kuni_error *err)
{
    *piles = (joint_piles){.arena = kuni_arena_new(err)};
    return piles->arena ? KUNI_OK : KUNI_MEMORY;
}

void joint_piles_fini(joint_piles *piles)
{
    kuni_arena_free(piles->arena);
    free(piles->sites);
}

kuni_status joint_piles_begin(joint_piles *piles, uint32_t first, uint32_t last, kuni_error *err)
{
    kuni_arena_clear(piles->arena);
    piles->first = first;
    piles->last = last;
    piles->bytes = 0;
    kuni_status status = kuni_grow((void **)&piles->sites, &piles->capacity,
                                   (size_t)(last - first) + 1, sizeof(joint_pile), err);
    if (status) return status;
    memset(piles->sites, 0, (last - first) * sizeof(joint_pile));
    return KUNI_OK;
}

/* Leaves grow with their pile, so that a fifth of it or less is room that is left over. */
static kuni_status add_leaf(joint_piles *piles, joint_pile *pile, size_t bytes, kuni_error *err)
{
    enum { LEAST = 64, MOST = 4096, SHARE = 4 };
    size_t size = pile->bytes / SHARE / LEAST * LEAST;
    if (size < LEAST) size = LEAST;
    if (size > MOST) size = MOST;
    if (size < sizeof(joint_leaf) + bytes) size = sizeof(joint_leaf) + bytes;
    joint_leaf *leaf = kuni_arena_alloc(piles->arena, 1, size, err);
    if (!leaf) return KUNI_MEMORY;
    *(pile->last ? &pile->last->next : &pile->first) = leaf;
    pile->last = leaf;
    pile->room = (uint32_t)(size - offsetof(joint_leaf, bytes));
    piles->bytes += (int64_t)size;
    return KUNI_OK;
}

kuni_status joint_piles_add(joint_piles *piles, uint32_t site, uint32_t column,
                            const uint8_t *bytes, size_t n, kuni_error *err)
{
    joint_pile *pile = joint_piles_at(piles, site);
    uint8_t head[JOINT_VARINT_MOST];
    size_t n_head = (size_t)(joint_put_varint(head, column - pile->column) - head);
    if (pile->room < n_head + n) {
        kuni_status status = add_leaf(piles, pile, n_head + n, err);
        if (status) return status;
    }
    uint8_t *to = pile->last->bytes + pile->last->used;
    memcpy(to, head, n_head);
    memcpy(to + n_head, bytes, n);
    if (column < pile->column) pile->unordered = true;
    n += n_head;
    pile->last->used += (uint32_t)n;
    pile->room -= (uint32_t)n;
    pile->bytes += (uint32_t)n;
    pile->column = column;
    pile->n++;
    return KUNI_OK;
}

static int by_column(const void *left, const void *right)
{
    const joint_pile_entry *a = left, *b = right;
    return (a->column > b->column) - (a->column < b->column);
}

kuni_status joint_pile_read_sorted(const joint_pile *pile, joint_pile_skip *skip, void *context,
                                   joint_pile_entry **entries, size_t *capacity,
                                   joint_pile_reader *reader, kuni_error *err)
{
    *reader = joint_pile_read(pile);
    if (!pile->unordered) return KUNI_OK;
    kuni_status status =
        kuni_grow((void **)entries, capacity, (size_t)pile->n + 1, sizeof(**entries), err);
    size_t n = 0;
    for (; reader->more && !status; joint_pile_next(reader)) {
        (*entries)[n++] = (joint_pile_entry){reader->column, reader->at};
        skip(context, &reader->at);
    }
    if (status) return status;
    qsort(*entries, n, sizeof(**entries), by_column);
    *reader = (joint_pile_reader){.entry = *entries, .last = *entries + n};
    joint_pile_next(reader);
    return KUNI_OK;
}
