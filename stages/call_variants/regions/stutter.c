/* SPDX-License-Identifier: MIT */
#include "stutter.h"

#include <string.h>

#include "model/math10.h"

enum {
    COPIES_LEAST = 7, /* of a repeat that slips */
    LENGTH_MOST_BP = 200,
    STIFF_PHRED = 60, /* gaps within the tract: its lengths are columns of their own */
    REACH_MOST_BP = 300
};

/* Of a slip: that it loses units; that it goes one unit further. */
static const double LOSES = 0.67, FURTHER = 0.12;
static const double ODDS_MOST = 0.18;
/*
 * Levels: times the odds of a PCR-free library. Amplified ones slip about ten times as often; the
 * first is of reads that hardly slip at all.
 */
static const double LEVEL_TIMES[KUNI_STUTTER_LEVELS] = {0.05, 0.7, 2, 6};
static const double LEVEL_PRIOR[2][KUNI_STUTTER_LEVELS] = {{0.2, 0.3, 0.3, 0.2},
                                                           {0.25, 0.4, 0.25, 0.1}};

double kuni_stutter_odds(int unit, int copies)
{
    /*
     * 0.2 % at 10 bases, 5 % at 20; longer units 0.1 % at 8 copies, 1.4 % at 20. Longer ones keep
     * their length more often than not: beyond that no read could tell.
     */
    double odds = kuni_exp10(unit > 1      ? -3 + 0.0955 * (copies - 8)
                             : copies < 10 ? -2.7 + 0.195 * (copies - 10)
                                           : -2.7 + 0.139 * (copies - 10));
    return odds < ODDS_MOST ? odds : ODDS_MOST;
}

double kuni_stutter_step(int level, int unit, int copies, int steps)
{
    double odds = kuni_stutter_odds(unit, copies) * LEVEL_TIMES[level], chance = odds / (1 + odds);
    if (!steps) return 1 - chance;
    chance *= (steps < 0 ? LOSES : 1 - LOSES) * (1 - FURTHER);
    for (int k = steps < 0 ? -steps : steps; k > 1; k--) chance *= FURTHER;
    return chance;
}

double kuni_stutter_prior(int level, bool pcr_free)
{
    return kuni_log10(LEVEL_PRIOR[pcr_free][level]);
}

typedef struct tract {
    int64_t beg;
    uint32_t unit;
    double odds;
} tract;

/* The repeat with variants of whole units that slips most; false: none. */
static bool find_tract(const kuni_variants *variants, const kuni_call_reference *reference,
                       tract *found)
{
    *found = (tract){.unit = 1};
    for (size_t i = 0; i < variants->n; i++) {
        const kuni_variant *v = &variants->list[i];
        int32_t change = v->alt_length - v->ref_length;
        if (!change) continue;
        int unit, copies = kuni_repeat_copies(reference, v->pos, &unit);
        if (copies < COPIES_LEAST - 1 || change % unit != 0) continue;
        double odds = kuni_stutter_odds(unit, copies);
        if (odds <= found->odds) continue;
        *found = (tract){.beg = v->pos + 1, .unit = (uint32_t)unit, .odds = odds};
    }
    return found->odds > 0;
}

/* Whether a variant changes the tract by whole units and nothing else. */
static bool changes_length(const kuni_variant *v, const tract *t,
                           const kuni_call_reference *reference)
{
    if (v->pos != t->beg - 1 || (v->ref_length > 1 && v->alt_length > 1)) return false;
    if ((v->alt_length - v->ref_length) % (int32_t)t->unit) return false;
    for (int32_t i = 1; i < v->alt_length; i++)
        if (v->alt[i] != kuni_reference_base(reference, t->beg + (i - 1) % (int32_t)t->unit))
            return false;
    return v->alt[0] == kuni_reference_base(reference, v->pos);
}

