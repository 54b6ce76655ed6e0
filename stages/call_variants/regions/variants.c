/* SPDX-License-Identifier: MIT */
#include "variants.h"

#include <stdlib.h>
#include <string.h>

#include "model/mixture.h"
#include "reads/gaps.h"

enum { SHALLOW_DEPTH = 8, INSERTION_MOST = 512, INSERTION_LONG = 5 };

static const double LOSE_PHRED = 3.0103, HET_GAIN_PHRED = 1.7609;
static const double DOUBT_PHRED = 20;

kuni_status kuni_variants_add(kuni_variants *variants, kuni_variant variant, size_t *index,
                              kuni_arena *arena, kuni_error *err)
{
    for (size_t i = variants->n; i-- > 0;) {
        const kuni_variant *v = &variants->list[i];
        if (v->pos == variant.pos && v->ref_length == variant.ref_length &&
            v->alt_length == variant.alt_length &&
            memcmp(v->alt, variant.alt, (size_t)v->alt_length) == 0) {
            *index = i;
            return KUNI_OK;
        }
    }
    if (variants->n >= KUNI_VARIANTS_MAX || variant.ref_length > KUNI_VARIANT_REF_MAX)
        return KUNI_OK;
    kuni_status status = kuni_grow((void **)&variants->list, &variants->capacity, variants->n + 1,
                                   sizeof(*variants->list), err);
    if (status) return status;
    variant.alt = kuni_arena_strndup(arena, variant.alt, (size_t)variant.alt_length, err);
    if (!variant.alt) return KUNI_MEMORY;
    *index = variants->n;
    variants->list[variants->n++] = variant;
    return KUNI_OK;
}

typedef struct collector {
    kuni_variants *variants;
    const kuni_call_reference *reference;
    const kuni_call_options *options;
    kuni_arena *arena;
    int64_t beg, end;
} collector;

static kuni_status note(collector *c, kuni_read_variants *shown, kuni_variant variant, double phred,
                        kuni_error *err)
{
    if (variant.pos < c->beg || variant.pos >= c->end || shown->n == KUNI_READ_VARIANTS_MAX)
        return KUNI_OK;
    size_t index = SIZE_MAX;
    kuni_status status = kuni_variants_add(c->variants, variant, &index, c->arena, err);
    if (status || index == SIZE_MAX) return status;
    bool by_mate = false; /* a fragment counts once */
    const kuni_call_read *mate = shown->read->mate;
    for (size_t r = c->variants->n_reads; mate && r-- > 0;) {
        const kuni_read_variants *other = &c->variants->reads[r];
        if (other->read != mate) continue;
        for (int k = 0; k < other->n; k++) by_mate |= other->list[k] == index;
        break;
    }
    kuni_variant *v = &c->variants->list[index];
    if (!by_mate) {
        v->n_reads++;
        v->quality += phred < shown->read->mapq ? phred : shown->read->mapq;
    }
    shown->list[shown->n++] = (uint16_t)index;
    return KUNI_OK;
}

static kuni_status note_indel(collector *c, kuni_read_variants *shown, int32_t query, int64_t at,
                              int32_t length, bool is_insertion, int64_t least, kuni_error *err)
{
    char alt[INSERTION_MOST + 1];
    if (length > INSERTION_MOST) return KUNI_OK;
    uint8_t *inserted = (uint8_t *)alt + 1;
    if (is_insertion) memcpy(inserted, shown->read->seq + query, (size_t)length);
    if (is_insertion && memchr(inserted, 'N', (size_t)length)) return KUNI_OK;
    if (least < at - KUNI_REGION_BP) least = at - KUNI_REGION_BP;
    int64_t pos = kuni_indel_left_align(c->reference, at, length, is_insertion ? inserted : NULL,
                                        least > 1 ? least : 1);
    alt[0] = kuni_reference_base(c->reference, pos - 1); /* N: another letter of the reference */
    if (shown->n > 0) { /* a substitution of the anchor is one variant with the indel */
        kuni_variant *last = &c->variants->list[shown->list[shown->n - 1]];
        if (last->pos == pos - 1 && kuni_variant_is_snp(last)) {
            alt[0] = last->alt[0];
            shown->n--;
        }
    }
    kuni_variant variant = {.pos = pos - 1,
                            .ref_length = is_insertion ? 1 : 1 + length,
                            .alt_length = is_insertion ? 1 + length : 1,
                            .alt = alt,
                            .qual = is_insertion ? shown->read->qual + query : NULL,
                            .rotated = (int32_t)((at - pos) % length)};
    return note(c, shown, variant, kuni_indel_error_phred(c->reference, pos - 1), err);
}

