/* SPDX-License-Identifier: MIT */
#include "pile.h"

#include <stdlib.h>
#include <string.h>

enum { SLAB_BYTES = 256 << 10 };

void joint_piles_end(joint_piles *piles)
{
    while (piles->n_slabs) free(piles->slabs[--piles->n_slabs]);
    piles->n_full = piles->slab_used = 0;
    piles->last = piles->first;
}

void joint_piles_fini(joint_piles *piles)
{
    joint_piles_end(piles);
    free(piles->slabs);
    free(piles->sites);
}

kuni_status joint_piles_begin(joint_piles *piles, uint32_t first, uint32_t last, kuni_error *err)
{
    piles->first = first;
    piles->last = last;
    piles->n_full = piles->slab_used = 0;
    kuni_status status = kuni_grow((void **)&piles->sites, &piles->capacity,
                                   (size_t)(last - first) + 1, sizeof(joint_pile), err);
    if (status) return status;
    memset(piles->sites, 0, (last - first) * sizeof(joint_pile));
    return KUNI_OK;
}

int64_t joint_piles_bytes(const joint_piles *piles)
{
    return (int64_t)(piles->n_full * SLAB_BYTES + piles->slab_used +
                     (piles->last - piles->first) * sizeof(joint_pile));
}

static joint_leaf *take_leaf(joint_piles *piles, size_t size, kuni_error *err)
{
    enum { ALIGN = _Alignof(joint_leaf) };
    size = (size + ALIGN - 1) / ALIGN * ALIGN;
    if (piles->n_full < piles->n_slabs && piles->slab_used + size > SLAB_BYTES) {
        piles->n_full++;
        piles->slab_used = 0;
    }
    if (piles->n_full == piles->n_slabs) {
        if (kuni_grow((void **)&piles->slabs, &piles->slabs_capacity, piles->n_slabs + 1,
                      sizeof(*piles->slabs), err))
            return NULL;
        uint8_t *slab = kuni_realloc(NULL, 1, SLAB_BYTES, err);
        if (!slab) return NULL;
        piles->slabs[piles->n_slabs++] = slab;
    }
    joint_leaf *leaf = (joint_leaf *)(void *)(piles->slabs[piles->n_full] + piles->slab_used);
    piles->slab_used += size;
    leaf->next = NULL;
    leaf->used = 0;
    return leaf;
}

/* Leaves grow with their pile, so that a fifth of it or less is room that is left over. */
static kuni_status add_leaf(joint_piles *piles, joint_pile *pile, size_t bytes, kuni_error *err)
{
    enum { LEAST = 64, MOST = 4096, SHARE = 4 };
    size_t size = pile->bytes / SHARE / LEAST * LEAST;
    if (size < LEAST) size = LEAST;
    if (size > MOST) size = MOST;
    if (size < sizeof(joint_leaf) + bytes) size = sizeof(joint_leaf) + bytes;
    joint_leaf *leaf = take_leaf(piles, size, err);
    if (!leaf) return KUNI_MEMORY;
    *(pile->last ? &pile->last->next : &pile->first) = leaf;
    pile->last = leaf;
    pile->room = (uint32_t)(size - offsetof(joint_leaf, bytes));
    return KUNI_OK;
}

kuni_status joint_piles_add(joint_piles *piles, uint32_t site, uint32_t column,
                            const uint8_t *bytes, size_t n, kuni_error *err)
{
    if (n > SLAB_BYTES / 2) return kuni_fail(err, KUNI_BUG, "a genotype of %zu bytes", n);
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
