/* SPDX-License-Identifier: MIT */
#include "merge.h"

#include <stdlib.h>
#include <string.h>

#include "freq.h"
#include "kuni/file.h"
#include "merge_heads.h"
#include "packed.h"

enum { CONTIG, POS, REF, ALT, VRS_ID, FILTER, GROUP, SEX, FIRST_COUNT };
enum { AC, AN, HOM, HEMI, CARRIERS, COUNTS }; /* of a quality */
enum { ADJ, RAW, QUALITIES };

/* A row's numbers. */
typedef struct cell {
    const char *group, *sex;
    kuni_told counts[QUALITIES][COUNTS];
    int64_t datasets;
} cell;

typedef struct allele {
    const char *ref, *alt, *vrs_id, *filter;
    cell *cells;
    size_t n, capacity;
} allele;

/* The alleles of a place. */
typedef struct place {
    int contig; /* by order; -1: none */
    int64_t pos;
    allele *alleles;
    size_t n, capacity;
    kuni_arena *arena; /* texts */
} place;

typedef struct source {
    kuni_table_reader reader;
    place place; /* the next one */
    char **row;  /* the first behind it: copies; row[0] NULL: there is none */
    cell *known; /* which cells its alleles have */
    size_t n_known, known_capacity;
    bool ended;
} source;

typedef struct merging {
    source *sources;
    size_t n;
    char **contigs; /* in their order */
    size_t n_contigs;
    char *contig_text;
    kuni_packed *out;
    kuni_buffer text;
    place sum;
    kuni_error *err;
} merging;

/* --- reading --- */

static int find_contig(const merging *m, const char *name)
{
    for (size_t i = 0; i < m->n_contigs; i++)
        if (strcmp(m->contigs[i], name) == 0) return (int)i;
    return -1;
}

static const char *keep(const merging *m, kuni_arena *arena, const char *text)
{
    return kuni_arena_strndup(arena, text, strlen(text), m->err);
}

static allele *find_allele(place *p, const char *ref, const char *alt)
{
    for (size_t i = 0; i < p->n; i++)
        if (strcmp(p->alleles[i].ref, ref) == 0 && strcmp(p->alleles[i].alt, alt) == 0)
            return &p->alleles[i];
    return NULL;
}

static kuni_status get_allele(const merging *m, place *p, const char *ref, const char *alt,
                              const char *vrs_id, const char *filter, allele **found)
{
    if ((*found = find_allele(p, ref, alt))) return KUNI_OK;
    size_t before = p->capacity;
    kuni_status status =
        kuni_grow((void **)&p->alleles, &p->capacity, p->n + 1, sizeof(*p->alleles), m->err);
    if (status) return status;
    if (p->capacity > before)
        memset(p->alleles + before, 0, (p->capacity - before) * sizeof(*p->alleles));
    allele *a = *found = &p->alleles[p->n];
    a->n = 0;
    a->ref = keep(m, p->arena, ref);
    a->alt = keep(m, p->arena, alt);
    a->vrs_id = keep(m, p->arena, vrs_id);
    a->filter = keep(m, p->arena, filter);
    if (!a->ref || !a->alt || !a->vrs_id || !a->filter) return KUNI_MEMORY;
    p->n++;
    return KUNI_OK;
}

static cell *find_cell(cell *cells, size_t n, const char *group, const char *sex)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(cells[i].group, group) == 0 && strcmp(cells[i].sex, sex) == 0) return &cells[i];
    return NULL;
}

static kuni_status add_cell(const merging *m, kuni_arena *arena, cell **cells, size_t *n,
                            size_t *capacity, const char *group, const char *sex, cell **made)
{
    kuni_status status = kuni_grow((void **)cells, capacity, *n + 1, sizeof(**cells), m->err);
    if (status) return status;
    *made = &(*cells)[*n];
    **made = (cell){.group = keep(m, arena, group), .sex = keep(m, arena, sex)};
    if (!(*made)->group || !(*made)->sex) return KUNI_MEMORY;
    ++*n;
    return KUNI_OK;
}

/* Numbers of a row: AC, AN, AF, hom, hemi, carriers of either quality, and datasets. */
static bool parse_counts(cell *c, char *const *fields)
{
    static const int columns[COUNTS] = {0, 1, 3, 4, 5};
    for (int q = 0; q < QUALITIES; q++)
        for (int i = 0; i < COUNTS; i++)
            if (!kuni_told_parse(&c->counts[q][i], fields[FIRST_COUNT + 6 * q + columns[i]]))
                return false;
    return kuni_text_int(fields[FIRST_COUNT + 12], 1, 1000000, &c->datasets);
}

