/* SPDX-License-Identifier: MIT */
#include "atoms.h"

#include <stdlib.h>
#include <string.h>

kuni_status kuni_atoms_init(kuni_atoms *a, const kuni_atoms_people *people, kuni_error *err)
{
    size_t n = people->n_units + 1;
    *a = (kuni_atoms){.people = people,
                      .of = kuni_alloc(n, sizeof(*a->of), err),
                      .in = kuni_alloc(n, sizeof(*a->in), err),
                      .out = kuni_alloc(n, sizeof(*a->out), err),
                      .has_in = kuni_alloc(n, 1, err),
                      .has_out = kuni_alloc(n, 1, err),
                      .number = kuni_alloc(n, sizeof(*a->number), err),
                      .n = 1};
    return a->of && a->in && a->out && a->has_in && a->has_out && a->number ? KUNI_OK : KUNI_MEMORY;
}

void kuni_atoms_fini(kuni_atoms *a)
{
    free(a->of);
    free(a->in);
    free(a->out);
    free(a->has_in);
    free(a->has_out);
    free(a->number);
    *a = (kuni_atoms){.of = NULL};
}

void kuni_atoms_clear(kuni_atoms *a)
{
    memset(a->of, 0, a->people->n_units * sizeof(*a->of));
    a->n = 1;
}

static int64_t carriers_of(const kuni_disclosure_counts *c)
{
    return c->het + c->hom + c->hemi;
}

static void add_counts(kuni_disclosure_counts *sum, const kuni_disclosure_counts *c)
{
    sum->het += c->het;
    sum->hom += c->hom;
    sum->hemi += c->hemi;
    sum->none += c->none;
}

static bool fits(int64_t count, int64_t k)
{
    return count == 0 || count >= k;
}

/* Nobody who carries: 0 may be told. Else those who do not are looked at, too: AN tells who was called. */
static bool is_well(const kuni_disclosure_counts *c, kuni_atoms_what what, int64_t k)
{
    if (!carriers_of(c)) return true;
    if (!fits(carriers_of(c), k) || !fits(c->none, k)) return false;
    return what == KUNI_ATOMS_CARRIERS || (fits(c->het, k) && fits(c->hom, k) && fits(c->hemi, k));
}

/* Of no part that it is added to can be said what an audience does not know of it. */
static const kuni_disclosure_counts unsure = {.het = 1, .none = INT64_MIN / 4};

/* Sums by atom, of those whom the audience does not know. */
static void sum_up(kuni_atoms *a, const uint8_t *cell, const kuni_disclosure_counts *counts,
                   size_t audience)
{
    const kuni_atoms_people *p = a->people;
    memset(a->in, 0, a->n * sizeof(*a->in));
    memset(a->out, 0, a->n * sizeof(*a->out));
    for (size_t u = 0; u < p->n_units; u++) {
        if (p->known && p->known[u] >> audience & 1) continue;
        bool sure = !p->partly || !(p->partly[u] >> audience & 1) || !carriers_of(&counts[u]);
        add_counts(cell[u] ? &a->in[a->of[u]] : &a->out[a->of[u]], sure ? &counts[u] : &unsure);
    }
}

static void find_parts(kuni_atoms *a, const uint8_t *cell)
{
    memset(a->has_in, 0, a->n);
    memset(a->has_out, 0, a->n);
    for (size_t u = 0; u < a->people->n_units; u++) {
        uint8_t *has = cell[u] ? a->has_in : a->has_out;
        has[a->of[u]] = 1;
    }
}

static bool is_split(const kuni_atoms *a, size_t atom)
{
    return a->has_in[atom] && (a->has_out[atom] || !atom);
}

/* Of the people of whom something is told: by the counts of the audience that knows nobody. */
static int64_t least_side_of(const kuni_atoms *a)
{
    int64_t least = INT64_MAX;
    for (size_t i = 1; i < a->n; i++) {
        if (!is_split(a, i)) continue;
        int64_t have = carriers_of(&a->in[i]) + carriers_of(&a->out[i]);
        int64_t none = a->in[i].none + a->out[i].none;
        if (have < least) least = have;
        if (none < least) least = none;
    }
    return least;
}

/*
 * Of what was told with this threshold each atom is well, and so is what does not split any. Of what was told with
 * a smaller one it need not be: an atom's count does not follow from that its sides were told.
 */
static bool parts_are_well(const kuni_atoms *a, kuni_atoms_what what)
{
    for (size_t i = 0; i < a->n; i++) {
        if (!a->has_in[i]) continue;
        if (!is_well(&a->in[i], what, a->people->threshold)) return false;
        if (i && a->has_out[i] && !is_well(&a->out[i], what, a->people->threshold)) return false;
    }
    return true;
}

kuni_atoms_step kuni_atoms_look(kuni_atoms *a, const uint8_t *cell,
                                const kuni_disclosure_counts *counts, kuni_atoms_what what)
{
    kuni_atoms_step step = {.allowed = true, .least_side = INT64_MAX};
    find_parts(a, cell);
    for (size_t i = 1; i < a->n; i++) step.splits |= is_split(a, i);
    for (size_t who = 0; who < a->people->n_audiences && step.allowed; who++) {
        sum_up(a, cell, counts, who);
        step.allowed = parts_are_well(a, what);
        if (!who) step.least_side = least_side_of(a);
    }
    return step;
}

void kuni_atoms_add(kuni_atoms *a, const uint8_t *cell)
{
    size_t n = a->n;
    find_parts(a, cell);
    for (size_t i = 0; i < a->n; i++) a->number[i] = (uint16_t)(is_split(a, i) ? n++ : i);
    for (size_t u = 0; u < a->people->n_units; u++)
        if (cell[u]) a->of[u] = a->number[a->of[u]];
    a->n = n;
}