/* Adds `from` with another length of the tract: `change` bases from the reference's. */
static kuni_status add_length(kuni_candidates *candidates, const kuni_candidate *from,
                              kuni_variants *variants, const tract *t, int32_t change,
                              const kuni_call_reference *reference, kuni_arena *arena,
                              kuni_error *err)
{
    char alt[LENGTH_MOST_BP + 2];
    uint16_t list[KUNI_CANDIDATE_VARIANTS_MAX + 1], n = 0;
    size_t index = SIZE_MAX;
    if (change > LENGTH_MOST_BP || change < -LENGTH_MOST_BP) return KUNI_OK;
    alt[0] = kuni_reference_base(reference, t->beg - 1);
    for (int32_t i = 0; i < change; i++)
        alt[i + 1] = kuni_reference_base(reference, t->beg + i % (int32_t)t->unit);
    kuni_variant variant = {.pos = t->beg - 1,
                            .ref_length = change < 0 ? 1 - change : 1,
                            .alt_length = change > 0 ? 1 + change : 1,
                            .alt = alt};
    if (change) {
        kuni_status status = kuni_variants_add(variants, variant, &index, arena, err);
        if (status || index == SIZE_MAX) return status;
    }
    bool placed = !change;
    for (int k = 0; k < from->n; k++) {
        const kuni_variant *v = &variants->list[from->list[k]];
        if (changes_length(v, t, reference)) continue;
        if (!placed && v->pos > variant.pos) {
            list[n++] = (uint16_t)index;
            placed = true;
        }
        list[n++] = from->list[k];
    }
    if (!placed) list[n++] = (uint16_t)index;
    for (int k = 0; k + 1 < n; k++)
        if (kuni_variant_clash(&variants->list[list[k]], &variants->list[list[k + 1]]))
            return KUNI_OK;
    kuni_candidates_add(candidates, list, n, 0);
    return KUNI_OK;
}

kuni_status kuni_stutter_add_lengths(kuni_candidates *candidates, kuni_variants *variants,
                                     const kuni_call_reference *reference, kuni_arena *arena,
                                     kuni_error *err)
{
    tract t;
    if (!find_tract(variants, reference, &t) || t.beg <= reference->beg) return KUNI_OK;
    int unit, copies = kuni_repeat_copies(reference, t.beg - 1, &unit);
    size_t n = candidates->n;
    for (size_t h = 0; h < n; h++) {
        const kuni_candidate *from = &candidates->list[h];
        int32_t change = 0;
        for (int k = 0; k < from->n; k++) {
            const kuni_variant *v = &variants->list[from->list[k]];
            if (changes_length(v, &t, reference)) change = v->alt_length - v->ref_length;
        }
        kuni_status status = add_length(candidates, from, variants, &t, change + (int32_t)t.unit,
                                        reference, arena, err);
        if (!status && copies * unit + change > 2 * unit)
            status = add_length(candidates, from, variants, &t, change - (int32_t)t.unit, reference,
                                arena, err);
        if (status) return status;
    }
    return KUNI_OK;
}

/* Finds the tract in a candidate's sequence. */
static void locate(const kuni_candidates *candidates, const kuni_candidate *haplotype,
                   const kuni_variants *variants, const kuni_call_reference *reference,
                   const tract *t, uint32_t *at, uint32_t *length)
{
    *at = *length = 0;
    int64_t p = t->beg - candidates->beg;
    for (int k = 0; k < haplotype->n; k++) {
        const kuni_variant *v = &variants->list[haplotype->list[k]];
        if (v->pos + v->ref_length <= t->beg) p += v->alt_length - v->ref_length;
    }
    const uint8_t *bases = haplotype->sequence.bases;
    int64_t n = haplotype->sequence.length, unit = t->unit;
    if (p < 0 || p + unit > n) return;
    for (int64_t k = 0; k < unit; k++)
        if (bases[p + k] != kuni_base_code(kuni_reference_base(reference, t->beg + k))) return;
    int64_t beg = p, end = p + unit;
    while (end < n && bases[end] == bases[end - unit]) end++;
    while (beg > 0 && bases[beg - 1] == bases[beg - 1 + unit]) beg--;
    *at = (uint32_t)beg;
    *length = (uint32_t)(end - beg);
}

static bool same_bases(const kuni_pairhmm_haplotype *a, const kuni_pairhmm_haplotype *b)
{
    return a->length == b->length && memcmp(a->bases, b->bases, a->length) == 0;
}

/* True where two columns differ in nothing but the tract's length. */
static bool kin(const kuni_stutter *s, size_t a, size_t b, uint32_t unit)
{
    uint32_t la = s->tract[a], lb = s->tract[b], at = s->at[a];
    if (!la || !lb || s->at[b] != at || (la > lb ? la - lb : lb - la) % unit) return false;
    uint32_t tail = s->columns[a].length - at - la;
    return s->columns[b].length - at - lb == tail &&
           memcmp(s->columns[a].bases, s->columns[b].bases, at) == 0 &&
           memcmp(s->columns[a].bases + at + la, s->columns[b].bases + at + lb, tail) == 0;
}

static kuni_status set_gaps(kuni_stutter *s, size_t c, kuni_arena *arena, kuni_error *err)
{
    kuni_pairhmm_haplotype *column = &s->columns[c];
    uint8_t *open = kuni_arena_alloc(arena, 2 * (size_t)column->length, 1, err);
    if (!open) return KUNI_MEMORY;
    uint8_t *extend = open + column->length;
    kuni_gaps_set(column->bases, column->length, open, extend);
    memset(open + s->at[c], STIFF_PHRED, s->tract[c]);
    column->gap_open = open;
    column->gap_extend = extend;
    return KUNI_OK;
}