static kuni_status take_row(merging *m, source *s, char *const *fields)
{
    allele *a;
    cell *c;
    kuni_status status =
        get_allele(m, &s->place, fields[REF], fields[ALT], fields[VRS_ID], fields[FILTER], &a);
    if (!status)
        status = add_cell(m, s->place.arena, &a->cells, &a->n, &a->capacity, fields[GROUP],
                          fields[SEX], &c);
    if (!status && !parse_counts(c, fields))
        status = kuni_table_reader_wrong(&s->reader, "a count is no number", m->err);
    if (!status && !find_cell(s->known, s->n_known, fields[GROUP], fields[SEX]))
        status = add_cell(m, s->reader.arena, &s->known, &s->n_known, &s->known_capacity,
                          fields[GROUP], fields[SEX], &c);
    return status;
}

static kuni_status place_of(merging *m, const source *s, char *const *fields, int *contig,
                            int64_t *pos)
{
    *contig = find_contig(m, fields[CONTIG]);
    if (*contig < 0 || !kuni_text_int(fields[POS], 1, INT64_MAX, pos))
        return kuni_table_reader_wrong(&s->reader, "no contig of the reference, or no position",
                                       m->err);
    return KUNI_OK;
}

static void forget_row(source *s)
{
    for (size_t i = 0; s->row[0] && i < s->reader.n_columns; i++) free(s->row[i]);
    s->row[0] = NULL;
}

static kuni_status keep_row(merging *m, source *s, char *const *fields)
{
    for (size_t i = 0; i < s->reader.n_columns; i++)
        if (!(s->row[i] = kuni_strdup(fields[i], m->err))) return KUNI_MEMORY;
    return KUNI_OK;
}

/* Goes on to the next place; place.contig -1: there is none. */
static kuni_status go_on(merging *m, source *s)
{
    char *fields[KUNI_LINE_FIELDS_MAX];
    int contig = -1;
    int64_t pos = 0, was = s->place.pos;
    int before = s->place.contig;
    bool got = false;
    kuni_status status = KUNI_OK;
    s->place.n = 0;
    s->place.contig = -1;
    kuni_arena_clear(s->place.arena);
    if (s->row[0]) {
        status = place_of(m, s, s->row, &s->place.contig, &s->place.pos);
        if (!status) status = take_row(m, s, s->row);
        forget_row(s);
    }
    while (!status && !s->ended) {
        status = kuni_table_reader_next(&s->reader, fields, &got, m->err);
        if (status || !got) break;
        status = place_of(m, s, fields, &contig, &pos);
        if (status) break;
        if (s->place.contig < 0) {
            s->place.contig = contig;
            s->place.pos = pos;
        }
        if (contig != s->place.contig || pos != s->place.pos) {
            status = keep_row(m, s, fields);
            break;
        }
        status = take_row(m, s, fields);
    }
    if (!status && !got) s->ended = true;
    bool back = s->place.contig >= 0 &&
                (s->place.contig < before || (s->place.contig == before && s->place.pos <= was));
    return !status && back ? kuni_table_reader_wrong(&s->reader, "rows are out of order", m->err)
                           : status;
}

/* --- adding up --- */

static void add_told(kuni_told *sum, const kuni_told *one)
{
    sum->count += one->count;
    sum->hidden |= one->hidden;
}

/* A filter more: "a|b" where datasets differ. */
static kuni_status add_filter(const merging *m, allele *sum, const char *filter)
{
    size_t n = strlen(filter);
    for (const char *at = sum->filter; at; at = strchr(at, '|')) {
        at += *at == '|';
        if (strncmp(at, filter, n) == 0 && (!at[n] || at[n] == '|')) return KUNI_OK;
    }
    kuni_buffer both = KUNI_BUFFER_INIT;
    kuni_status status = kuni_buffer_printf(&both, m->err, "%s|%s", sum->filter, filter);
    if (!status && !(sum->filter = keep(m, m->sum.arena, both.data))) status = KUNI_MEMORY;
    kuni_buffer_fini(&both);
    return status;
}

static kuni_status get_sum(const merging *m, allele *sum, const char *group, const char *sex,
                           cell **found)
{
    *found = find_cell(sum->cells, sum->n, group, sex);
    return *found
               ? KUNI_OK
               : add_cell(m, m->sum.arena, &sum->cells, &sum->n, &sum->capacity, group, sex, found);
}

static kuni_status add_present(const merging *m, allele *sum, const allele *one)
{
    kuni_status status = add_filter(m, sum, one->filter);
    for (size_t i = 0; i < one->n && !status; i++) {
        cell *c;
        status = get_sum(m, sum, one->cells[i].group, one->cells[i].sex, &c);
        for (int q = 0; q < QUALITIES && !status; q++)
            for (int k = 0; k < COUNTS; k++)
                add_told(&c->counts[q][k], &one->cells[i].counts[q][k]);
        if (!status) c->datasets += one->cells[i].datasets;
    }
    return status;
}

