/* SPDX-License-Identifier: MIT */
#include "past.h"

#include <stdlib.h>
#include <string.h>

#include "chapter.h"

enum { NONE = UINT32_MAX };

/* What people have in common: a class of the last chapter (or NONE), and who knows their genotypes. */
typedef struct kind {
    uint32_t class_;
    uint64_t known;
} kind;

struct kuni_disclosure_past {
    kuni_disclosure_audience audience;
    kuni_chapter *chapters;
    size_t n_chapters, capacity;
    /* of the people of now */
    kind *kinds;
    size_t n_kinds, kinds_capacity;
    uint8_t *is_counted; /* by person of the last chapter */
    /* of units */
    kuni_disclosure_units units;
    uint32_t *class_of;                 /* n_chapters x units: class, or NONE */
    kuni_disclosure_counts *good, *low; /* as read from a chapter */
    const unsigned char **records;      /* by chapter: of the allele that was found */
};

kuni_status kuni_disclosure_past_new(kuni_disclosure_past **made,
                                     const kuni_disclosure_audience *audience, kuni_error *err)
{
    kuni_disclosure_past *p = kuni_alloc(1, sizeof(*p), err);
    if (!p) return KUNI_MEMORY;
    p->audience = *audience;
    *made = p;
    return KUNI_OK;
}

static void clear_units(kuni_disclosure_past *p)
{
    for (size_t i = 0; i < p->units.n_told; i++) free((void *)p->units.told[i].units);
    free(p->units.told);
    free(p->units.people);
    free(p->units.known);
    free(p->units.partly);
    free(p->class_of);
    free(p->good);
    free(p->low);
    free((void *)p->records);
    p->units = (kuni_disclosure_units){.n = 0};
    p->class_of = NULL;
    p->good = p->low = NULL;
    p->records = NULL;
}

void kuni_disclosure_past_free(kuni_disclosure_past *p)
{
    if (!p) return;
    clear_units(p);
    for (size_t i = 0; i < p->n_chapters; i++) kuni_chapter_close(&p->chapters[i]);
    free(p->chapters);
    free(p->kinds);
    free(p->is_counted);
    free(p);
}

kuni_status kuni_disclosure_past_read(kuni_disclosure_past *p, const char *path, kuni_error *err)
{
    kuni_status status = kuni_grow((void **)&p->chapters, &p->capacity, p->n_chapters + 1,
                                   sizeof(*p->chapters), err);
    if (status) return status;
    kuni_chapter *h = &p->chapters[p->n_chapters++];
    status = kuni_chapter_open(h, path, err);
    size_t before = p->n_chapters > 1 ? h[-1].n_classes : 0;
    for (size_t i = 0; i < h->n_classes && !status; i++)
        if (h->parent[i] > before)
            status = kuni_fail(err, KUNI_IO,
                               "%s does not go with the release before it: put both back from a "
                               "backup",
                               path);
    return status;
}

static const kuni_chapter *last_chapter(const kuni_disclosure_past *p)
{
    return p->n_chapters ? &p->chapters[p->n_chapters - 1] : NULL;
}

/* Whether those who get this release have what that chapter tells. */
static bool is_theirs(const kuni_disclosure_past *p, const kuni_chapter *h)
{
    return p->audience.everybody || h->everybody ||
           strcmp(h->recipient, p->audience.recipient) == 0;
}

static int64_t find_number(const uint64_t *numbers, size_t n, uint64_t number)
{
    size_t beg = 0, end = n;
    while (beg < end) {
        size_t middle = beg + (end - beg) / 2;
        if (numbers[middle] < number)
            beg = middle + 1;
        else
            end = middle;
    }
    return beg < n && numbers[beg] == number ? (int64_t)beg : -1;
}

/* --- who knows whom --- */

/*
 * The bit of those who got the genotypes of a chapter, from 1: who gets this release is one; where everybody
 * does, each recipient is one of its own. 0: theirs do not count.
 */