/* Adds candidate h with one unit more or less, unless that is a column. */
static kuni_status add_neighbour(kuni_stutter *s, size_t h, uint32_t unit, bool longer,
                                 kuni_arena *arena, kuni_error *err)
{
    const kuni_pairhmm_haplotype *from = &s->columns[h];
    if (s->n_columns == KUNI_STUTTER_COLUMNS_MAX || (!longer && s->tract[h] < 2 * unit))
        return KUNI_OK;
    uint32_t at = s->at[h], length = longer ? from->length + unit : from->length - unit;
    uint8_t *bases = kuni_arena_alloc(arena, length, 1, err);
    if (!bases) return KUNI_MEMORY;
    memcpy(bases, from->bases, at);
    if (longer) {
        memcpy(bases + at, from->bases + at, unit);
        memcpy(bases + at + unit, from->bases + at, from->length - at);
    } else {
        memcpy(bases + at, from->bases + at + unit, from->length - at - unit);
    }
    size_t c = s->n_columns;
    s->columns[c] = (kuni_pairhmm_haplotype){.bases = bases, .length = length};
    s->at[c] = at;
    s->tract[c] = longer ? s->tract[h] + unit : s->tract[h] - unit;
    for (size_t k = 0; k < c; k++)
        if (same_bases(&s->columns[k], &s->columns[c])) return KUNI_OK;
    s->n_columns++;
    return set_gaps(s, c, arena, err);
}

static kuni_status weigh(kuni_stutter *s, uint32_t unit, kuni_arena *arena, kuni_error *err)
{
    for (int level = 0; level < s->n_levels; level++) {
        double *w = kuni_arena_alloc(arena, s->n_haplotypes * s->n_columns, sizeof(*w), err);
        if (!w) return KUNI_MEMORY;
        s->weight[level] = w;
        for (size_t h = 0; h < s->n_haplotypes; h++, w += s->n_columns) {
            double sum = 0;
            for (size_t c = 0; c < s->n_columns; c++) {
                if (s->tract[h] && kin(s, h, c, unit))
                    w[c] = kuni_stutter_step(level, (int)unit, (int)(s->tract[h] / unit),
                                             ((int)s->tract[c] - (int)s->tract[h]) / (int)unit);
                else
                    w[c] = c == h;
                sum += w[c];
            }
            /* lengths that are no column belong to nobody: a read that spans none is neutral */
            for (size_t c = 0; c < s->n_columns; c++) w[c] /= sum;
        }
    }
    return KUNI_OK;
}

kuni_status kuni_stutter_lay(kuni_stutter *s, const kuni_candidates *candidates,
                             const kuni_variants *variants, const kuni_call_reference *reference,
                             kuni_arena *arena, kuni_error *err)
{
    tract t;
    bool found = find_tract(variants, reference, &t);
    s->n_levels = found ? KUNI_STUTTER_LEVELS : 1;
    s->n_haplotypes = s->n_columns = candidates->n;
    for (size_t h = 0; h < candidates->n; h++) {
        const kuni_candidate *haplotype = &candidates->list[h];
        s->columns[h] = haplotype->sequence;
        s->at[h] = s->tract[h] = 0;
        if (found) locate(candidates, haplotype, variants, reference, &t, &s->at[h], &s->tract[h]);
        kuni_status status = set_gaps(s, h, arena, err);
        if (status) return status;
    }
    if (!found) return KUNI_OK;
    for (size_t h = 0; h < candidates->n; h++) {
        if (!s->tract[h]) continue;
        kuni_status status = add_neighbour(s, h, t.unit, false, arena, err);
        if (!status) status = add_neighbour(s, h, t.unit, true, arena, err);
        if (status) return status;
    }
    return weigh(s, t.unit, arena, err);
}

void kuni_stutter_mix(const kuni_stutter *s, int level, const double *columns, double *haplotypes)
{
    if (s->n_levels == 1) {
        memcpy(haplotypes, columns, s->n_haplotypes * sizeof(*haplotypes));
        return;
    }
    const double *w = s->weight[level];
    for (size_t h = 0; h < s->n_haplotypes; h++, w += s->n_columns) {
        double sum = 0;
        for (size_t c = 0; c < s->n_columns; c++)
            if (w[c] > 0) sum += w[c] * columns[c];
        haplotypes[h] = sum;
    }
}
