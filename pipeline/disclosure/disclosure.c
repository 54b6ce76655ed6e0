/* SPDX-License-Identifier: MIT */
#include "disclosure.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "atoms.h"

enum { UNITS_MAX = 65000 };

_Static_assert(crypto_shorthash_KEYBYTES == KUNI_DISCLOSURE_SECRET_BYTES, "a key of SipHash");

/* What is told on its own: carriers; classes; classes of genotypes that are not good. */
typedef enum layer { CARRIERS, CLASSES, LOW, LAYERS } layer;

static const kuni_atoms_what layer_what[LAYERS] = {KUNI_ATOMS_CARRIERS, KUNI_ATOMS_CLASSES,
                                                   KUNI_ATOMS_CLASSES};
static const uint8_t layer_bit[LAYERS] = {KUNI_DISCLOSE_CARRIERS, KUNI_DISCLOSE_CLASSES,
                                          KUNI_DISCLOSE_LOW};

struct kuni_disclosure {
    int64_t threshold, rare;
    bool by_chance;
    uint8_t secret[KUNI_DISCLOSURE_SECRET_BYTES];
    size_t n_cells;
    uint8_t *cells; /* n_cells x units */
    uint64_t *identities;
    uint8_t *offered;
    kuni_atoms_people people;
    kuni_atoms atoms[LAYERS];
};

static uint8_t *cell_at(const kuni_disclosure *d, size_t cell)
{
    return d->cells + cell * d->people.n_units;
}

static kuni_status copy_cells(kuni_disclosure *d, const kuni_disclosure_setup *s, kuni_error *err)
{
    d->cells = kuni_alloc(d->n_cells + 1, d->people.n_units + 1, err);
    d->identities = kuni_alloc(d->n_cells + 1, sizeof(*d->identities), err);
    d->offered = kuni_alloc(d->n_cells + 1, 1, err);
    if (!d->cells || !d->identities || !d->offered) return KUNI_MEMORY;
    for (size_t i = 0; i < d->n_cells; i++) {
        d->identities[i] = s->cells[i].identity;
        for (size_t j = 0; j < s->cells[i].n; j++) cell_at(d, i)[s->cells[i].strata[j]] = 1;
    }
    return KUNI_OK;
}

/* Rule 1. */
static kuni_status offer(kuni_disclosure *d, const uint32_t *people, kuni_error *err)
{
    kuni_atoms *a = &d->atoms[CARRIERS];
    kuni_disclosure_counts *sizes = kuni_alloc(d->people.n_units + 1, sizeof(*sizes), err);
    if (!sizes) return KUNI_MEMORY;
    for (size_t i = 0; i < d->people.n_units; i++) sizes[i].het = people[i];
    kuni_atoms_clear(a);
    for (size_t i = 0; i < d->n_cells; i++) {
        if (!kuni_atoms_look(a, cell_at(d, i), sizes, KUNI_ATOMS_CARRIERS).allowed) continue;
        d->offered[i] = 1;
        kuni_atoms_add(a, cell_at(d, i));
    }
    free(sizes);
    return KUNI_OK;
}

kuni_status kuni_disclosure_new(kuni_disclosure **made, const kuni_disclosure_setup *s,
                                kuni_error *err)
{
    kuni_disclosure *d = kuni_alloc(1, sizeof(*d), err);
    if (!d) return KUNI_MEMORY;
    *d = (kuni_disclosure){
        .threshold = s->threshold,
        .rare = s->threshold > 2 ? s->threshold * (int64_t)(s->n_cells + 1) : INT64_MAX,
        .by_chance = s->by_chance,
        .n_cells = s->n_cells,
        .people = {.n_units = s->n_strata, .n_audiences = 1, .threshold = s->threshold}};
    memcpy(d->secret, s->secret, sizeof(d->secret));
    kuni_status status = KUNI_OK;
    if (d->people.n_units > UNITS_MAX)
        status = kuni_fail(err, KUNI_USAGE,
                           "%zu classes of people are more than tables can tell apart (%d): fewer "
                           "groups, or people who were in fewer releases",
                           d->people.n_units, UNITS_MAX);
    if (!status) status = copy_cells(d, s, err);
    for (int i = 0; i < LAYERS && !status; i++)
        status = kuni_atoms_init(&d->atoms[i], &d->people, err);
    if (!status) status = offer(d, s->people, err);
    if (status)
        kuni_disclosure_free(d);
    else
        *made = d;
    return status;
}