static size_t audience_of(const kuni_disclosure_past *p, size_t chapter)
{
    const kuni_chapter *h = &p->chapters[chapter];
    size_t bit = 1;
    if (!h->genotypes || !is_theirs(p, h)) return 0;
    if (!p->audience.everybody) return 1;
    for (size_t i = 0; i < chapter; i++) {
        const kuni_chapter *other = &p->chapters[i];
        if (!other->genotypes) continue;
        if (strcmp(other->recipient, h->recipient) == 0) return audience_of(p, i);
        size_t its = audience_of(p, i);
        if (its >= bit) bit = its + 1;
    }
    return bit < KUNI_DISCLOSURE_AUDIENCES ? bit : KUNI_DISCLOSURE_AUDIENCES - 1;
}

static size_t audiences(const kuni_disclosure_past *p)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n_chapters; i++) {
        size_t bit = audience_of(p, i);
        if (bit > n) n = bit;
    }
    return n + 1;
}

/* Bits; what was given to everybody is known to each of them. */
static uint64_t known_to(const kuni_disclosure_past *p, uint64_t number)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < p->n_chapters; i++) {
        const kuni_chapter *h = &p->chapters[i];
        size_t bit = audience_of(p, i);
        if (!bit || find_number(h->known, h->n_known, number) < 0) continue;
        bits |= h->everybody ? ~(uint64_t)1 : (uint64_t)1 << bit;
    }
    return bits;
}

/* --- people --- */

/* By class of the last chapter: the same number where no cell that they have tells apart; 0: nothing told. */
static uint32_t *find_atoms(const kuni_disclosure_past *p, uint32_t *n_atoms, kuni_error *err)
{
    const kuni_chapter *last = last_chapter(p);
    size_t n = last ? last->n_classes : 0;
    uint32_t *atom = kuni_alloc(n + 1, sizeof(*atom), err);
    uint32_t *class_ = kuni_alloc(n + 1, sizeof(*class_), err);
    uint32_t *number = kuni_alloc(2 * n + 2, sizeof(*number), err);
    *n_atoms = 1;
    for (size_t i = 0; class_ && i < n; i++) class_[i] = (uint32_t)i;
    for (size_t j = p->n_chapters; atom && class_ && number && j-- > 0;) {
        const kuni_chapter *h = &p->chapters[j];
        for (size_t c = 0; c < h->n_cells && is_theirs(p, h); c++) {
            const uint8_t *cell = h->cells + c * h->n_classes;
            memset(number, 0, (*n_atoms + 1) * sizeof(*number));
            uint32_t next = *n_atoms;
            for (size_t i = 0; i < n; i++) {
                if (class_[i] == NONE || !cell[class_[i]]) continue;
                uint32_t old = atom[i];
                if (!number[old]) number[old] = next++;
                atom[i] = number[old];
            }
            /* Numbers that nobody has any more are given away: there are never more than classes. */
            uint32_t used = 1;
            memset(number, 0, (next + 1) * sizeof(*number));
            for (size_t i = 0; i < n; i++) {
                if (!atom[i]) continue;
                if (!number[atom[i]]) number[atom[i]] = used++;
                atom[i] = number[atom[i]];
            }
            *n_atoms = used;
        }
        for (size_t i = 0; i < n; i++)
            class_[i] =
                class_[i] == NONE || !h->parent[class_[i]] ? NONE : h->parent[class_[i]] - 1;
    }
    if (!class_ || !number) {
        free(atom);
        atom = NULL;
    }
    free(class_);
    free(number);
    return atom;
}

typedef struct person {
    uint64_t number;
    size_t at;
    uint32_t atom; /* 0: new, or nothing told */
    uint32_t class_;
    int64_t in_chapter; /* place there, or -1 */
    uint16_t finest;
    bool waits;
} person;