/* A dataset without rows of the allele; `here` NULL: and of the place. */
static kuni_status add_absent(const merging *m, allele *sum, const source *s, const allele *here)
{
    bool tells = s->reader.threshold == 1;
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < s->n_known && !status; i++) {
        cell *c;
        const char *group = s->known[i].group, *sex = s->known[i].sex;
        const cell *other = here ? find_cell(here->cells, here->n, group, sex) : NULL;
        status = get_sum(m, sum, group, sex, &c);
        for (int q = 0; q < QUALITIES && !status; q++) {
            for (int k = 0; k < COUNTS; k++)
                if (k != AN) c->counts[q][k].hidden |= !tells;
            if (other) c->counts[q][AN].count += other->counts[q][AN].count;
        }
        if (!status && other) c->datasets += other->datasets;
    }
    return status;
}

static int sex_order(const char *sex)
{
    return strcmp(sex, "female") == 0 ? 0 : strcmp(sex, "male") == 0 ? 1 : 2;
}

/* all; groups; sexes; groups and sexes. */
static int by_level(const void *left, const void *right)
{
    const cell *a = left, *b = right;
    int groups[2] = {strcmp(a->group, "all") != 0, strcmp(b->group, "all") != 0};
    int sexes[2] = {strcmp(a->sex, "all") != 0, strcmp(b->sex, "all") != 0};
    int levels[2] = {groups[0] + 2 * sexes[0], groups[1] + 2 * sexes[1]};
    if (levels[0] != levels[1]) return levels[0] - levels[1];
    int order = strcmp(a->group, b->group);
    return order ? order : sex_order(a->sex) - sex_order(b->sex);
}

static int by_letters(const void *left, const void *right)
{
    const allele *a = left, *b = right;
    int order = strcmp(a->ref, b->ref);
    return order ? order : strcmp(a->alt, b->alt);
}

static kuni_status put_quality(merging *m, const kuni_told counts[COUNTS])
{
    kuni_status status = kuni_told_put(&counts[AC], &m->text, m->err);
    if (!status) status = kuni_told_put(&counts[AN], &m->text, m->err);
    if (!status)
        status = kuni_freq_put_share(&m->text, counts[AC].count, counts[AN].count,
                                     !counts[AC].hidden, m->err);
    for (int k = HOM; k < COUNTS && !status; k++)
        status = kuni_told_put(&counts[k], &m->text, m->err);
    return status;
}

/* A dataset that hides and has no row at all: nothing is known of its groups. */
static bool is_blind(const merging *m)
{
    for (size_t i = 0; i < m->n; i++)
        if (!m->sources[i].n_known && m->sources[i].reader.threshold > 1) return true;
    return false;
}

static void hide(cell *c)
{
    for (int q = 0; q < QUALITIES; q++)
        for (int k = 0; k < COUNTS; k++) c->counts[q][k].hidden |= k != AN;
}

static kuni_status put_allele(merging *m, allele *a)
{
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < a->n && is_blind(m); i++) hide(&a->cells[i]);
    qsort(a->cells, a->n, sizeof(*a->cells), by_level);
    for (size_t i = 0; i < a->n && !status; i++) {
        const cell *c = &a->cells[i];
        status = kuni_buffer_printf(&m->text, m->err, "%s\t%lld\t%s\t%s\t%s\t%s\t%s\t%s",
                                    m->contigs[m->sum.contig], (long long)m->sum.pos, a->ref,
                                    a->alt, a->vrs_id, a->filter, c->group, c->sex);
        if (!status) status = put_quality(m, c->counts[ADJ]);
        if (!status) status = put_quality(m, c->counts[RAW]);
        if (!status)
            status = kuni_buffer_printf(&m->text, m->err, "\t%lld\n", (long long)c->datasets);
    }
    return status ? status : kuni_packed_write(m->out, &m->text, m->err);
}

static bool is_at(const source *s, const place *p)
{
    return s->place.contig == p->contig && s->place.pos == p->pos;
}

/* The first place that a source has. */
static bool choose_place(merging *m)
{
    m->sum.contig = -1;
    for (size_t i = 0; i < m->n; i++) {
        const place *p = &m->sources[i].place;
        if (p->contig < 0) continue;
        if (m->sum.contig >= 0 &&
            (p->contig > m->sum.contig || (p->contig == m->sum.contig && p->pos >= m->sum.pos)))
            continue;
        m->sum.contig = p->contig;
        m->sum.pos = p->pos;
    }
    return m->sum.contig >= 0;
}

