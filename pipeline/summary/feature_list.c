/* SPDX-License-Identifier: MIT */
#include "feature_list.h"

#include <stdlib.h>
#include <string.h>

#include "kuni/lines.h"

enum { BED_FIELDS = 4, GFF_FIELDS = 9 };

/* A line. */
typedef struct part {
    kuni_span span;
    const char *id, *name;
    uint32_t feature;
} part;

typedef struct reading {
    kuni_features *f;
    const kuni_genome *genome;
    kuni_lines lines;
    part *parts;
    size_t n, capacity;
    kuni_error *err;
} reading;

static kuni_status wrong(const reading *r, const char *what)
{
    return kuni_fail(r->err, KUNI_DATA, "%s:%lld: %s", r->lines.path, (long long)r->lines.number,
                     what);
}

static bool is_gene(const char *type)
{
    size_t n = strlen(type);
    return strcmp(type, "gene") == 0 || strcmp(type, "pseudogene") == 0 ||
           (n > 5 && strcmp(type + n - 5, "_gene") == 0);
}

/* The value of a GFF3 attribute, in the arena; NULL: there is none. */
static kuni_status attribute(const reading *r, const char *list, const char *key,
                             const char **value)
{
    size_t n = strlen(key);
    *value = NULL;
    for (const char *at = list; at; at = strchr(at, ';')) {
        at += *at == ';';
        if (strncmp(at, key, n) != 0 || at[n] != '=') continue;
        size_t length = strcspn(at + n + 1, ";");
        if (!length) return KUNI_OK;
        *value = kuni_arena_strndup(r->f->arena, at + n + 1, length, r->err);
        return *value ? KUNI_OK : KUNI_MEMORY;
    }
    return KUNI_OK;
}

static kuni_status add(reading *r, const char *contig, int64_t beg, int64_t end, const char *id,
                       const char *name)
{
    int32_t tid = kuni_genome_find(r->genome, contig);
    if (tid < 0) {
        r->f->n_foreign++;
        return KUNI_OK;
    }
    if (end > kuni_genome_contig(r->genome, tid)->length_bp)
        return wrong(r, "the feature ends past its contig: it is of another reference");
    kuni_status status =
        kuni_grow((void **)&r->parts, &r->capacity, r->n + 1, sizeof(*r->parts), r->err);
    if (!status) r->parts[r->n++] = (part){{tid, beg, end}, id, name, 0};
    return status;
}

static kuni_status read_bed(reading *r, char **fields)
{
    int64_t beg, end;
    if (!kuni_text_int(fields[1], 0, INT64_MAX, &beg) ||
        !kuni_text_int(fields[2], beg + 1, INT64_MAX, &end))
        return wrong(r, "expected contig, begin (from 0), end and name (BED)");
    if (!*fields[3] || strcmp(fields[3], ".") == 0)
        return wrong(r, "the fourth column names the feature: it has no name");
    const char *name = kuni_arena_strndup(r->f->arena, fields[3], strlen(fields[3]), r->err);
    return name ? add(r, fields[0], beg, end, name, name) : KUNI_MEMORY;
}

static kuni_status read_gff(reading *r, char **fields)
{
    int64_t beg, end;
    const char *id, *name;
    if (!is_gene(fields[2])) return KUNI_OK;
    if (!kuni_text_int(fields[3], 1, INT64_MAX, &beg) ||
        !kuni_text_int(fields[4], beg, INT64_MAX, &end))
        return wrong(r, "expected begin (from 1) and end in the fourth and fifth column (GFF3)");
    kuni_status status = attribute(r, fields[8], "ID", &id);
    if (!status) status = attribute(r, fields[8], "Name", &name);
    if (!status && !id) id = name;
    if (!status && !id) status = wrong(r, "a gene without ID and without Name");
    return status ? status : add(r, fields[0], beg - 1, end, id, name ? name : id);
}

static bool is_comment(const char *line)
{
    return !*line || *line == '#' || strncmp(line, "track", 5) == 0 ||
           strncmp(line, "browser", 7) == 0;
}

static kuni_status read_lines(reading *r)
{
    char *line, *fields[KUNI_LINE_FIELDS_MAX];
    kuni_status status = kuni_lines_next(&r->lines, &line, r->err);
    for (; !status && line; status = status ? status : kuni_lines_next(&r->lines, &line, r->err)) {
        int64_t number;
        if (strncmp(line, "##FASTA", 7) == 0) break;
        if (is_comment(line)) continue;
        size_t n = kuni_line_split(line, '\t', fields);
        bool bed = n >= BED_FIELDS && kuni_text_int(fields[1], 0, INT64_MAX, &number);
        if (!bed && n < GFF_FIELDS)
            status = wrong(r, "expected BED with four columns or more, or GFF3");
        else
            status = bed ? read_bed(r, fields) : read_gff(r, fields);
    }
    return status;
}