static int by_atom(const void *a, const void *b)
{
    const person *x = a, *y = b;
    if (x->atom != y->atom) return x->atom < y->atom ? -1 : 1;
    if (!x->atom && x->finest != y->finest) return x->finest < y->finest ? -1 : 1;
    return (x->number > y->number) - (x->number < y->number);
}

/* `n` people of a kind that is now alike; `size`: how many there were. */
static void hold_back(person *people, size_t n, size_t size, size_t k)
{
    size_t gone = size - n, out = !gone || gone >= k ? 0 : k - gone;
    if (n < out + k && (gone || n < k)) out = n;
    for (size_t i = 0; i < out; i++) people[i].waits = true;
}

static kuni_status choose_counted(const kuni_disclosure_past *p, person *people, size_t n,
                                  kuni_error *err)
{
    const kuni_chapter *last = last_chapter(p);
    uint32_t n_atoms = 1;
    uint32_t *atom = find_atoms(p, &n_atoms, err);
    size_t *sizes = kuni_alloc((size_t)n_atoms + 1, sizeof(*sizes), err);
    kuni_status status = atom && sizes ? KUNI_OK : KUNI_MEMORY;
    for (size_t i = 0; last && i < last->n_people && !status; i++) sizes[atom[last->class_of[i]]]++;
    for (size_t i = 0; i < n && !status; i++)
        people[i].atom = people[i].class_ == NONE ? 0 : atom[people[i].class_];
    if (!status) qsort(people, n, sizeof(*people), by_atom);
    for (size_t beg = 0, end; beg < n && !status && n_atoms > 1; beg = end) {
        const person *first = &people[beg];
        for (end = beg; end < n && people[end].atom == first->atom &&
                        (first->atom || people[end].finest == first->finest);
             end++)
            continue;
        hold_back(&people[beg], end - beg, first->atom ? sizes[first->atom] : end - beg,
                  (size_t)p->audience.threshold);
    }
    free(atom);
    free(sizes);
    return status;
}

static kuni_status kind_of(kuni_disclosure_past *p, const person *who, uint32_t *label,
                           kuni_error *err)
{
    kind k = {.class_ = who->class_, .known = known_to(p, who->number)};
    for (size_t i = 0; i < p->n_kinds; i++)
        if (p->kinds[i].class_ == k.class_ && p->kinds[i].known == k.known) {
            *label = (uint32_t)i;
            return KUNI_OK;
        }
    kuni_status status =
        kuni_grow((void **)&p->kinds, &p->kinds_capacity, p->n_kinds + 1, sizeof(*p->kinds), err);
    if (status) return status;
    *label = (uint32_t)p->n_kinds;
    p->kinds[p->n_kinds++] = k;
    return KUNI_OK;
}

kuni_status kuni_disclosure_past_people(kuni_disclosure_past *p, const uint64_t *numbers,
                                        const uint16_t *finest, size_t n, uint32_t *labels,
                                        kuni_error *err)
{
    const kuni_chapter *last = last_chapter(p);
    person *people = kuni_alloc(n + 1, sizeof(*people), err);
    free(p->is_counted);
    p->is_counted = kuni_alloc(last ? last->n_people + 1 : 1, 1, err);
    p->n_kinds = 0;
    kuni_status status = people && p->is_counted ? KUNI_OK : KUNI_MEMORY;
    for (size_t i = 0; i < n && !status; i++) {
        int64_t at = last ? find_number(last->people, last->n_people, numbers[i]) : -1;
        people[i] = (person){.number = numbers[i],
                             .at = i,
                             .class_ = at < 0 ? NONE : last->class_of[at],
                             .in_chapter = at,
                             .finest = finest[i]};
    }
    if (!status && p->audience.threshold > 1) status = choose_counted(p, people, n, err);
    for (size_t i = 0; i < n && !status; i++) {
        const person *who = &people[i];
        labels[who->at] = KUNI_DISCLOSURE_NOT_COUNTED;
        if (who->waits) continue;
        if (who->in_chapter >= 0) p->is_counted[who->in_chapter] = 1;
        status = kind_of(p, who, &labels[who->at], err);
    }
    free(people);
    return status;
}

