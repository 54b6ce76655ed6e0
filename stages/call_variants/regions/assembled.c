/* SPDX-License-Identifier: MIT */
#include "assembled.h"

#include <string.h>

enum { ALT_MOST = 1000 };

static const char LETTERS[] = "ACGTN";

typedef struct converter {
    const kuni_call_reference *reference;
    int64_t beg, keep_beg, keep_end;
    kuni_variants *variants;
    kuni_arena *arena;
} converter;

/* The VCF spelling of an edit; `anchor` is the base before an indel as the haplotype has it. */
static kuni_status convert_edit(const converter *c, const kuni_haplotype *haplotype,
                                const kuni_edit *edit, char anchor, size_t *index, kuni_error *err)
{
    char alt[ALT_MOST + 1];
    bool indel = edit->ref_length != edit->hap_length;
    int64_t pos = c->beg + edit->ref - (indel ? 1 : 0);
    *index = SIZE_MAX;
    if (pos < c->keep_beg || pos >= c->keep_end || edit->hap_length + 1 > ALT_MOST) return KUNI_OK;
    int32_t n = 0;
    if (indel) alt[n++] = anchor ? anchor : kuni_reference_base(c->reference, pos);
    for (uint32_t i = 0; i < edit->hap_length; i++)
        alt[n++] = LETTERS[haplotype->bases[edit->hap + i]];
    if (memchr(alt + indel, 'N', (size_t)(n - indel))) return KUNI_OK;
    kuni_variant variant = {.pos = pos,
                            .ref_length = (int32_t)edit->ref_length + (indel ? 1 : 0),
                            .alt_length = n,
                            .alt = alt};
    return kuni_variants_add(c->variants, variant, index, c->arena, err);
}

static kuni_status convert(const converter *c, const kuni_haplotype *haplotype, uint16_t *list,
                           size_t *n, kuni_error *err)
{
    *n = 0;
    for (uint32_t e = 0; e < haplotype->n_edits; e++) {
        const kuni_edit *edit = &haplotype->edits[e];
        char anchor = 0;
        bool substitution = edit->ref_length == 1 && edit->hap_length == 1;
        const kuni_edit *next = e + 1 < haplotype->n_edits ? edit + 1 : NULL;
        /* a substitution of the base before an indel is one variant with it */
        if (substitution && next && next->ref_length != next->hap_length &&
            next->ref == edit->ref + 1) {
            anchor = LETTERS[haplotype->bases[edit->hap]];
            edit = next;
            e++;
        }
        size_t index;
        kuni_status status = convert_edit(c, haplotype, edit, anchor, &index, err);
        if (status) return status;
        if (index == SIZE_MAX) continue;
        if (*n == KUNI_CANDIDATE_VARIANTS_MAX) {
            *n = SIZE_MAX;
            return KUNI_OK;
        }
        list[(*n)++] = (uint16_t)index;
    }
    return KUNI_OK;
}

kuni_status kuni_assembled_add(kuni_assembler *assembler, const kuni_pairhmm_read *reads,
                               size_t n_reads, const kuni_call_reference *reference, int64_t beg,
                               int64_t end, int64_t keep_beg, int64_t keep_end,
                               kuni_variants *variants, kuni_candidates *candidates,
                               kuni_arena *arena, kuni_error *err)
{
    size_t length = (size_t)(end - beg);
    uint8_t *codes = kuni_arena_alloc(arena, length + 1, 1, err);
    if (!codes) return KUNI_MEMORY;
    for (int64_t p = beg; p < end; p++)
        codes[p - beg] = (uint8_t)kuni_base_code(kuni_reference_base(reference, p));
    const kuni_haplotype *found;
    size_t n_found;
    bool failed;
    kuni_status status = kuni_assemble(assembler, codes, (uint32_t)length, reads, n_reads, &found,
                                       &n_found, &failed, err);
    if (status) return status;
    converter c = {.reference = reference,
                   .beg = beg,
                   .keep_beg = keep_beg,
                   .keep_end = keep_end,
                   .variants = variants,
                   .arena = arena};
    for (size_t h = 1; h < n_found; h++) {
        uint16_t list[KUNI_CANDIDATE_VARIANTS_MAX];
        size_t n;
        status = convert(&c, &found[h], list, &n, err);
        if (status) return status;
        if (n && n != SIZE_MAX) kuni_candidates_add(candidates, list, n, 0);
    }
    return KUNI_OK;
}

static bool same_sequence(const kuni_candidate *a, const kuni_candidate *b)
{
    return a->sequence.length == b->sequence.length &&
           memcmp(a->sequence.bases, b->sequence.bases, a->sequence.length) == 0;
}

/* Indels of a list whose place is in [beg, end). */
static size_t count_indels(const kuni_variants *variants, const uint16_t *list, size_t n,
                           int64_t beg, int64_t end)
{
    size_t found = 0;
    for (size_t k = 0; k < n; k++) {
        const kuni_variant *v = &variants->list[list[k]];
        found += !kuni_variant_is_snp(v) && v->pos >= beg && v->pos < end;
    }
    return found;
}

/* Whether an indel would leave [beg, end) by being spelled anew: nobody calls it there. */
static bool leaves(const kuni_variants *variants, const kuni_candidate *from, const uint16_t *list,
                   size_t n, int64_t beg, int64_t end)
{
    size_t before = count_indels(variants, from->list, from->n, beg, end);
    size_t after = count_indels(variants, list, n, beg, end);
    size_t all_before = count_indels(variants, from->list, from->n, 0, INT64_MAX);
    size_t all_after = count_indels(variants, list, n, 0, INT64_MAX);
    return (before && !after) || all_after - after > all_before - before;
}

kuni_status kuni_candidates_canonise(kuni_candidates *candidates, kuni_aligner *aligner,
                                     const kuni_call_reference *reference, kuni_variants *variants,
                                     int64_t beg, int64_t end, kuni_arena *arena, kuni_error *err)
{
    size_t kept = 1;
    for (size_t h = 1; h < candidates->n; h++) {
        size_t same = 0;
        while (same < kept && !same_sequence(&candidates->list[same], &candidates->list[h])) same++;
        if (same < kept)
            candidates->list[same].support += candidates->list[h].support;
        else
            candidates->list[kept++] = candidates->list[h];
    }
    candidates->n = kept;
    const kuni_pairhmm_haplotype *first = &candidates->list[0].sequence;
    converter c = {.reference = reference,
                   .beg = candidates->beg,
                   .keep_beg = candidates->beg + 1,
                   .keep_end = candidates->end,
                   .variants = variants,
                   .arena = arena};
    for (size_t h = 1; h < candidates->n; h++) {
        kuni_candidate *x = &candidates->list[h];
        if (x->n < 2) continue;
        kuni_haplotype haplotype = {.bases = x->sequence.bases, .length = x->sequence.length};
        kuni_status status =
            kuni_haplotype_align(aligner, arena, first->bases, first->length, haplotype.bases,
                                 haplotype.length, &haplotype.edits, &haplotype.n_edits, err);
        uint16_t list[KUNI_CANDIDATE_VARIANTS_MAX];
        size_t n = 0;
        if (!status) status = convert(&c, &haplotype, list, &n, err);
        if (status) return status;
        if (!n || n == SIZE_MAX || n != haplotype.n_edits) continue;
        if (leaves(variants, x, list, n, beg, end)) continue;
        x->n = (uint16_t)n;
        memcpy(x->list, list, n * sizeof(*list));
    }
    return KUNI_OK;
}