static kuni_status collect_read(collector *c, kuni_read_variants *shown, kuni_error *err)
{
    const kuni_call_read *read = shown->read;
    int64_t at = read->pos, least = 0;
    int32_t query = 0;
    kuni_status status = KUNI_OK;
    for (uint32_t k = 0; !status && k < read->n_cigar && at < read->end; k++) {
        uint32_t op = bam_cigar_op(read->cigar[k]);
        int32_t n = (int32_t)bam_cigar_oplen(read->cigar[k]);
        int type = bam_cigar_type(op);
        for (int32_t i = 0; type == 3 && !status && i < n; i++) {
            char base = (char)read->seq[query + i];
            if (at + i < c->beg - KUNI_REGION_BP || at + i >= c->end) continue;
            char ref = kuni_reference_base(c->reference, at + i);
            if (base == ref || base == 'N' || ref == 'N') continue;
            uint8_t quality = read->qual[query + i];
            if (quality < c->options->min_base_quality) continue;
            least = at + i + 1;
            kuni_variant variant = {.pos = at + i, .ref_length = 1, .alt_length = 1, .alt = &base};
            status = note(c, shown, variant, quality, err);
        }
        if (!status && (op == BAM_CINS || op == BAM_CDEL) && at > read->pos)
            status = note_indel(c, shown, query, at, n, op == BAM_CINS, least, err);
        if (op == BAM_CDEL || op == BAM_CREF_SKIP) least = at + n;
        if (type & 1) query += n;
        if (type & 2) at += n;
    }
    return status;
}

/* Quality of an inserted base. */
static uint8_t inserted_quality(const kuni_variant *v, int32_t i)
{
    int32_t n = v->alt_length - 1;
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): alike() asked for it. */
    return v->qual[(i + n - v->rotated) % n];
}

/* True where two insertions look like one that one read, or each, shows with errors. */
static bool alike(const kuni_variant *a, const kuni_variant *b)
{
    int32_t n = a->alt_length - 1, differ = 0;
    if (a->pos != b->pos || a->alt_length != b->alt_length || a->ref_length != 1 ||
        b->ref_length != 1 || n < INSERTION_LONG || !a->qual || !b->qual || !a->n_reads ||
        !b->n_reads || (a->n_reads > 1 && b->n_reads > 1))
        return false;
    for (int32_t i = 0; i <= n; i++) differ += a->alt[i] != b->alt[i];
    return differ <= 1 + n / 10;
}

/* Reads of long insertions have an error here and there: insertions alike become one. */
static kuni_status merge_insertions(collector *c, kuni_error *err)
{
    kuni_variants *variants = c->variants;
    for (size_t i = 0; i < variants->n; i++)
        for (size_t j = 0; variants->list[i].qual && j < variants->n; j++) {
            kuni_variant *a = &variants->list[i], *b = &variants->list[j];
            if (i == j || b->n_reads > a->n_reads || !alike(a, b)) continue;
            if (a->n_reads == 1) { /* of one read each: the better base */
                char *alt = kuni_arena_strndup(c->arena, a->alt, (size_t)a->alt_length, err);
                if (!alt) return KUNI_MEMORY;
                for (int32_t k = 1; k < a->alt_length; k++)
                    if (inserted_quality(b, k - 1) > inserted_quality(a, k - 1)) alt[k] = b->alt[k];
                a->alt = alt;
            }
            a->n_reads += b->n_reads;
            a->quality += b->quality;
            b->n_reads = 0;
            b->quality = -1e3;
            for (size_t r = 0; r < variants->n_reads; r++)
                for (int k = 0; k < variants->reads[r].n; k++)
                    if (variants->reads[r].list[k] == j) variants->reads[r].list[k] = (uint16_t)i;
        }
    return KUNI_OK;
}

kuni_status kuni_variants_collect(kuni_variants *variants, const kuni_read_window *window,
                                  const kuni_call_reference *reference, int64_t beg, int64_t end,
                                  const kuni_call_options *options, kuni_arena *arena,
                                  kuni_error *err)
{
    variants->n = variants->n_reads = 0;
    collector c = {.variants = variants,
                   .reference = reference,
                   .options = options,
                   .arena = arena,
                   .beg = beg,
                   .end = end};
    for (size_t r = kuni_read_window_find(window, beg); r < window->n_reads; r++) {
        const kuni_call_read *read = window->reads[r];
        if (read->pos >= end) break;
        if (read->end <= beg) continue;
        kuni_status status = kuni_grow((void **)&variants->reads, &variants->reads_capacity,
                                       variants->n_reads + 1, sizeof(*variants->reads), err);
        if (status) return status;
        kuni_read_variants *shown = &variants->reads[variants->n_reads];
        *shown = (kuni_read_variants){.read = read};
        status = collect_read(&c, shown, err);
        if (status) return status;
        variants->n_reads++;
    }
    return merge_insertions(&c, err);
}