/* --- features of lines --- */

static int by_feature(const void *left, const void *right)
{
    const part *a = left, *b = right;
    if (a->span.tid != b->span.tid) return a->span.tid < b->span.tid ? -1 : 1;
    int order = strcmp(a->id, b->id);
    if (order) return order;
    if (a->span.beg != b->span.beg) return a->span.beg < b->span.beg ? -1 : 1;
    return a->span.end < b->span.end ? -1 : a->span.end > b->span.end;
}

static int by_place(const void *left, const void *right)
{
    const kuni_feature *a = left, *b = right;
    if (a->tid != b->tid) return a->tid < b->tid ? -1 : 1;
    if (a->beg != b->beg) return a->beg < b->beg ? -1 : 1;
    if (a->end != b->end) return a->end < b->end ? -1 : 1;
    return strcmp(a->id, b->id);
}

static int by_begin(const void *left, const void *right)
{
    const kuni_feature_span *a = left, *b = right;
    if (a->span.tid != b->span.tid) return a->span.tid < b->span.tid ? -1 : 1;
    if (a->span.beg != b->span.beg) return a->span.beg < b->span.beg ? -1 : 1;
    return a->feature < b->feature ? -1 : a->feature > b->feature;
}

/* Joins what overlaps of one feature; features are numbered as they come. */
static void join(reading *r)
{
    kuni_features *f = r->f;
    for (size_t i = 0; i < r->n; i++) {
        part *p = &r->parts[i];
        if (!f->n || f->features[f->n - 1].tid != p->span.tid ||
            strcmp(f->features[f->n - 1].id, p->id) != 0) {
            f->features[f->n++] = (kuni_feature){
                .id = p->id, .name = p->name, .tid = p->span.tid, .beg = p->span.beg};
        } else if (f->spans[f->n_spans - 1].span.end >= p->span.beg) {
            kuni_span *span = &f->spans[f->n_spans - 1].span;
            if (span->end < p->span.end) span->end = p->span.end;
            continue;
        }
        f->spans[f->n_spans++] =
            (kuni_feature_span){.span = p->span, .feature = (uint32_t)(f->n - 1)};
    }
    for (size_t i = 0; i < f->n_spans; i++) {
        kuni_feature *feature = &f->features[f->spans[i].feature];
        feature->bp += f->spans[i].span.end - f->spans[i].span.beg;
        feature->end = f->spans[i].span.end;
    }
}

/* Numbers them by place. */
static kuni_status order(kuni_features *f, kuni_error *err)
{
    typedef struct placed {
        kuni_feature feature; /* first: by_place takes it for one */
        uint32_t was;
    } placed;
    placed *all = kuni_alloc(f->n + 1, sizeof(*all), err);
    uint32_t *now = kuni_alloc(f->n + 1, sizeof(*now), err);
    bool fine = all && now;
    for (size_t i = 0; fine && i < f->n; i++) all[i] = (placed){f->features[i], (uint32_t)i};
    if (fine) qsort(all, f->n, sizeof(*all), by_place);
    for (size_t i = 0; fine && i < f->n; i++) {
        f->features[i] = all[i].feature;
        now[all[i].was] = (uint32_t)i;
    }
    for (size_t i = 0; fine && i < f->n_spans; i++) f->spans[i].feature = now[f->spans[i].feature];
    if (fine) qsort(f->spans, f->n_spans, sizeof(*f->spans), by_begin);
    free(all);
    free(now);
    return fine ? KUNI_OK : KUNI_MEMORY;
}

kuni_status kuni_features_read(kuni_features *f, const char *path, const kuni_genome *genome,
                               kuni_error *err)
{
    *f = (kuni_features){.arena = kuni_arena_new(err)};
    reading r = {.f = f, .genome = genome, .err = err};
    if (!f->arena) return KUNI_MEMORY;
    kuni_status status = kuni_lines_open(&r.lines, path, err);
    if (!status) status = read_lines(&r);
    kuni_lines_close(&r.lines);
    if (!status && !r.n)
        status = kuni_fail(err, KUNI_DATA, "%s: no feature on a contig of the reference%s", path,
                           r.f->n_foreign ? "" : " (of GFF3 its genes are taken)");
    if (!status) status = kuni_digest_file(path, f->digest, err);
    if (!status) {
        qsort(r.parts, r.n, sizeof(*r.parts), by_feature);
        f->features = kuni_alloc(r.n, sizeof(*f->features), err);
        f->spans = kuni_alloc(r.n, sizeof(*f->spans), err);
        if (f->features && f->spans) {
            join(&r);
            status = order(f, err);
        } else
            status = KUNI_MEMORY;
    }
    free(r.parts);
    return status;
}

void kuni_features_fini(kuni_features *f)
{
    free(f->features);
    free(f->spans);
    kuni_arena_free(f->arena);
    *f = (kuni_features){0};
}