/* --- units --- */

/* What is left of the last chapter's classes. */
static void count_left(const kuni_disclosure_past *p, uint32_t *left, uint64_t *all, uint64_t *some)
{
    const kuni_chapter *h = last_chapter(p);
    for (size_t i = 0; h && i < h->n_people; i++) {
        if (p->is_counted && p->is_counted[i]) continue;
        uint32_t c = h->class_of[i];
        uint64_t bits = known_to(p, h->people[i]);
        all[c] = left[c] ? all[c] & bits : bits;
        some[c] |= bits;
        left[c]++;
    }
}

static kuni_status alloc_units(kuni_disclosure_past *p, size_t n, kuni_error *err)
{
    size_t n_classes = 0;
    for (size_t i = 0; p->chapters && i < p->n_chapters; i++)
        if (p->chapters[i].n_classes > n_classes) n_classes = p->chapters[i].n_classes;
    p->units.people = kuni_alloc(n + 1, sizeof(uint32_t), err);
    p->units.known = kuni_alloc(n + 1, sizeof(uint64_t), err);
    p->units.partly = kuni_alloc(n + 1, sizeof(uint64_t), err);
    p->class_of = kuni_alloc((p->n_chapters + 1) * (n + 1), sizeof(uint32_t), err);
    p->good = kuni_alloc(n_classes + 1, sizeof(*p->good), err);
    p->low = kuni_alloc(n_classes + 1, sizeof(*p->low), err);
    p->records = kuni_alloc(p->n_chapters + 1, sizeof(*p->records), err);
    return p->units.people && p->units.known && p->units.partly && p->class_of && p->good &&
                   p->low && p->records
               ? KUNI_OK
               : KUNI_MEMORY;
}

/* Sets the classes of units in the chapters before the last. */
static void trace_back(kuni_disclosure_past *p)
{
    size_t n = p->units.n;
    for (size_t j = p->n_chapters; j-- > 1;) {
        const kuni_chapter *h = &p->chapters[j];
        for (size_t u = 0; u < n; u++) {
            uint32_t c = p->class_of[j * n + u];
            p->class_of[(j - 1) * n + u] = c == NONE || !h->parent[c] ? NONE : h->parent[c] - 1;
        }
    }
}

static kuni_status gather_told(kuni_disclosure_past *p, kuni_error *err)
{
    size_t n = p->units.n, n_told = 0;
    for (size_t j = 0; j < p->n_chapters; j++)
        if (is_theirs(p, &p->chapters[j])) n_told += p->chapters[j].n_cells;
    p->units.told = kuni_alloc(n_told + 1, sizeof(*p->units.told), err);
    if (!p->units.told) return KUNI_MEMORY;
    for (size_t j = 0; j < p->n_chapters; j++) {
        const kuni_chapter *h = &p->chapters[j];
        for (size_t c = 0; c < h->n_cells && is_theirs(p, h); c++) {
            uint8_t *units = kuni_alloc(n + 1, 1, err);
            if (!units) return KUNI_MEMORY;
            for (size_t u = 0; u < n; u++) {
                uint32_t class_ = p->class_of[j * n + u];
                units[u] = class_ != NONE && h->cells[c * h->n_classes + class_];
            }
            p->units.told[p->units.n_told++] = (kuni_disclosure_told){j, c, units};
        }
    }
    return KUNI_OK;
}