kuni_status kuni_variants_spell(const kuni_call_reference *reference, int64_t a, int64_t b,
                                bool deletion, int64_t left_bp, kuni_variant *variant,
                                kuni_arena *arena, kuni_error *err)
{
    int32_t length = (int32_t)(b - a);
    char *alt = kuni_arena_alloc(arena, (size_t)length + 2, 1, err);
    if (!alt) return KUNI_MEMORY;
    uint8_t *inserted = (uint8_t *)alt + 1;
    for (int32_t i = 0; i < length; i++)
        inserted[i] = (uint8_t)kuni_reference_base(reference, a + i);
    int64_t at = deletion ? a : b;
    at = kuni_indel_left_align(reference, at, length, deletion ? NULL : inserted,
                               a - left_bp > 1 ? a - left_bp : 1);
    alt[0] = kuni_reference_base(reference, at - 1);
    *variant = (kuni_variant){.pos = at - 1,
                              .ref_length = deletion ? length + 1 : 1,
                              .alt_length = deletion ? 1 : length + 1,
                              .alt = alt};
    return KUNI_OK;
}

int kuni_variant_roll(const kuni_variant *v, const kuni_call_reference *reference)
{
    if (v->ref_length == v->alt_length || (v->ref_length > 1 && v->alt_length > 1)) return 0;
    bool insertion = v->alt_length > 1;
    return kuni_indel_roll(reference, v->pos + 1, (insertion ? v->alt_length : v->ref_length) - 1,
                           insertion ? (const uint8_t *)v->alt + 1 : NULL);
}

int kuni_variant_reach(const kuni_variant *v, const kuni_call_reference *reference)
{
    if (kuni_variant_is_snp(v)) return v->ref_length;
    int near = kuni_reference_reach(reference, v->pos + 1);
    int roll = kuni_variant_roll(v, reference);
    return v->ref_length + (roll + 1 > near ? roll + 1 : near);
}

bool kuni_variant_clash(const kuni_variant *a, const kuni_variant *b)
{
    if (b->pos < a->pos) return kuni_variant_clash(b, a);
    if (a->pos == b->pos) { /* a substitution may stand on an indel's anchor */
        return kuni_variant_is_snp(a) == kuni_variant_is_snp(b);
    }
    return b->pos < a->pos + a->ref_length;
}

static bool stands(const kuni_variant *v, const kuni_pileup *pileup,
                   const kuni_call_reference *reference, const kuni_call_options *options)
{
    if (v->given) return true;
    int64_t i = v->pos - pileup->beg;
    if (i < 0 || i >= KUNI_PILEUP_BP) return false;
    double depth = kuni_pileup_depth(pileup, i), against;
    int reach = kuni_reference_reach(reference, v->pos + 1);
    int roll = kuni_variant_roll(v, reference);
    double spanning = kuni_pileup_spanning(pileup, i, roll + 1 > reach ? roll + 1 : reach);
    if (options->mixture > 0)
        return kuni_mixture_is_candidate(v->n_reads, (uint32_t)depth, options->mixture);
    if (kuni_variant_is_snp(v))
        against = pileup->match[i];
    else
        against = spanning > v->n_reads ? spanning - v->n_reads : 0;
    double gain = v->quality + v->n_reads * HET_GAIN_PHRED - LOSE_PHRED * against;
    return gain >= (v->n_reads >= 2 ? -DOUBT_PHRED : depth <= SHALLOW_DEPTH ? 0 : 10);
}

static int by_position(const void *a, const void *b)
{
    const kuni_variant *x = a, *y = b;
    if (x->pos != y->pos) return x->pos < y->pos ? -1 : 1;
    if (x->ref_length != y->ref_length) return x->ref_length < y->ref_length ? -1 : 1;
    if (x->alt_length != y->alt_length) return x->alt_length < y->alt_length ? -1 : 1;
    return memcmp(x->alt, y->alt, (size_t)x->alt_length);
}

void kuni_variants_select(kuni_variants *variants, const kuni_pileup *pileup,
                          const kuni_call_reference *reference, const kuni_call_options *options)
{
    kuni_variant old[KUNI_VARIANTS_MAX];
    size_t n_old = variants->n;
    if (!n_old) return;
    memcpy(old, variants->list, n_old * sizeof(old[0]));
    size_t kept = 0;
    for (size_t i = 0; i < n_old; i++)
        if (stands(&variants->list[i], pileup, reference, options))
            variants->list[kept++] = variants->list[i];
    variants->n = kept;
    if (kept) qsort(variants->list, kept, sizeof(*variants->list), by_position);
    uint16_t to[KUNI_VARIANTS_MAX];
    for (size_t i = 0; i < n_old; i++) {
        to[i] = UINT16_MAX;
        for (size_t k = 0; k < kept; k++)
            if (by_position(&old[i], &variants->list[k]) == 0) to[i] = (uint16_t)k;
    }
    for (size_t r = 0; r < variants->n_reads; r++) {
        kuni_read_variants *shown = &variants->reads[r];
        uint16_t n = 0;
        for (int k = 0; k < shown->n; k++)
            if (to[shown->list[k]] != UINT16_MAX) shown->list[n++] = to[shown->list[k]];
        shown->n = n;
    }
}

void kuni_variants_fini(kuni_variants *variants)
{
    free(variants->list);
    free(variants->reads);
    *variants = (kuni_variants){.list = NULL};
}
