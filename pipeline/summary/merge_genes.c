/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "kuni/file.h"
#include "merge.h"
#include "merge_heads.h"

enum { NAME, ID, CONTIG, BEG, END, CLASS, PLACE = CLASS };
enum { GROUP = CLASS + 1, SEX, ROLE, PEOPLE, FIRST_COUNT, COUNTS = 5 }; /* of gene_counts.tsv */
enum { STATUS = CLASS + 1, SHARE, WHY, CAPABILITIES = 3 };              /* of the other */

static const char *const capabilities[CAPABILITIES] = {"not", "partly", "assessed"};

/* A row of a feature; of either table. */
typedef struct row {
    const char *key[4]; /* class, group, sex, role */
    size_t class_order; /* the first row of its class */
    int64_t people;
    kuni_told counts[COUNTS];
    int capability;
    double share;
    const char *why;
} row;

typedef struct source {
    kuni_table_reader reader;
    char *next[16]; /* the row behind the feature under way: copies; next[0] NULL: none */
} source;

typedef struct merging {
    const kuni_table_kind *kind;
    source *sources;
    size_t n;
    kuni_arena *arena; /* of the feature under way */
    char *place[PLACE];
    row *rows;
    size_t n_rows, capacity;
    kuni_buffer text;
    kuni_error *err;
} merging;

static bool has_counts(const merging *m)
{
    return m->kind == &kuni_table_genes;
}

static kuni_status take_next(merging *m, source *s)
{
    char *fields[KUNI_LINE_FIELDS_MAX];
    bool got;
    for (size_t i = 0; i < s->reader.n_columns; i++) {
        free(s->next[i]);
        s->next[i] = NULL;
    }
    kuni_status status = kuni_table_reader_next(&s->reader, fields, &got, m->err);
    for (size_t i = 0; i < s->reader.n_columns && got && !status; i++)
        if (!(s->next[i] = kuni_strdup(fields[i], m->err))) status = KUNI_MEMORY;
    return status;
}

static bool same_key(const row *a, char *const *fields, bool counts)
{
    if (strcmp(a->key[0], fields[CLASS]) != 0) return false;
    for (int i = 1; i < 4 && counts; i++)
        if (strcmp(a->key[i], fields[CLASS + i]) != 0) return false;
    return true;
}

static kuni_status get_row(merging *m, char *const *fields, row **found)
{
    bool counts = has_counts(m);
    for (size_t i = 0; i < m->n_rows; i++)
        if (same_key(&m->rows[i], fields, counts)) {
            *found = &m->rows[i];
            return KUNI_OK;
        }
    kuni_status status =
        kuni_grow((void **)&m->rows, &m->capacity, m->n_rows + 1, sizeof(*m->rows), m->err);
    if (status) return status;
    size_t first = 0;
    while (first < m->n_rows && strcmp(m->rows[first].key[0], fields[CLASS]) != 0) first++;
    row *r = *found = &m->rows[m->n_rows++];
    *r = (row){.capability = CAPABILITIES, .class_order = first};
    for (int i = 0; i < (counts ? 4 : 1); i++) {
        r->key[i] =
            kuni_arena_strndup(m->arena, fields[CLASS + i], strlen(fields[CLASS + i]), m->err);
        if (!r->key[i]) return KUNI_MEMORY;
    }
    for (int k = 0; k < COUNTS; k++) r->counts[k].unseen = true; /* until somebody has seen it */
    return KUNI_OK;
}

static bool add_counts(row *r, char *const *fields)
{
    kuni_told told[COUNTS];
    int64_t people;
    if (!kuni_text_int(fields[PEOPLE], 0, INT64_MAX, &people)) return false;
    for (int k = 0; k < COUNTS; k++)
        if (!kuni_told_parse(&told[k], fields[FIRST_COUNT + k])) return false;
    if (told[0].unseen) { /* people are those of whom something is told */
        if (r->counts[0].unseen) r->people += people;
        return true;
    }
    if (r->counts[0].unseen) r->people = 0;
    r->people += people;
    for (int k = 0; k < COUNTS; k++) {
        r->counts[k].count += told[k].count;
        r->counts[k].hidden |= told[k].hidden;
        r->counts[k].unseen = false;
    }
    return true;
}

