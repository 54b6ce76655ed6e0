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
    kuni_atoms_people *people; /* by view */
    kuni_atoms *atoms;         /* by view and layer */
    size_t n_views, n_units;
    kuni_disclosure_past *past, *own; /* own: where none was given */
    const kuni_disclosure_units *units;
    /* of the allele that was decided last */
    uint64_t allele;
    kuni_disclosure_counts *good, *low; /* by unit */
};

static uint8_t *cell_at(const kuni_disclosure *d, size_t cell)
{
    return d->cells + cell * d->n_units;
}

static kuni_atoms *atoms_of(const kuni_disclosure *d, size_t view, layer which)
{
    return &d->atoms[view * LAYERS + (size_t)which];
}

static kuni_status copy_cells(kuni_disclosure *d, const kuni_disclosure_setup *s, kuni_error *err)
{
    d->cells = kuni_alloc(d->n_cells + 1, d->n_units + 1, err);
    d->identities = kuni_alloc(d->n_cells + 1, sizeof(*d->identities), err);
    d->offered = kuni_alloc(d->n_cells + 1, 1, err);
    if (!d->cells || !d->identities || !d->offered) return KUNI_MEMORY;
    for (size_t i = 0; i < d->n_cells; i++) {
        d->identities[i] = s->cells[i].identity;
        for (size_t j = 0; j < s->cells[i].n; j++) cell_at(d, i)[s->cells[i].strata[j]] = 1;
    }
    return KUNI_OK;
}

/* Rule 1, for a view. Of earlier releases each cell counts as told: it may have been, of some allele. */
static void begin_offer(kuni_disclosure *d, size_t view)
{
    kuni_atoms *a = atoms_of(d, view, CARRIERS);
    kuni_atoms_clear(a);
    for (size_t i = 0; i < d->units->n_told; i++)
        if (kuni_disclosure_past_is_theirs(d->past, view, i))
            kuni_atoms_add(a, d->units->told[i].units);
}

static kuni_status offer(kuni_disclosure *d, kuni_error *err)
{
    kuni_disclosure_counts *sizes = kuni_alloc(d->n_units + 1, sizeof(*sizes), err);
    if (!sizes) return KUNI_MEMORY;
    for (size_t i = 0; i < d->n_units; i++) sizes[i].het = d->units->people[i];
    for (size_t v = 0; v < d->n_views; v++) begin_offer(d, v);
    for (size_t i = 0; i < d->n_cells; i++) {
        bool fine = true;
        for (size_t v = 0; v < d->n_views && fine; v++)
            fine =
                kuni_atoms_look(atoms_of(d, v, CARRIERS), cell_at(d, i), sizes, KUNI_ATOMS_CARRIERS)
                    .allowed;
        fine |= d->threshold <= 1; /* it is told, whatever may be */
        d->offered[i] = fine;
        for (size_t v = 0; v < d->n_views && fine; v++)
            kuni_atoms_add(atoms_of(d, v, CARRIERS), cell_at(d, i));
    }
    free(sizes);
    return KUNI_OK;
}

static kuni_status open_views(kuni_disclosure *d, kuni_error *err)
{
    d->n_units = d->units->n;
    d->people = kuni_alloc(d->units->n_views + 1, sizeof(*d->people), err);
    d->atoms = kuni_alloc((d->units->n_views + 1) * LAYERS, sizeof(*d->atoms), err);
    if (!d->people || !d->atoms) return KUNI_MEMORY;
    kuni_status status = KUNI_OK;
    for (; d->n_views < d->units->n_views && !status; d->n_views++) {
        const kuni_disclosure_view *view = &d->units->views[d->n_views];
        kuni_atoms_people *people = &d->people[d->n_views];
        *people = (kuni_atoms_people){.n_units = d->n_units,
                                      .n_audiences = view->has_genotypes ? 2 : 1,
                                      .known = view->known,
                                      .partly = view->partly,
                                      .threshold = d->threshold};
        for (layer which = CARRIERS; which < LAYERS && !status; which++)
            status = kuni_atoms_init(atoms_of(d, d->n_views, which), people, err);
    }
    return status;
}

static kuni_status find_units(kuni_disclosure *d, const kuni_disclosure_setup *s, kuni_error *err)
{
    static const kuni_disclosure_audience nobody = {.recipient = ""};
    kuni_status status = s->past ? KUNI_OK : kuni_disclosure_past_new(&d->own, &nobody, err);
    d->past = s->past ? s->past : d->own;
    if (!status)
        status =
            kuni_disclosure_past_units(d->past, s->labels, s->people, s->n_strata, &d->units, err);
    if (status) return status;
    if (d->units->n > UNITS_MAX)
        return kuni_fail(err, KUNI_USAGE,
                         "%zu classes of people are more than tables can tell apart (%d): ask for "
                         "fewer groups",
                         d->units->n, UNITS_MAX);
    d->good = kuni_alloc(d->units->n + 1, sizeof(*d->good), err);
    d->low = kuni_alloc(d->units->n + 1, sizeof(*d->low), err);
    return d->good && d->low ? open_views(d, err) : KUNI_MEMORY;
}

