/* SPDX-License-Identifier: MIT */
#include "chains.h"

#include <stdlib.h>
#include <string.h>

enum {
    READS_MOST = 1024,
    LINKS_LEAST = 3, /* reads that tell which variants go together */
    LINKS_MANY = 12  /* of which one alone is an error */
};

/* A read's say: the variants that it covers with their repeats, and those of them that it shows. */
typedef struct witness {
    uint64_t covers, shows;
} witness;

typedef struct chainer {
    const kuni_variants *variants;
    witness reads[READS_MOST];
    size_t n_reads;
    kuni_chain list[2 * KUNI_CHAINS_MAX];
    size_t n;
} chainer;

static void listen(chainer *c, const kuni_call_reference *reference)
{
    int64_t ends[KUNI_CHAIN_VARIANTS_MAX];
    const kuni_variants *variants = c->variants;
    for (size_t i = 0; i < variants->n; i++)
        ends[i] = variants->list[i].pos + kuni_variant_reach(&variants->list[i], reference);
    for (size_t r = 0; r < variants->n_reads && c->n_reads < READS_MOST; r++) {
        const kuni_read_variants *shown = &variants->reads[r];
        witness w = {0};
        for (size_t i = 0; i < variants->n; i++)
            if (shown->read->pos <= variants->list[i].pos && shown->read->end >= ends[i])
                w.covers |= UINT64_C(1) << i;
        for (int k = 0; k < shown->n; k++) w.shows |= UINT64_C(1) << shown->list[k];
        w.covers |= w.shows;
        if (w.covers) c->reads[c->n_reads++] = w;
    }
}

/* Reads that go on from `from` with variant i (counts[1]) or without it (counts[0]). */
static void count(const chainer *c, const kuni_chain *from, size_t i, uint32_t counts[2])
{
    const uint64_t bit = UINT64_C(1) << i, before = bit - 1;
    uint32_t all[2] = {0}, links[2] = {0};
    for (size_t r = 0; r < c->n_reads; r++) {
        const witness *w = &c->reads[r];
        if (!(w->covers & bit) || ((w->shows ^ from->has) & w->covers & before)) continue;
        all[w->shows & bit ? 1 : 0]++;
        if (w->covers & before) links[w->shows & bit ? 1 : 0]++;
    }
    const uint32_t *told = links[0] + links[1] >= LINKS_LEAST ? links : all;
    memcpy(counts, told, sizeof(all));
}

static bool fits(const chainer *c, const kuni_chain *from, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (from->has >> k & 1 && kuni_variant_clash(&c->variants->list[k], &c->variants->list[i]))
            return false;
    return true;
}

static int by_support(const void *a, const void *b)
{
    const kuni_chain *x = a, *y = b;
    if (x->support != y->support) return x->support > y->support ? -1 : 1;
    return x->has < y->has ? -1 : x->has > y->has;
}

/* Each chain goes on with the next variant, without it, or in both ways. */
static void step(chainer *c, size_t i)
{
    size_t n = c->n;
    for (size_t k = 0; k < n; k++) {
        kuni_chain *from = &c->list[k], with = *from;
        uint32_t counts[2];
        count(c, from, i, counts);
        uint32_t least = counts[0] + counts[1] > LINKS_MANY ? 2 : 1;
        if (!fits(c, from, i) || counts[1] < least) continue;
        with.has |= UINT64_C(1) << i;
        with.n++;
        if (counts[1] < with.support) with.support = counts[1];
        if (counts[0] < least) {
            *from = with;
            continue;
        }
        if (counts[0] < from->support) from->support = counts[0];
        c->list[c->n++] = with;
    }
    qsort(c->list, c->n, sizeof(c->list[0]), by_support);
    if (c->n > KUNI_CHAINS_MAX) c->n = KUNI_CHAINS_MAX;
}

size_t kuni_chains_find(const kuni_variants *variants, const kuni_call_reference *reference,
                        kuni_chain chains[KUNI_CHAINS_MAX])
{
    if (!variants->n || variants->n > KUNI_CHAIN_VARIANTS_MAX) return 0;
    chainer c = {.variants = variants, .list = {{.support = UINT32_MAX}}, .n = 1};
    listen(&c, reference);
    for (size_t i = 0; i < variants->n; i++) step(&c, i);
    memcpy(chains, c.list, c.n * sizeof(*chains));
    return c.n;
}
