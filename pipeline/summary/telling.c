/* SPDX-License-Identifier: MIT */
#include "telling.h"

#include <stdlib.h>
#include <string.h>

kuni_status kuni_telling_init(kuni_telling *t, kuni_disclosure *decides, const kuni_strata *strata,
                              kuni_error *err)
{
    *t = (kuni_telling){.decides = decides, .strata = strata};
    t->good = kuni_alloc(strata->n + 1, sizeof(*t->good), err);
    t->low = kuni_alloc(strata->n + 1, sizeof(*t->low), err);
    t->told = kuni_alloc(strata->n_cells + 1, 1, err);
    t->other = kuni_alloc(strata->n_cells + 1, 1, err);
    return t->good && t->low && t->told && t->other ? KUNI_OK : KUNI_MEMORY;
}

void kuni_telling_fini(kuni_telling *t)
{
    free(t->good);
    free(t->low);
    free(t->told);
    free(t->other);
    *t = (kuni_telling){0};
}

static kuni_disclosure_counts as_told(const kuni_allele_counts *c)
{
    return (kuni_disclosure_counts){.het = c->het,
                                    .hom = c->hom,
                                    .hemi = c->hemi,
                                    .none = c->diploid + c->haploid - kuni_counts_carriers(c)};
}

static int64_t carriers(const kuni_disclosure_counts *counts, size_t n)
{
    int64_t sum = 0;
    for (size_t i = 0; i < n; i++) sum += counts[i].het + counts[i].hom + counts[i].hemi;
    return sum;
}

kuni_status kuni_telling_allele(kuni_telling *t, uint64_t allele, const kuni_tally *tally, int alt,
                                kuni_buffer *journal, kuni_error *err)
{
    for (size_t s = 0; s < t->strata->n; s++) {
        t->good[s] = as_told(kuni_tally_of(tally, alt, s, KUNI_TALLY_ADJ));
        t->low[s] = as_told(kuni_tally_of(tally, alt, s, KUNI_TALLY_LOW));
    }
    kuni_disclosure_decide(t->decides, allele, t->good, t->low, t->told);
    /* Rows of nobody by good genotypes, and of a number that is hidden by all, would tell of few. */
    if (!(t->told[0] & KUNI_DISCLOSE_LOW) && !carriers(t->good, t->strata->n))
        memset(t->told, 0, t->strata->n_cells);
    return kuni_disclosure_note(t->decides, t->told, journal, err);
}

/* Stands for the second question about a feature. */
static uint64_t second(uint64_t feature)
{
    return (feature ^ feature >> 29) * 0x9e3779b97f4a7c15u + 1;
}

/*
 * The decision knows three classes of carriers, and here are four: it is asked twice, so that each of the four
 * stands apart in one of the questions. What both allow makes coarser atoms than either, so it is safe, too.
 * Both questions are kept, each with what both allow.
 */
kuni_status kuni_telling_feature(kuni_telling *t, uint64_t feature, const kuni_feature_counts *c,
                                 kuni_buffer *journal, kuni_error *err)
{
    for (size_t s = 0; s < t->strata->n; s++) {
        int64_t people = t->strata->strata[s].people;
        int64_t none = people - c[s].het - c[s].hom - c[s].hemi - c[s].two_hits;
        t->good[s] = (kuni_disclosure_counts){
            .het = c[s].het + c[s].two_hits, .hom = c[s].hom, .hemi = c[s].hemi, .none = none};
        t->low[s] = (kuni_disclosure_counts){
            .het = c[s].het, .hom = c[s].two_hits, .hemi = c[s].hom + c[s].hemi, .none = none};
    }
    kuni_disclosure_decide(t->decides, second(feature), t->low, NULL, t->other);
    kuni_disclosure_decide(t->decides, feature, t->good, NULL, t->told);
    for (size_t i = 0; i < t->strata->n_cells; i++) t->told[i] &= t->other[i];
    kuni_status status = kuni_disclosure_note(t->decides, t->told, journal, err);
    if (status) return status;
    kuni_disclosure_decide(t->decides, second(feature), t->low, NULL, t->other);
    return kuni_disclosure_note(t->decides, t->told, journal, err);
}