kuni_status kuni_disclosure_new(kuni_disclosure **made, const kuni_disclosure_setup *s,
                                kuni_error *err)
{
    kuni_disclosure *d = kuni_alloc(1, sizeof(*d), err);
    if (!d) return KUNI_MEMORY;
    /* Of two, what is hidden would be one, and so be told. */
    d->threshold = s->threshold == 2 ? 3 : s->threshold;
    d->rare = d->threshold * (int64_t)(s->n_cells + 1);
    d->by_chance = s->by_chance;
    d->n_cells = s->n_cells;
    memcpy(d->secret, s->secret, sizeof(d->secret));
    kuni_status status = find_units(d, s, err);
    if (!status) status = copy_cells(d, s, err);
    if (!status) status = offer(d, err);
    if (status)
        kuni_disclosure_free(d);
    else
        *made = d;
    return status;
}

void kuni_disclosure_free(kuni_disclosure *d)
{
    if (!d) return;
    for (size_t i = 0; i < d->n_views * LAYERS; i++) kuni_atoms_fini(&d->atoms[i]);
    free(d->atoms);
    free(d->people);
    kuni_disclosure_past_free(d->own);
    free(d->cells);
    free(d->identities);
    free(d->offered);
    free(d->good);
    free(d->low);
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

static bool may_tell(kuni_disclosure *d, uint64_t allele, size_t cell, layer which,
                     const kuni_disclosure_counts *counts)
{
    bool rare = false;
    for (size_t v = 0; v < d->n_views; v++) {
        kuni_atoms_step step =
            kuni_atoms_look(atoms_of(d, v, which), cell_at(d, cell), counts, layer_what[which]);
        if (!step.allowed) return false;
        rare |= step.splits && step.least_side < d->rare;
    }
    if (d->by_chance && rare && is_unlucky(d, allele, cell, which)) return false;
    for (size_t v = 0; v < d->n_views; v++) kuni_atoms_add(atoms_of(d, v, which), cell_at(d, cell));
    return true;
}

/* What earlier releases told of it; also of those who are not here any more. False: that is not known well enough. */
static bool look_back(kuni_disclosure *d, bool with_low)
{
    bool sure = kuni_disclosure_past_find(d->past, d->allele, d->good, d->low);
    for (size_t i = 0; i < d->n_views * LAYERS; i++) kuni_atoms_clear(&d->atoms[i]);
    for (size_t i = 0; i < d->units->n_told; i++) {
        uint8_t bits = kuni_disclosure_past_told(d->past, i);
        for (size_t v = 0; v < d->n_views && bits; v++) {
            if (!kuni_disclosure_past_is_theirs(d->past, v, i)) continue;
            for (layer which = CARRIERS; which < (with_low ? LAYERS : LOW); which++)
                if (bits & layer_bit[which])
                    kuni_atoms_add(atoms_of(d, v, which), d->units->told[i].units);
        }
    }
    return sure;
}

void kuni_disclosure_decide(kuni_disclosure *d, uint64_t allele, const kuni_disclosure_counts *good,
                            const kuni_disclosure_counts *low, uint8_t *told)
{
    const kuni_disclosure_counts *counts[LAYERS] = {d->good, d->good, low ? d->low : NULL};
    size_t n = d->units->n_strata;
    uint8_t all = KUNI_DISCLOSE_CARRIERS | KUNI_DISCLOSE_CLASSES | (low ? KUNI_DISCLOSE_LOW : 0);
    memcpy(d->good, good, n * sizeof(*good));
    if (low) memcpy(d->low, low, n * sizeof(*low));
    if (!low) memset(d->low, 0, n * sizeof(*d->low));
    d->allele = allele;
    bool weighs = look_back(d, low != NULL) && d->threshold > 1;
    memset(told, d->threshold <= 1 ? all : 0, d->n_cells);
    for (size_t cell = 0; cell < d->n_cells && weighs && (!cell || told[0]); cell++) {
        if (!d->offered[cell]) continue;
        for (layer which = CARRIERS; which < LAYERS; which++) {
            if (!counts[which] || !may_tell(d, allele, cell, which, counts[which])) break;
            told[cell] |= layer_bit[which];
        }
    }
}

kuni_status kuni_disclosure_note(const kuni_disclosure *d, const uint8_t *told,
                                 kuni_buffer *journal, kuni_error *err)
{
    bool any = false;
    for (size_t i = 0; i < d->n_cells; i++) any |= told[i] != 0;
    if (!any) return KUNI_OK;
    return kuni_disclosure_past_note(d->past, d->allele, told, d->n_cells, d->good, d->low, journal,
                                     err);
}

kuni_status kuni_disclosure_write(kuni_disclosure *d, const uint64_t *numbers,
                                  const uint32_t *strata, size_t n, bool genotypes,
                                  const kuni_buffer *journal, const char *path, kuni_error *err)
{
    /* What was not offered can have been told of no allele. */
    for (size_t i = 0; i < d->n_cells; i++)
        if (!d->offered[i]) memset(cell_at(d, i), 0, d->n_units);
    const kuni_disclosure_chapter chapter = {.numbers = numbers,
                                             .strata = strata,
                                             .n = n,
                                             .genotypes = genotypes,
                                             .n_cells = d->n_cells,
                                             .cells = d->cells,
                                             .journal = journal};
    return kuni_disclosure_past_write(d->past, &chapter, path, err);
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