/* The least of what datasets say. */
static kuni_status add_capability(merging *m, row *r, char *const *fields, bool *fine)
{
    int capability = 0;
    double share;
    while (capability < CAPABILITIES && strcmp(capabilities[capability], fields[STATUS]) != 0)
        capability++;
    *fine = capability < CAPABILITIES && kuni_text_double(fields[SHARE], &share);
    if (!*fine) return KUNI_OK;
    if (r->capability == CAPABILITIES || share < r->share) r->share = share;
    if (capability >= r->capability) return KUNI_OK;
    r->capability = capability;
    r->why = kuni_arena_strndup(m->arena, fields[WHY], strlen(fields[WHY]), m->err);
    return r->why ? KUNI_OK : KUNI_MEMORY;
}

static bool is_here(const merging *m, char *const *fields)
{
    return fields[0] && strcmp(fields[ID], m->place[ID]) == 0 &&
           strcmp(fields[CONTIG], m->place[CONTIG]) == 0;
}

static kuni_status add_feature(merging *m, source *s)
{
    kuni_status status = KUNI_OK;
    if (!is_here(m, s->next))
        return kuni_table_reader_wrong(&s->reader, "other features than in the first table",
                                       m->err);
    while (!status && is_here(m, s->next)) {
        row *r;
        bool fine = true;
        status = get_row(m, s->next, &r);
        if (!status && has_counts(m))
            fine = add_counts(r, s->next);
        else if (!status)
            status = add_capability(m, r, s->next, &fine);
        if (!status && !fine)
            status = kuni_table_reader_wrong(&s->reader, "a value is none of its column", m->err);
        if (!status) status = take_next(m, s);
    }
    return status;
}

/* all; groups; sexes; roles; groups and sexes. */
static int level_of(const row *r)
{
    bool group = strcmp(r->key[1], "all") != 0, sex = strcmp(r->key[2], "all") != 0;
    if (strcmp(r->key[3], "all") != 0) return 3;
    return group && sex ? 4 : group ? 1 : sex ? 2 : 0;
}

static int sex_order(const char *sex)
{
    return strcmp(sex, "female") == 0 ? 0 : strcmp(sex, "male") == 0 ? 1 : 2;
}

static int compare(const row *a, const row *b)
{
    if (a->class_order != b->class_order) return a->class_order < b->class_order ? -1 : 1;
    int levels[2] = {level_of(a), level_of(b)};
    if (levels[0] != levels[1]) return levels[0] - levels[1];
    int order = strcmp(a->key[1], b->key[1]);
    if (!order) order = sex_order(a->key[2]) - sex_order(b->key[2]);
    return order ? order : strcmp(a->key[3], b->key[3]);
}

/* Few rows, most of them in order. */
static void sort_rows(merging *m)
{
    for (size_t i = 1; i < m->n_rows; i++) {
        row r = m->rows[i];
        size_t at = i;
        for (; at && compare(&m->rows[at - 1], &r) > 0; at--) m->rows[at] = m->rows[at - 1];
        m->rows[at] = r;
    }
}

