/* SPDX-License-Identifier: MIT */
#include "shifts.h"

#include <stdlib.h>
#include <string.h>

enum {
    SHIFT_LEAST = 11, /* shorter periods: kuni_reference_reach */
    SHIFT_MOST = 256,
    LIKE_BP = 20,    /* bases compared beside the place */
    UNLIKE_MOST = 3, /* of these */
    REACH_BP = KUNI_REGION_BP / 2 - 20,
    DROP_MOST = 12, /* the resemblance ends where it falls by so much, a match 1, a mismatch -3 */
    MISMATCH = 3,
    INDELS_MOST = 64
};

/* Bases of [from, from + n) that differ from those `shift` further on; stops beyond UNLIKE_MOST. */
static int unlike(const char *seq, int64_t from, int n, int64_t shift)
{
    int differ = 0;
    for (int i = 0; i < n && differ <= UNLIKE_MOST; i++)
        differ += seq[from + i] != seq[from + i + shift];
    return differ;
}

/* How far the resemblance goes on from `at` in steps of `step`; the last place that matches. */
static int64_t extend(const char *seq, int64_t at, int64_t step, int64_t least, int64_t most,
                      int64_t shift)
{
    int64_t best_at = at;
    int score = 0, best = 0;
    for (int64_t p = at + step; p >= least && p < most && best - score < DROP_MOST; p += step) {
        score += seq[p] == seq[p + shift] ? 1 : -MISMATCH;
        if (score <= best) continue;
        best = score;
        best_at = p;
    }
    return best_at;
}

bool kuni_shift_explains(const kuni_call_reference *reference, int64_t pos, unsigned alt,
                         int64_t *beg, int64_t *end)
{
    const char *seq = reference->seq, base = "ACGT"[alt];
    int64_t at = pos - reference->beg, n = reference->end - reference->beg;
    const int64_t around = SHIFT_MOST + REACH_BP + 1;
    if (at < around || at + around >= n) return false;
    int64_t from = at, to = at;
    for (int64_t shift = -SHIFT_MOST; shift <= SHIFT_MOST; shift++) {
        if (shift == 1 - SHIFT_LEAST) shift = SHIFT_LEAST;
        if (seq[at + shift] != base) continue;
        if (unlike(seq, at + 1, LIKE_BP, shift) > UNLIKE_MOST &&
            unlike(seq, at - LIKE_BP, LIKE_BP, shift) > UNLIKE_MOST)
            continue;
        int64_t least = at - REACH_BP, most = at + REACH_BP;
        int64_t left = extend(seq, at, -1, least, most, shift);
        int64_t right = extend(seq, at, 1, least, most, shift) + 1;
        if (shift < 0) left += shift;
        if (shift > 0) right += shift;
        if (left < from) from = left;
        if (right > to) to = right;
    }
    if (from == to) return false;
    if (from < at - REACH_BP) from = at - REACH_BP;
    if (to > at + REACH_BP) to = at + REACH_BP;
    *beg = from + reference->beg;
    *end = to + reference->beg;
    return true;
}

bool kuni_shift_covers(const kuni_variant *indel, const kuni_variant *variant,
                       const kuni_call_reference *reference)
{
    if (kuni_variant_clash(indel, variant)) return true;
    int64_t longer = indel->ref_length - indel->alt_length, pos = variant->pos;
    int64_t span = longer < 0 ? -longer : longer, end = indel->pos + indel->ref_length;
    if (!kuni_variant_is_snp(variant) || pos < indel->pos - span || pos >= end + span) return false;
    /* reads aligned on the left of a deletion have what comes later, those on its right what was before */
    int64_t from = pos > indel->pos ? pos + longer : pos - longer;
    return from >= reference->beg && from < reference->end &&
           kuni_reference_base(reference, from) == variant->alt[0];
}

/* What substitutions may stand for, before it is spelled. */
typedef struct shifted {
    kuni_variant variant;
    int64_t beg, end;
} shifted;

typedef struct finder {
    const kuni_call_reference *reference;
    shifted list[INDELS_MOST];
    size_t n;
} finder;