void kuni_disclosure_free(kuni_disclosure *d)
{
    if (!d) return;
    for (int i = 0; i < LAYERS; i++) kuni_atoms_fini(&d->atoms[i]);
    free(d->cells);
    free(d->identities);
    free(d->offered);
    free(d);
}

bool kuni_disclosure_offers(const kuni_disclosure *d, size_t cell)
{
    return d->offered[cell];
}

/* Rule 3. */
static bool is_unlucky(const kuni_disclosure *d, uint64_t allele, size_t cell, layer which)
{
    const uint64_t about[] = {allele, d->identities[cell], which};
    uint64_t draw;
    unsigned char hash[crypto_shorthash_BYTES];
    (void)crypto_shorthash(hash, (const unsigned char *)about, sizeof(about), d->secret);
    memcpy(&draw, hash, sizeof(draw));
    return draw % KUNI_DISCLOSURE_CHANCE == 0;
}

/* With k = 2 a hidden class would be one of one: two carriers are then told, and not which. */
static bool tells_by_silence(const kuni_disclosure *d, size_t cell, layer which,
                             const kuni_disclosure_counts *counts)
{
    int64_t carriers = 0;
    if (which == CARRIERS || d->threshold != 2) return false;
    for (size_t u = 0; u < d->people.n_units; u++)
        if (cell_at(d, cell)[u]) carriers += counts[u].het + counts[u].hom + counts[u].hemi;
    return carriers == 2;
}

static bool may_tell(kuni_disclosure *d, uint64_t allele, size_t cell, layer which,
                     const kuni_disclosure_counts *counts)
{
    kuni_atoms *a = &d->atoms[which];
    kuni_atoms_step step = kuni_atoms_look(a, cell_at(d, cell), counts, layer_what[which]);
    if (!step.allowed || tells_by_silence(d, cell, which, counts)) return false;
    if (d->by_chance && step.splits && step.least_side < d->rare &&
        is_unlucky(d, allele, cell, which))
        return false;
    kuni_atoms_add(a, cell_at(d, cell));
    return true;
}

void kuni_disclosure_decide(kuni_disclosure *d, uint64_t allele, const kuni_disclosure_counts *good,
                            const kuni_disclosure_counts *low, uint8_t *told)
{
    const kuni_disclosure_counts *counts[LAYERS] = {good, good, low};
    if (d->threshold <= 1) {
        memset(told, KUNI_DISCLOSE_CARRIERS | KUNI_DISCLOSE_CLASSES | (low ? KUNI_DISCLOSE_LOW : 0),
               d->n_cells);
        return;
    }
    memset(told, 0, d->n_cells);
    for (int i = 0; i < LAYERS; i++) kuni_atoms_clear(&d->atoms[i]);
    for (size_t cell = 0; cell < d->n_cells && (!cell || told[0]); cell++) {
        if (!d->offered[cell]) continue;
        for (layer which = CARRIERS; which < LAYERS; which++) {
            if (!counts[which] || !may_tell(d, allele, cell, which, counts[which])) break;
            told[cell] |= layer_bit[which];
        }
    }
}

/* --- numbers that stand for something --- */

uint64_t kuni_disclosure_text(const uint8_t secret[KUNI_DISCLOSURE_SECRET_BYTES], const char *text)
{
    uint64_t number;
    unsigned char hash[crypto_shorthash_BYTES];
    (void)crypto_shorthash(hash, (const unsigned char *)text, strlen(text), secret);
    memcpy(&number, hash, sizeof(number));
    return number;
}

/* FNV-1a */
static uint64_t mix(uint64_t number, const void *bytes, size_t n)
{
    const unsigned char *at = bytes;
    for (size_t i = 0; i < n; i++) number = (number ^ at[i]) * 0x100000001b3u;
    return number;
}

uint64_t kuni_disclosure_allele(const char *contig, int64_t pos, const char *ref, const char *alt)
{
    size_t n_ref = strlen(ref), n_alt = strlen(alt);
    while (n_ref > 1 && n_alt > 1 && ref[n_ref - 1] == alt[n_alt - 1]) n_ref--, n_alt--;
    while (n_ref > 1 && n_alt > 1 && *ref == *alt) ref++, alt++, n_ref--, n_alt--, pos++;
    uint64_t number = 0xcbf29ce484222325u;
    number = mix(number, contig, strlen(contig) + 1);
    number = mix(number, &pos, sizeof(pos));
    number = mix(number, ref, n_ref);
    number = mix(number, ">", 1);
    number = mix(number, alt, n_alt);
    number ^= number >> 32; /* FNV alone leaves the upper bits of short texts alike */
    number *= 0x9e3779b97f4a7c15u;
    return number ^ number >> 29;
}