static kuni_status put_row(merging *m, const row *r)
{
    kuni_status status = KUNI_OK;
    for (int i = 0; i < PLACE && !status; i++)
        status = kuni_buffer_printf(&m->text, m->err, "%s%s", i ? "\t" : "", m->place[i]);
    if (!status && has_counts(m))
        status = kuni_buffer_printf(&m->text, m->err, "\t%s\t%s\t%s\t%s\t%lld", r->key[0],
                                    r->key[1], r->key[2], r->key[3], (long long)r->people);
    else if (!status)
        status = kuni_buffer_printf(&m->text, m->err, "\t%s\t%s\t%.3f\t%s", r->key[0],
                                    capabilities[r->capability], r->share, r->why);
    for (int k = 0; k < COUNTS && has_counts(m) && !status; k++)
        status = kuni_told_put(&r->counts[k], &m->text, m->err);
    return status ? status : kuni_buffer_append(&m->text, "\n", 1, m->err);
}

static kuni_status merge_feature(merging *m, kuni_file *file)
{
    kuni_status status = KUNI_OK;
    kuni_arena_clear(m->arena);
    m->n_rows = 0;
    for (int i = 0; i < PLACE && !status; i++) {
        const char *text = m->sources[0].next[i];
        m->place[i] = kuni_arena_strndup(m->arena, text, strlen(text), m->err);
        if (!m->place[i]) status = KUNI_MEMORY;
    }
    for (size_t i = 0; i < m->n && !status; i++) status = add_feature(m, &m->sources[i]);
    if (!status && has_counts(m)) sort_rows(m);
    for (size_t i = 0; i < m->n_rows && !status; i++) status = put_row(m, &m->rows[i]);
    if (!status) status = kuni_file_write(file, m->text.data, m->text.length, m->err);
    kuni_buffer_clear(&m->text);
    return status;
}

static kuni_status begin(merging *m, const char *const *folders, kuni_file *file)
{
    kuni_merge_heads heads = {.n = 0};
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < m->n && !status; i++) {
        source *s = &m->sources[i];
        status = kuni_table_reader_open(&s->reader, folders[i], m->kind, m->err);
        if (!status) status = kuni_merge_heads_add(&heads, &s->reader, m->err);
        if (!status) status = take_next(m, s);
    }
    if (!status) status = kuni_merge_heads_put(&heads, &m->text, m->err);
    if (!status) status = kuni_table_head(m->kind, &m->text, m->err);
    if (!status) status = kuni_file_write(file, m->text.data, m->text.length, m->err);
    kuni_buffer_clear(&m->text);
    return status;
}

static kuni_status merge_table(const kuni_table_kind *kind, const char *const *folders, size_t n,
                               const char *out, kuni_error *err)
{
    merging m = {.kind = kind, .n = n, .err = err};
    kuni_file *file = NULL;
    char *path = kuni_path_join(out, kind->file, err);
    m.sources = kuni_alloc(n + 1, sizeof(*m.sources), err);
    m.arena = kuni_arena_new(err);
    kuni_status status = path && m.sources && m.arena ? KUNI_OK : KUNI_MEMORY;
    if (!status) status = kuni_file_create(&file, path, err);
    if (!status) status = begin(&m, folders, file);
    while (!status && m.sources[0].next[0]) status = merge_feature(&m, file);
    for (size_t i = 1; i < n && !status; i++)
        if (m.sources[i].next[0])
            status = kuni_table_reader_wrong(&m.sources[i].reader,
                                             "more features than in the first table", err);
    if (!status)
        status = kuni_file_commit(file, err);
    else
        kuni_file_discard(file);
    for (size_t i = 0; m.sources && i < n; i++) {
        for (size_t k = 0; k < sizeof(m.sources[i].next) / sizeof(m.sources[i].next[0]); k++)
            free(m.sources[i].next[k]);
        kuni_table_reader_close(&m.sources[i].reader);
    }
    free(m.sources);
    free(m.rows);
    kuni_arena_free(m.arena);
    kuni_buffer_fini(&m.text);
    free(path);
    return status;
}

kuni_status kuni_merge_genes(const char *const *folders, size_t n, const char *out, kuni_error *err)
{
    kuni_status status = merge_table(&kuni_table_genes, folders, n, out, err);
    return status ? status : merge_table(&kuni_table_capability, folders, n, out, err);
}
