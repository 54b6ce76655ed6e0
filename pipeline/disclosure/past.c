/* SPDX-License-Identifier: MIT */
#include "past.h"

#include <stdlib.h>
#include <string.h>

#include "chapter.h"

enum { NONE = UINT32_MAX };

enum { KNOWN = 2 /* of kuni_atoms_people.known: who gets the release is audience 1 */ };

struct kuni_disclosure_past {
    kuni_disclosure_audience audience;
    kuni_chapter *chapters;
    size_t n_chapters, capacity;
    /*
     * Of the people of now, by label: their class of the last chapter (or NONE), and a byte a view: whether it has
     * their genotypes.
     */
    uint32_t *kinds;
    uint8_t *kinds_known;
    size_t n_kinds, kinds_capacity, known_capacity;
    uint8_t *is_counted; /* by person of the last chapter */
    /* of units */
    kuni_disclosure_units units;
    uint32_t *class_of;                 /* n_chapters x units: class, or NONE */
    kuni_disclosure_counts *good, *low; /* as read from a chapter */
    uint32_t *holder;                   /* by its classes: the unit that got the counts */
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
    for (size_t v = 0; v < p->units.n_views; v++) {
        free(p->units.views[v].known);
        free(p->units.views[v].partly);
    }
    free(p->units.views);
    free(p->units.told);
    free(p->units.people);
    free(p->class_of);
    free(p->good);
    free(p->low);
    free(p->holder);
    free((void *)p->records);
    p->units = (kuni_disclosure_units){.n = 0};
    p->class_of = NULL;
    p->good = p->low = NULL;
    p->holder = NULL;
    p->records = NULL;
}