kuni_status kuni_disclosure_past_units(kuni_disclosure_past *p, const uint32_t *labels,
                                       const uint32_t *people, size_t n_strata,
                                       const kuni_disclosure_units **units, kuni_error *err)
{
    const kuni_chapter *last = last_chapter(p);
    size_t n_classes = last ? last->n_classes : 0;
    clear_units(p);
    uint32_t *left = kuni_alloc(n_classes + 1, sizeof(*left), err);
    uint64_t *all = kuni_alloc(n_classes + 1, sizeof(*all), err);
    uint64_t *some = kuni_alloc(n_classes + 1, sizeof(*some), err);
    kuni_status status =
        left && all && some ? alloc_units(p, n_strata + n_classes, err) : KUNI_MEMORY;
    if (!status) {
        count_left(p, left, all, some);
        uint32_t *class_of = kuni_alloc(n_strata + n_classes + 1, sizeof(*class_of), err);
        if (!class_of) status = KUNI_MEMORY;
        for (size_t s = 0; s < n_strata && !status; s++) {
            const kind k = labels ? p->kinds[labels[s]] : (kind){.class_ = NONE};
            class_of[s] = k.class_;
            p->units.people[s] = people[s];
            p->units.known[s] = k.known;
        }
        p->units.n = p->units.n_strata = n_strata;
        for (uint32_t c = 0; c < n_classes && !status; c++) {
            if (!left[c]) continue;
            size_t u = p->units.n++;
            class_of[u] = c;
            p->units.people[u] = left[c];
            p->units.known[u] = all[c];
            p->units.partly[u] = some[c] & ~all[c];
        }
        if (!status && p->n_chapters)
            memcpy(p->class_of + (p->n_chapters - 1) * p->units.n, class_of,
                   p->units.n * sizeof(*class_of));
        free(class_of);
    }
    if (!status) trace_back(p);
    if (!status) status = gather_told(p, err);
    p->units.n_audiences = audiences(p);
    free(left);
    free(all);
    free(some);
    *units = &p->units;
    return status;
}

/* --- an allele --- */

static void take(kuni_disclosure_counts *from, const kuni_disclosure_counts *c)
{
    from->het = from->het > c->het ? from->het - c->het : 0;
    from->hom = from->hom > c->hom ? from->hom - c->hom : 0;
    from->hemi = from->hemi > c->hemi ? from->hemi - c->hemi : 0;
    from->none = from->none > c->none ? from->none - c->none : 0;
}

void kuni_disclosure_past_find(kuni_disclosure_past *p, uint64_t allele,
                               kuni_disclosure_counts *good, kuni_disclosure_counts *low)
{
    const kuni_disclosure_counts none = {0};
    const kuni_chapter *h = NULL;
    const uint32_t *class_of = NULL;
    size_t n = p->units.n, n_strata = p->units.n_strata;
    for (size_t j = 0; j < p->n_chapters; j++) {
        p->records[j] = kuni_chapter_find(&p->chapters[j], allele);
        if (!p->records[j]) continue;
        h = &p->chapters[j]; /* the last one counts */
        class_of = p->class_of + j * n;
    }
    for (size_t u = n_strata; u < n; u++) good[u] = low[u] = none;
    if (!h) return;
    kuni_chapter_counts(h, p->records[h - p->chapters], p->good, p->low);
    for (size_t s = 0; s < n_strata; s++) {
        if (class_of[s] == NONE) continue;
        take(&p->good[class_of[s]], &good[s]);
        take(&p->low[class_of[s]], &low[s]);
    }
    /* What is left of a class may be several units by now; nothing that was told tells them apart. */
    for (size_t u = n_strata; u < n; u++) {
        uint32_t c = class_of[u];
        if (c == NONE) continue;
        good[u] = p->good[c];
        low[u] = p->low[c];
        p->good[c] = p->low[c] = none;
    }
}

uint8_t kuni_disclosure_past_told(const kuni_disclosure_past *p, size_t told)
{
    const kuni_disclosure_told *t = &p->units.told[told];
    return p->records[t->chapter] ? p->records[t->chapter][t->cell] : 0;
}

/* --- the next chapter --- */

