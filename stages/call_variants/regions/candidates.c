/* SPDX-License-Identifier: MIT */
#include "candidates.h"

#include <stdlib.h>
#include <string.h>

#include "chains.h"
#include "shifts.h"

enum {
    SETS_MAX = 256,
    FAR_BP = 75,
    JOINED_MOST = 2,
    EXPLAINED_LEAST = 2,
    SPANNING_FEW = 6,     /* reads that see all variants */
    JOINED_SETS_MOST = 20 /* sets up to which those of partial reads are joined */
};

static const double WEAK_PHRED = 100; /* of a variant that may well be errors of its reads */

bool kuni_candidates_add(kuni_candidates *haplotypes, const uint16_t *list, size_t n,
                         uint32_t support)
{
    if (n > KUNI_CANDIDATE_VARIANTS_MAX) return false;
    for (size_t h = 0; h < haplotypes->n; h++)
        if (haplotypes->list[h].n == n &&
            memcmp(haplotypes->list[h].list, list, n * sizeof(*list)) == 0)
            return false;
    if (haplotypes->n == KUNI_CANDIDATES_MAX) return false;
    kuni_candidate *added = &haplotypes->list[haplotypes->n++];
    *added = (kuni_candidate){.n = (uint16_t)n, .support = support};
    memcpy(added->list, list, n * sizeof(*list));
    return true;
}

typedef struct variant_set {
    const uint16_t *list;
    uint16_t n;
    uint32_t support;
} variant_set;

static int by_support(const void *a, const void *b)
{
    const variant_set *x = a, *y = b;
    if (x->support != y->support) return x->support > y->support ? -1 : 1;
    if (x->n != y->n) return x->n < y->n ? -1 : 1;
    return memcmp(x->list, y->list, x->n * sizeof(*x->list));
}

static bool consistent(const kuni_variants *variants, const uint16_t *list, uint16_t n)
{
    for (int i = 0; i + 1 < n; i++)
        if (kuni_variant_clash(&variants->list[list[i]], &variants->list[list[i + 1]]))
            return false;
    return true;
}

/* Collects distinct sets of the reads that cover [beg, end); any read where `whole` is false. */
static size_t count_sets(const kuni_variants *variants, int64_t beg, int64_t end, bool whole,
                         variant_set *sets)
{
    size_t n = 0;
    for (size_t r = 0; r < variants->n_reads; r++) {
        const kuni_read_variants *shown = &variants->reads[r];
        if (whole && (shown->read->pos > beg || shown->read->end < end)) continue;
        if (!consistent(variants, shown->list, shown->n)) continue;
        size_t k = 0;
        while (k < n && (sets[k].n != shown->n ||
                         memcmp(sets[k].list, shown->list, shown->n * sizeof(*shown->list)) != 0))
            k++;
        if (k == n && n == SETS_MAX) continue;
        if (k == n) sets[n++] = (variant_set){.list = shown->list, .n = shown->n};
        sets[k].support++;
    }
    if (n) qsort(sets, n, sizeof(*sets), by_support);
    return n;
}

/*
 * Of each set that reads show, the one without a variant that few reads have: else what speaks for
 * its neighbours, an indel most of all, would speak for that as well.
 */
static void close_sets(kuni_candidates *haplotypes, const kuni_variants *variants)
{
    size_t n = haplotypes->n;
    for (size_t h = 0; h < n; h++)
        for (int k = 0; haplotypes->list[h].n > 1 && k < haplotypes->list[h].n; k++) {
            const kuni_candidate *from = &haplotypes->list[h];
            uint16_t rest[KUNI_CANDIDATE_VARIANTS_MAX], m = 0;
            if (variants->list[from->list[k]].quality >= WEAK_PHRED) continue;
            for (int i = 0; i < from->n; i++)
                if (i != k) rest[m++] = from->list[i];
            kuni_candidates_add(haplotypes, rest, m, 0);
        }
}

static bool covers(const kuni_read_variants *shown, uint16_t variant, const kuni_variants *variants,
                   const kuni_call_reference *reference)
{
    const kuni_variant *v = &variants->list[variant];
    for (int k = 0; k < shown->n; k++)
        if (shown->list[k] == variant) return true;
    return shown->read->pos <= v->pos &&
           shown->read->end >= v->pos + kuni_variant_reach(v, reference);
}