/* Of the same indel there is one, with the reads of all. */
static kuni_status add(finder *f, int64_t a, int64_t b, bool deletion, uint32_t n_reads,
                       kuni_arena *arena, kuni_error *err)
{
    kuni_variant variant;
    kuni_status status =
        kuni_variants_spell(f->reference, a, b, deletion, SHIFT_MOST, &variant, arena, err);
    if (status) return status;
    for (size_t i = 0; i < f->n; i++) {
        kuni_variant *v = &f->list[i].variant;
        if (v->pos != variant.pos || v->ref_length != variant.ref_length ||
            v->alt_length != variant.alt_length ||
            memcmp(v->alt, variant.alt, (size_t)v->alt_length) != 0)
            continue;
        v->n_reads += n_reads;
        return KUNI_OK;
    }
    if (f->n == INDELS_MOST) return KUNI_OK;
    variant.n_reads = n_reads;
    f->list[f->n++] =
        (shifted){.variant = variant, .beg = variant.pos < a ? variant.pos : a, .end = b};
    return KUNI_OK;
}

/*
 * A read that is aligned well on the left and whose bases from `pos` on come from `shift` further
 * on, or well on the right and whose bases up to `pos` do.
 */
static kuni_status add_shifts(finder *f, int64_t pos, char base, uint32_t n_reads,
                              kuni_arena *arena, kuni_error *err)
{
    const char *seq = f->reference->seq;
    int64_t at = pos - f->reference->beg, n = f->reference->end - f->reference->beg;
    const int64_t around = SHIFT_MOST + LIKE_BP + 1;
    kuni_status status = KUNI_OK;
    if (at < around || at + around >= n) return KUNI_OK;
    for (int64_t shift = -SHIFT_MOST; !status && shift <= SHIFT_MOST; shift++) {
        if (shift == 1 - SHIFT_LEAST) shift = SHIFT_LEAST;
        if (seq[at + shift] != base) continue;
        bool gone = shift > 0;
        if (unlike(seq, at + 1, LIKE_BP, shift) <= UNLIKE_MOST)
            status = add(f, gone ? pos : pos + shift, gone ? pos + shift : pos, gone, n_reads,
                         arena, err);
        if (!status && unlike(seq, at - LIKE_BP, LIKE_BP, shift) <= UNLIKE_MOST)
            status = add(f, gone ? pos + 1 : pos + 1 + shift, gone ? pos + 1 + shift : pos + 1,
                         !gone, n_reads, arena, err);
    }
    return status;
}

static int by_reads(const void *a, const void *b)
{
    const kuni_variant *x = &((const shifted *)a)->variant, *y = &((const shifted *)b)->variant;
    if (x->n_reads != y->n_reads) return x->n_reads > y->n_reads ? -1 : 1;
    int32_t more = x->ref_length + x->alt_length, less = y->ref_length + y->alt_length;
    if (more != less) return more < less ? -1 : 1; /* one unit sooner than two */
    if (x->pos != y->pos) return x->pos < y->pos ? -1 : 1;
    if (x->ref_length != y->ref_length) return x->ref_length < y->ref_length ? -1 : 1;
    if (x->alt_length != y->alt_length) return x->alt_length < y->alt_length ? -1 : 1;
    return memcmp(x->alt, y->alt, (size_t)x->alt_length);
}

kuni_status kuni_shifts_find(const kuni_pileup *pileup, const kuni_call_reference *reference,
                             kuni_variant *found, size_t *n_found, int64_t *beg, int64_t *end,
                             kuni_arena *arena, kuni_error *err)
{
    *n_found = 0;
    finder *f = kuni_arena_alloc(arena, 1, sizeof(*f), err);
    if (!f) return KUNI_MEMORY;
    *f = (finder){.reference = reference};
    int64_t first = *beg - pileup->beg, last = *end - pileup->beg;
    if (first < 0) first = 0;
    if (last > KUNI_PILEUP_BP) last = KUNI_PILEUP_BP;
    for (int64_t i = first; i < last; i++)
        for (unsigned base = 0; base < 4; base++) {
            uint32_t n = pileup->differ[base][i];
            if (n < 2) continue;
            kuni_status status = add_shifts(f, pileup->beg + i, "ACGT"[base], n, arena, err);
            if (status) return status;
        }
    if (f->n) qsort(f->list, f->n, sizeof(*f->list), by_reads);
    for (size_t k = 0; k < f->n && *n_found < KUNI_SHIFT_VARIANTS_MAX; k++) {
        const shifted *x = &f->list[k];
        if (x->beg < *beg) *beg = x->beg;
        if (x->end > *end) *end = x->end;
        found[(*n_found)++] = x->variant;
    }
    return KUNI_OK;
}