static kuni_status add_place(merging *m)
{
    kuni_status status = KUNI_OK;
    m->sum.n = 0;
    kuni_arena_clear(m->sum.arena);
    for (size_t i = 0; i < m->n && !status; i++) /* which alleles there are */
        for (size_t k = 0; is_at(&m->sources[i], &m->sum) && k < m->sources[i].place.n && !status;
             k++) {
            allele *made;
            const allele *a = &m->sources[i].place.alleles[k];
            status = get_allele(m, &m->sum, a->ref, a->alt, a->vrs_id, a->filter, &made);
        }
    if (!status) qsort(m->sum.alleles, m->sum.n, sizeof(*m->sum.alleles), by_letters);
    for (size_t k = 0; k < m->sum.n && !status; k++) {
        allele *sum = &m->sum.alleles[k];
        for (size_t i = 0; i < m->n && !status; i++) {
            source *s = &m->sources[i];
            const allele *one =
                is_at(s, &m->sum) ? find_allele(&s->place, sum->ref, sum->alt) : NULL;
            status = one ? add_present(m, sum, one)
                         : add_absent(m, sum, s, is_at(s, &m->sum) ? s->place.alleles : NULL);
        }
        if (!status) status = put_allele(m, sum);
    }
    for (size_t i = 0; i < m->n && !status; i++)
        if (is_at(&m->sources[i], &m->sum)) status = go_on(m, &m->sources[i]);
    return status;
}

/* --- the whole --- */

static kuni_status split_contigs(merging *m, const char *list)
{
    size_t n = 1;
    m->contig_text = kuni_strdup(list, m->err);
    for (const char *at = list; *at; at++) n += *at == ',';
    m->contigs = kuni_alloc(n, sizeof(*m->contigs), m->err);
    if (!m->contig_text || !m->contigs) return KUNI_MEMORY;
    char *save = NULL;
    for (char *at = strtok_r(m->contig_text, ",", &save); at; at = strtok_r(NULL, ",", &save))
        m->contigs[m->n_contigs++] = at;
    return KUNI_OK;
}

static kuni_status open_source(merging *m, source *s, const char *folder)
{
    kuni_status status = kuni_table_reader_open(&s->reader, folder, &kuni_table_freq, m->err);
    s->place = (place){.contig = -1, .arena = status ? NULL : kuni_arena_new(m->err)};
    s->row = status ? NULL : kuni_alloc(s->reader.n_columns + 1, sizeof(*s->row), m->err);
    if (!status && (!s->place.arena || !s->row)) status = KUNI_MEMORY;
    if (!status && !s->reader.contigs)
        status = kuni_table_reader_wrong(&s->reader, "the head names no contigs", m->err);
    return status;
}

static void close_place(place *p)
{
    for (size_t i = 0; i < p->capacity; i++) free(p->alleles[i].cells);
    free(p->alleles);
    kuni_arena_free(p->arena);
}

static void close_all(merging *m)
{
    for (size_t i = 0; m->sources && i < m->n; i++) {
        source *s = &m->sources[i];
        if (s->row) forget_row(s);
        free((void *)s->row);
        free(s->known);
        close_place(&s->place);
        kuni_table_reader_close(&s->reader);
    }
    free(m->sources);
    close_place(&m->sum);
    free((void *)m->contigs);
    free(m->contig_text);
    kuni_packed_abandon(m->out);
    kuni_buffer_fini(&m->text);
}

static kuni_status begin(merging *m, const char *const *folders, const char *path)
{
    kuni_merge_heads heads = {.n = 0};
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < m->n && !status; i++) {
        status = open_source(m, &m->sources[i], folders[i]);
        if (!status) status = kuni_merge_heads_add(&heads, &m->sources[i].reader, m->err);
    }
    if (!status) status = split_contigs(m, m->sources[0].reader.contigs);
    for (size_t i = 0; i < m->n && !status; i++) status = go_on(m, &m->sources[i]);
    if (!status) status = kuni_packed_open(&m->out, path, m->err);
    if (!status) status = kuni_merge_heads_put(&heads, &m->text, m->err);
    if (!status)
        status =
            kuni_buffer_printf(&m->text, m->err, "##contigs=%s\n", m->sources[0].reader.contigs);
    if (!status) status = kuni_table_head(&kuni_table_freq, &m->text, m->err);
    return status ? status : kuni_packed_write(m->out, &m->text, m->err);
}

kuni_status kuni_merge_freq(const char *const *folders, size_t n, const char *out, kuni_error *err)
{
    merging m = {.n = n, .err = err, .sum = {.contig = -1}};
    char *path = kuni_path_join(out, kuni_table_freq.file, err);
    m.sources = kuni_alloc(n + 1, sizeof(*m.sources), err);
    m.sum.arena = kuni_arena_new(err);
    kuni_status status = path && m.sources && m.sum.arena ? begin(&m, folders, path) : KUNI_MEMORY;
    while (!status && choose_place(&m)) status = add_place(&m);
    if (!status) {
        status = kuni_packed_close(m.out, err);
        m.out = NULL;
    }
    if (!status) status = kuni_packed_index(path, err);
    close_all(&m);
    free(path);
    return status;
}