/*
 * Where few reads see all variants: what a read shows of those that it covers, and of the others
 * what a set has. Else a read that covers one variant alone would speak for a molecule without the
 * others.
 */
static void join_partial(kuni_candidates *haplotypes, const kuni_variants *variants,
                         const kuni_call_reference *reference)
{
    size_t n = haplotypes->n;
    for (size_t r = 0; r < variants->n_reads; r++) {
        const kuni_read_variants *shown = &variants->reads[r];
        for (size_t h = 1; h < n && haplotypes->n < JOINED_SETS_MOST; h++) {
            const kuni_candidate *from = &haplotypes->list[h];
            uint16_t both[KUNI_CANDIDATE_VARIANTS_MAX + KUNI_READ_VARIANTS_MAX], m = 0;
            int s = 0;
            for (int k = 0; k < from->n; k++) {
                if (covers(shown, from->list[k], variants, reference)) continue;
                while (s < shown->n && shown->list[s] < from->list[k]) both[m++] = shown->list[s++];
                both[m++] = from->list[k];
            }
            while (s < shown->n) both[m++] = shown->list[s++];
            if (consistent(variants, both, m)) kuni_candidates_add(haplotypes, both, m, 0);
        }
    }
}

/* Whether variants stand so far apart that many a read shows but one of them. */
static bool is_far(const kuni_variants *variants)
{
    int64_t beg = INT64_MAX, end = 0;
    for (size_t i = 0; i < variants->n; i++) {
        if (variants->list[i].pos < beg) beg = variants->list[i].pos;
        if (variants->list[i].pos > end) end = variants->list[i].pos;
    }
    return end - beg > FAR_BP;
}

static void add_chains(kuni_candidates *haplotypes, const kuni_variants *variants,
                       const kuni_call_reference *reference)
{
    kuni_chain chains[KUNI_CHAINS_MAX];
    size_t n_chains = kuni_chains_find(variants, reference, chains);
    for (size_t k = 0; k < n_chains; k++) {
        uint16_t list[KUNI_CHAIN_VARIANTS_MAX];
        size_t n = 0;
        for (size_t i = 0; i < variants->n; i++)
            if (chains[k].has >> i & 1) list[n++] = (uint16_t)i;
        kuni_candidates_add(haplotypes, list, n, chains[k].support);
    }
}

void kuni_candidates_start(kuni_candidates *haplotypes, const kuni_variants *variants,
                           const kuni_call_reference *reference)
{
    static const uint16_t none[1] = {0};
    haplotypes->n = 0;
    kuni_candidates_add(haplotypes, none, 0, 0);
    if (is_far(variants)) add_chains(haplotypes, variants, reference);
}

void kuni_candidates_shift(kuni_candidates *haplotypes, const kuni_variants *variants,
                           uint16_t indel, const kuni_call_reference *reference)
{
    const kuni_variant *list = variants->list;
    size_t n = haplotypes->n;
    int joined = 0;
    for (size_t h = 1; h < n && joined < JOINED_MOST; h++) {
        const kuni_candidate *from = &haplotypes->list[h];
        uint16_t rest[KUNI_CANDIDATE_VARIANTS_MAX + 1], m = 0;
        bool placed = false;
        for (int k = 0; k < from->n; k++) {
            if (kuni_shift_covers(&list[indel], &list[from->list[k]], reference)) continue;
            if (!placed && list[from->list[k]].pos > list[indel].pos) {
                rest[m++] = indel;
                placed = true;
            }
            rest[m++] = from->list[k];
        }
        if (from->n - (m - placed) < EXPLAINED_LEAST) continue;
        if (!placed) rest[m++] = indel;
        joined += kuni_candidates_add(haplotypes, rest, m, 0);
    }
}