kuni_status kuni_disclosure_past_note(const kuni_disclosure_past *p, uint64_t allele,
                                      const uint8_t *told, size_t n_cells,
                                      const kuni_disclosure_counts *good,
                                      const kuni_disclosure_counts *low, kuni_buffer *journal,
                                      kuni_error *err)
{
    return kuni_chapter_note(allele, told, n_cells, good, low, p->units.n, journal, err);
}

typedef struct numbered {
    uint64_t number;
    uint32_t class_;
} numbered;

static int by_number(const void *a, const void *b)
{
    const numbered *x = a, *y = b;
    return (x->number > y->number) - (x->number < y->number);
}

/* All who were ever counted, with their units. */
static numbered *list_people(const kuni_disclosure_past *p, const kuni_disclosure_chapter *what,
                             size_t *n, kuni_error *err)
{
    const kuni_chapter *last = last_chapter(p);
    numbered *list = kuni_alloc(what->n + (last ? last->n_people : 0) + 1, sizeof(*list), err);
    uint32_t *unit_of = kuni_alloc(last ? last->n_classes + 1 : 1, sizeof(*unit_of), err);
    *n = 0;
    if (list && unit_of) {
        for (size_t i = 0; i < what->n; i++)
            if (what->strata[i] != KUNI_DISCLOSURE_NOT_COUNTED)
                list[(*n)++] = (numbered){what->numbers[i], what->strata[i]};
        for (size_t u = p->units.n_strata; u < p->units.n; u++)
            unit_of[p->class_of[(p->n_chapters - 1) * p->units.n + u]] = (uint32_t)u;
        for (size_t i = 0; last && i < last->n_people; i++)
            if (!p->is_counted || !p->is_counted[i])
                list[(*n)++] = (numbered){last->people[i], unit_of[last->class_of[i]]};
        if (*n > 1) qsort(list, *n, sizeof(*list), by_number);
    } else {
        free(list);
        list = NULL;
    }
    free(unit_of);
    return list;
}

static int by_value(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

kuni_status kuni_disclosure_past_write(const kuni_disclosure_past *p,
                                       const kuni_disclosure_chapter *what, const char *path,
                                       kuni_error *err)
{
    size_t n = 0, n_units = p->units.n;
    numbered *list = list_people(p, what, &n, err);
    kuni_chapter h = {.everybody = p->audience.everybody,
                      .genotypes = what->genotypes,
                      .threshold = p->audience.threshold,
                      .n_classes = n_units,
                      .n_people = n,
                      .n_known = what->genotypes ? what->n : 0,
                      .n_cells = what->n_cells,
                      .recipient = kuni_strdup(p->audience.recipient, err),
                      .parent = kuni_alloc(n_units + 1, sizeof(*h.parent), err),
                      .people = kuni_alloc(n + 1, sizeof(*h.people), err),
                      .class_of = kuni_alloc(n + 1, sizeof(*h.class_of), err),
                      .known = kuni_alloc(what->n + 1, sizeof(*h.known), err),
                      .cells = kuni_alloc(what->n_cells + 1, n_units + 1, err)};
    kuni_status status =
        list && h.recipient && h.parent && h.people && h.class_of && h.known && h.cells
            ? KUNI_OK
            : KUNI_MEMORY;
    for (size_t u = 0; u < n_units && p->n_chapters && !status; u++) {
        uint32_t c = p->class_of[(p->n_chapters - 1) * n_units + u];
        h.parent[u] = c == NONE ? 0 : c + 1;
    }
    for (size_t i = 0; i < n && !status; i++) {
        h.people[i] = list[i].number;
        h.class_of[i] = list[i].class_;
    }
    for (size_t i = 0; i < h.n_known && !status; i++) h.known[i] = what->numbers[i];
    if (!status && h.n_known > 1) qsort(h.known, h.n_known, sizeof(*h.known), by_value);
    if (!status && what->n_cells) memcpy(h.cells, what->cells, what->n_cells * n_units);
    if (!status) status = kuni_chapter_write(&h, what->journal, path, err);
    kuni_chapter_close(&h);
    free(list);
    return status;
}