void kuni_disclosure_past_free(kuni_disclosure_past *p)
{
    if (!p) return;
    clear_units(p);
    for (size_t i = 0; i < p->n_chapters; i++) kuni_chapter_close(&p->chapters[i]);
    free(p->chapters);
    free(p->kinds);
    free(p->kinds_known);
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

/* Whether a view has what that chapter tells. */
static bool is_theirs(const kuni_disclosure_view *view, const kuni_chapter *h)
{
    return h->everybody || (view->recipient && strcmp(h->recipient, view->recipient) == 0);
}

static bool is_any_view(const kuni_disclosure_past *p, const kuni_chapter *h)
{
    for (size_t v = 0; v < p->units.n_views; v++)
        if (is_theirs(&p->units.views[v], h)) return true;
    return false;
}

/* Who gets this release: its recipient; of a public one whoever was given something, and who was not. */
static kuni_status find_views(kuni_disclosure_past *p, kuni_error *err)
{
    if (p->units.n_views) return KUNI_OK;
    p->units.views = kuni_alloc(p->n_chapters + 1, sizeof(*p->units.views), err);
    if (!p->units.views) return KUNI_MEMORY;
    p->units.views[p->units.n_views++].recipient =
        p->audience.everybody ? NULL : p->audience.recipient;
    for (size_t i = 0; p->audience.everybody && i < p->n_chapters; i++) {
        const kuni_chapter *h = &p->chapters[i];
        bool known = h->everybody;
        for (size_t v = 1; v < p->units.n_views && !known; v++)
            known = strcmp(p->units.views[v].recipient, h->recipient) == 0;
        if (!known) p->units.views[p->units.n_views++].recipient = h->recipient;
    }
    for (size_t v = 0; v < p->units.n_views; v++)
        for (size_t i = 0; i < p->n_chapters; i++)
            p->units.views[v].has_genotypes |=
                p->chapters[i].genotypes && is_theirs(&p->units.views[v], &p->chapters[i]);
    return KUNI_OK;
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

/* Whether a view has somebody's genotypes. */
static bool knows(const kuni_disclosure_past *p, size_t view, uint64_t number)
{
    const kuni_disclosure_view *v = &p->units.views[view];
    for (size_t i = 0; i < p->n_chapters && v->has_genotypes; i++) {
        const kuni_chapter *h = &p->chapters[i];
        if (h->genotypes && is_theirs(v, h) && find_number(h->known, h->n_known, number) >= 0)
            return true;
    }
    return false;
}

/* --- people --- */

/* By class of the last chapter: the same number where no cell that a view has tells apart; 0: nothing told. */
static uint32_t *find_atoms(const kuni_disclosure_past *p, const kuni_disclosure_view *view,
                            uint32_t *n_atoms, kuni_error *err)
{
    const kuni_chapter *last = last_chapter(p);
    size_t n = last ? last->n_classes : 0;
    uint32_t *atom = kuni_alloc(n + 1, sizeof(*atom), err);
    uint32_t *class_ = kuni_alloc(n + 1, sizeof(*class_), err);
    uint32_t *number = kuni_alloc(2 * n + 2, sizeof(*number), err);
    *n_atoms = 1;
    for (size_t i = 0; class_ && i < n; i++) class_[i] = (uint32_t)i;
    for (size_t j = p->chapters ? p->n_chapters : 0; atom && class_ && number && j-- > 0;) {
        const kuni_chapter *h = &p->chapters[j];
        for (size_t c = 0; c < h->n_cells && is_theirs(view, h); c++) {
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

/* Who waits last; so of an atom, or of a kind of newcomers, those who do not come first. */
static int by_atom(const void *a, const void *b)
{
    const person *x = a, *y = b;
    if (x->atom != y->atom) return x->atom < y->atom ? -1 : 1;
    if (!x->atom && x->finest != y->finest) return x->finest < y->finest ? -1 : 1;
    if (x->waits != y->waits) return x->waits ? 1 : -1;
    return (x->number > y->number) - (x->number < y->number);
}

/* `n` people of a kind that is now alike and may be counted; `size`: how many there were. Whether more wait. */
static bool hold_back(person *people, size_t n, size_t size, size_t k)
{
    size_t gone = size - n, out = !gone || gone >= k ? 0 : k - gone;
    if (n < out + k && (gone || n < k)) out = n;
    for (size_t i = 0; i < out; i++) people[i].waits = true;
    return out > 0;
}

/* Holds back so many that what one view can subtract is of nobody or of at least k people. */
static kuni_status choose_for(const kuni_disclosure_past *p, const kuni_disclosure_view *view,
                              person *people, size_t n, bool *more, kuni_error *err)
{
    const kuni_chapter *last = last_chapter(p);
    uint32_t n_atoms = 1;
    uint32_t *atom = find_atoms(p, view, &n_atoms, err);
    size_t *sizes = kuni_alloc((size_t)n_atoms + 1, sizeof(*sizes), err);
    kuni_status status = atom && sizes ? KUNI_OK : KUNI_MEMORY;
    for (size_t i = 0; last && i < last->n_people && !status; i++) sizes[atom[last->class_of[i]]]++;
    for (size_t i = 0; i < n && !status; i++)
        people[i].atom = people[i].class_ == NONE ? 0 : atom[people[i].class_];
    if (!status) qsort(people, n, sizeof(*people), by_atom);
    for (size_t beg = 0, end; beg < n && !status && n_atoms > 1; beg = end) {
        const person *first = &people[beg];
        size_t here = 0;
        for (end = beg; end < n && people[end].atom == first->atom &&
                        (first->atom || people[end].finest == first->finest);
             end++)
            here += !people[end].waits;
        *more |= hold_back(&people[beg], here, first->atom ? sizes[first->atom] : here,
                           (size_t)p->audience.threshold);
    }
    free(atom);
    free(sizes);
    return status;
}

/* Whom one view holds back, another one misses: until all are content. */
static kuni_status choose_counted(const kuni_disclosure_past *p, person *people, size_t n,
                                  kuni_error *err)
{
    kuni_status status = KUNI_OK;
    for (bool more = true; more && !status;) {
        more = false;
        for (size_t v = 0; v < p->units.n_views && !status; v++)
            status = choose_for(p, &p->units.views[v], people, n, &more, err);
        more &= p->units.n_views > 1;
    }
    return status;
}

static kuni_status kind_of(kuni_disclosure_past *p, const person *who, uint32_t *label,
                           kuni_error *err)
{
    size_t n_views = p->units.n_views;
    kuni_status status =
        kuni_grow((void **)&p->kinds, &p->kinds_capacity, p->n_kinds + 1, sizeof(*p->kinds), err);
    if (!status)
        status = kuni_grow((void **)&p->kinds_known, &p->known_capacity, (p->n_kinds + 1) * n_views,
                           1, err);
    if (status) return status;
    uint8_t *known = p->kinds_known + p->n_kinds * n_views;
    for (size_t v = 0; v < n_views; v++) known[v] = knows(p, v, who->number);
    p->kinds[p->n_kinds] = who->class_;
    for (size_t i = 0; i <= p->n_kinds; i++)
        if (p->kinds[i] == who->class_ &&
            memcmp(p->kinds_known + i * n_views, known, n_views) == 0) {
            *label = (uint32_t)i;
            p->n_kinds += i == p->n_kinds;
            break;
        }
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
    kuni_status status = people && p->is_counted ? find_views(p, err) : KUNI_MEMORY;
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

/* What is left of the last chapter's classes, a byte a view and class: whether it has genotypes of all, of some. */
static void count_left(const kuni_disclosure_past *p, uint32_t *left, uint8_t *all, uint8_t *some)
{
    const kuni_chapter *h = last_chapter(p);
    for (size_t i = 0; h && i < h->n_people; i++) {
        if (p->is_counted && p->is_counted[i]) continue;
        uint32_t c = h->class_of[i];
        for (size_t v = 0; v < p->units.n_views; v++) {
            size_t at = v * h->n_classes + c;
            bool known = knows(p, v, h->people[i]);
            all[at] = left[c] ? all[at] && known : known;
            some[at] |= known;
        }
        left[c]++;
    }
}

static kuni_status alloc_units(kuni_disclosure_past *p, size_t n, kuni_error *err)
{
    size_t n_classes = 0;
    for (size_t i = 0; p->chapters && i < p->n_chapters; i++)
        if (p->chapters[i].n_classes > n_classes) n_classes = p->chapters[i].n_classes;
    p->units.people = kuni_alloc(n + 1, sizeof(uint32_t), err);
    bool fine = true;
    for (size_t v = 0; v < p->units.n_views; v++) {
        p->units.views[v].known = kuni_alloc(n + 1, sizeof(uint64_t), err);
        p->units.views[v].partly = kuni_alloc(n + 1, sizeof(uint64_t), err);
        fine &= p->units.views[v].known && p->units.views[v].partly;
    }
    p->class_of = kuni_alloc((p->n_chapters + 1) * (n + 1), sizeof(uint32_t), err);
    p->good = kuni_alloc(n_classes + 1, sizeof(*p->good), err);
    p->low = kuni_alloc(n_classes + 1, sizeof(*p->low), err);
    p->holder = kuni_alloc(n_classes + 1, sizeof(*p->holder), err);
    p->records = kuni_alloc(p->n_chapters + 1, sizeof(*p->records), err);
    fine &= p->units.people && p->class_of && p->good && p->low && p->holder && p->records;
    return fine ? KUNI_OK : KUNI_MEMORY;
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
        if (is_any_view(p, &p->chapters[j])) n_told += p->chapters[j].n_cells;
    p->units.told = kuni_alloc(n_told + 1, sizeof(*p->units.told), err);
    if (!p->units.told) return KUNI_MEMORY;
    for (size_t j = 0; j < p->n_chapters; j++) {
        const kuni_chapter *h = &p->chapters[j];
        for (size_t c = 0; c < h->n_cells && is_any_view(p, h); c++) {
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

/* Sets people, classes in the last chapter (into class_of) and what views know, of each unit. */
static void fill_units(kuni_disclosure_past *p, const uint32_t *labels, const uint32_t *people,
                       const uint32_t *left, const uint8_t *all, const uint8_t *some,
                       uint32_t *class_of)
{
    const kuni_chapter *last = last_chapter(p);
    size_t n_classes = last ? last->n_classes : 0, n_views = p->units.n_views;
    for (size_t s = 0; s < p->units.n_strata; s++) {
        class_of[s] = labels ? p->kinds[labels[s]] : (uint32_t)NONE;
        p->units.people[s] = people[s];
        for (size_t v = 0; v < n_views && labels; v++)
            if (p->kinds_known[labels[s] * n_views + v]) p->units.views[v].known[s] = KNOWN;
    }
    p->units.n = p->units.n_strata;
    for (uint32_t c = 0; c < n_classes; c++) {
        if (!left[c]) continue;
        size_t u = p->units.n++;
        class_of[u] = c;
        p->units.people[u] = left[c];
        for (size_t v = 0; v < n_views; v++) {
            size_t at = v * n_classes + c;
            if (all[at]) p->units.views[v].known[u] = KNOWN;
            if (some[at] && !all[at]) p->units.views[v].partly[u] = KNOWN;
        }
    }
}

kuni_status kuni_disclosure_past_units(kuni_disclosure_past *p, const uint32_t *labels,
                                       const uint32_t *people, size_t n_strata,
                                       const kuni_disclosure_units **units, kuni_error *err)
{
    const kuni_chapter *last = last_chapter(p);
    size_t n_classes = last ? last->n_classes : 0;
    clear_units(p);
    kuni_status status = find_views(p, err);
    if (status) return status;
    size_t room = n_classes * p->units.n_views + 1;
    uint32_t *left = kuni_alloc(n_classes + 1, sizeof(*left), err);
    uint8_t *all = kuni_alloc(room, 1, err);
    uint8_t *some = kuni_alloc(room, 1, err);
    uint32_t *class_of = kuni_alloc(n_strata + n_classes + 1, sizeof(*class_of), err);
    status =
        left && all && some && class_of ? alloc_units(p, n_strata + n_classes, err) : KUNI_MEMORY;
    p->units.n_strata = n_strata;
    if (!status) {
        count_left(p, left, all, some);
        fill_units(p, labels, people, left, all, some, class_of);
        if (p->n_chapters)
            memcpy(p->class_of + (p->n_chapters - 1) * p->units.n, class_of,
                   p->units.n * sizeof(*class_of));
        trace_back(p);
        status = gather_told(p, err);
    }
    free(left);
    free(all);
    free(some);
    free(class_of);
    *units = &p->units;
    return status;
}

bool kuni_disclosure_past_is_theirs(const kuni_disclosure_past *p, size_t view, size_t told)
{
    return is_theirs(&p->units.views[view], &p->chapters[p->units.told[told].chapter]);
}

/* --- an allele --- */

static void take(kuni_disclosure_counts *from, const kuni_disclosure_counts *c)
{
    from->het = from->het > c->het ? from->het - c->het : 0;
    from->hom = from->hom > c->hom ? from->hom - c->hom : 0;
    from->hemi = from->hemi > c->hemi ? from->hemi - c->hemi : 0;
    from->none = from->none > c->none ? from->none - c->none : 0;
}

/* Whether somebody who gets the release knows of one unit what is not known of the other. */
static bool known_apart(const kuni_disclosure_past *p, size_t a, size_t b)
{
    for (size_t v = 0; v < p->units.n_views; v++) {
        const kuni_disclosure_view *view = &p->units.views[v];
        if (view->known[a] != view->known[b] || view->partly[a] || view->partly[b]) return true;
    }
    return false;
}

static bool anybody(const kuni_disclosure_counts *c)
{
    return c->het || c->hom || c->hemi;
}

/*
 * Gives what is left of classes to units. It may be several units by now: nothing that was told tells them apart,
 * so that the first may stand for all; but genotypes may.
 */
static bool hand_out(kuni_disclosure_past *p, const uint32_t *class_of,
                     kuni_disclosure_counts *good, kuni_disclosure_counts *low)
{
    const kuni_disclosure_counts none = {0};
    bool sure = true;
    for (size_t u = p->units.n_strata; u < p->units.n; u++)
        if (class_of[u] != NONE) p->holder[class_of[u]] = NONE;
    for (size_t u = p->units.n_strata; u < p->units.n; u++) {
        uint32_t c = class_of[u];
        if (c == NONE) continue;
        uint32_t first = p->holder[c];
        if (first == NONE) p->holder[c] = (uint32_t)u;
        if (first != NONE && (anybody(&good[first]) || anybody(&low[first])))
            sure &= !known_apart(p, first, u);
        good[u] = p->good[c];
        low[u] = p->low[c];
        p->good[c] = p->low[c] = none;
    }
    return sure;
}

bool kuni_disclosure_past_find(kuni_disclosure_past *p, uint64_t allele,
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
    if (!h) return true;
    kuni_chapter_counts(h, p->records[h - p->chapters], p->good, p->low);
    for (size_t s = 0; s < n_strata; s++) {
        if (class_of[s] == NONE) continue;
        take(&p->good[class_of[s]], &good[s]);
        take(&p->low[class_of[s]], &low[s]);
    }
    return hand_out(p, class_of, good, low);
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