void kuni_candidates_choose(kuni_candidates *haplotypes, const kuni_variants *variants,
                            const kuni_call_reference *reference)
{
    if (!variants->n) return;
    int64_t beg = variants->list[0].pos, end = beg;
    for (size_t i = 0; i < variants->n; i++) {
        const kuni_variant *v = &variants->list[i];
        int64_t reach = v->pos + kuni_variant_reach(v, reference);
        if (v->n_reads && reach > end) end = reach;
    }
    variant_set sets[SETS_MAX];
    size_t n = count_sets(variants, beg, end, true, sets);
    uint32_t spanning = 0;
    for (size_t k = 0; k < n; k++) spanning += sets[k].support;
    if (spanning < SPANNING_FEW) n = count_sets(variants, beg, end, false, sets);
    uint32_t least = spanning > 12 ? 2 : 1;
    for (size_t k = 0; k < n && haplotypes->n < KUNI_CANDIDATES_MAX - 8; k++)
        if (sets[k].support >= least)
            kuni_candidates_add(haplotypes, sets[k].list, sets[k].n, sets[k].support);
    for (size_t i = 0; i < variants->n; i++) {
        bool carried = false;
        for (size_t h = 0; h < haplotypes->n; h++)
            for (int k = 0; k < haplotypes->list[h].n; k++)
                carried |= haplotypes->list[h].list[k] == i;
        uint16_t alone = (uint16_t)i;
        if (!carried) kuni_candidates_add(haplotypes, &alone, 1, 0);
    }
    if (spanning < SPANNING_FEW) join_partial(haplotypes, variants, reference);
    close_sets(haplotypes, variants);
}

void kuni_candidates_extend(kuni_candidates *haplotypes, const kuni_variants *variants,
                            uint16_t variant)
{
    const kuni_variant *list = variants->list;
    size_t n = haplotypes->n;
    for (size_t h = 0; h < n; h++) {
        const kuni_candidate *from = &haplotypes->list[h];
        uint16_t both[KUNI_CANDIDATE_VARIANTS_MAX + 1], m = 0;
        bool placed = false;
        if (!from->support || from->n >= KUNI_CANDIDATE_VARIANTS_MAX) continue;
        for (int k = 0; k < from->n; k++) {
            if (!placed && list[from->list[k]].pos > list[variant].pos) {
                both[m++] = variant;
                placed = true;
            }
            both[m++] = from->list[k];
        }
        if (!placed) both[m++] = variant;
        if (consistent(variants, both, m)) kuni_candidates_add(haplotypes, both, m, 0);
    }
}

void kuni_candidates_complete(kuni_candidates *haplotypes, const kuni_variants *variants)
{
    for (size_t i = 0; i < variants->n && is_far(variants); i++) {
        const kuni_variant *v = &variants->list[i];
        if (!kuni_variant_is_snp(v) && v->quality >= WEAK_PHRED)
            kuni_candidates_extend(haplotypes, variants, (uint16_t)i);
    }
}

static kuni_status spell(kuni_candidate *haplotype, const kuni_variants *variants,
                         const kuni_call_reference *reference, int64_t beg, int64_t end,
                         kuni_arena *arena, kuni_error *err)
{
    size_t most = (size_t)(end - beg);
    for (int k = 0; k < haplotype->n; k++)
        most += (size_t)variants->list[haplotype->list[k]].alt_length;
    uint8_t *bases = kuni_arena_alloc(arena, most, 1, err);
    if (!bases) return KUNI_MEMORY;
    uint32_t n = 0;
    int64_t at = beg;
    for (int k = 0; k < haplotype->n; k++) {
        const kuni_variant *v = &variants->list[haplotype->list[k]];
        for (; at < v->pos; at++)
            bases[n++] = (uint8_t)kuni_base_code(kuni_reference_base(reference, at));
        /* a substitution on the anchor of an indel that follows: the anchor is already written */
        int32_t skip = at > v->pos ? (int32_t)(at - v->pos) : 0;
        for (int32_t i = skip; i < v->alt_length; i++)
            bases[n++] = (uint8_t)kuni_base_code(v->alt[i]);
        at = v->pos + v->ref_length;
    }
    for (; at < end; at++) bases[n++] = (uint8_t)kuni_base_code(kuni_reference_base(reference, at));
    haplotype->sequence = (kuni_pairhmm_haplotype){.bases = bases, .length = n};
    return KUNI_OK;
}

kuni_status kuni_candidates_spell(kuni_candidates *haplotypes, const kuni_variants *variants,
                                  const kuni_call_reference *reference, int64_t beg, int64_t end,
                                  kuni_arena *arena, kuni_error *err)
{
    haplotypes->beg = beg;
    haplotypes->end = end;
    for (size_t h = 0; h < haplotypes->n; h++) {
        kuni_status status = spell(&haplotypes->list[h], variants, reference, beg, end, arena, err);
        if (status) return status;
    }
    return KUNI_OK;
}
