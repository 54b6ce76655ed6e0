/* SPDX-License-Identifier: MIT */
#include "sweep.h"

#include <stdlib.h>
#include <string.h>

enum { CHUNK_BP = 1 << 16 };

/* What a record of a file is headed by. */
typedef struct mark {
    uint32_t feature, what; /* HITS: n_people bytes follow */
    int64_t covered;
} mark;

enum { HITS = 1, COVERED };

struct kuni_sweep {
    const kuni_features *features;
    const kuni_strata *strata;
    FILE *file;
    char *path;
    uint8_t **hits;   /* by feature; NULL: none yet, or written */
    int64_t *covered; /* by feature */
    uint32_t *active; /* spans that were met, and not passed yet */
    size_t n_active, active_capacity;
    size_t next; /* span to be met */
    int32_t tid;
    /* of the allele under way */
    uint64_t serial, *seen; /* by feature */
    /* of the chunk under way */
    int32_t chunk_tid;
    int64_t chunk; /* begin; -1: none */
    int32_t *difference;
};

kuni_status kuni_sweep_begin(kuni_sweep **made, const kuni_features *features,
                             const kuni_strata *strata, const char *path, kuni_error *err)
{
    kuni_sweep *s = kuni_alloc(1, sizeof(*s), err);
    if (!s) return KUNI_MEMORY;
    *s = (kuni_sweep){.features = features, .strata = strata, .tid = -1, .chunk = -1};
    s->path = kuni_strdup(path, err);
    s->hits = kuni_alloc(features->n + 1, sizeof(*s->hits), err);
    s->covered = kuni_alloc(features->n + 1, sizeof(*s->covered), err);
    s->seen = kuni_alloc(features->n + 1, sizeof(*s->seen), err);
    s->difference = kuni_alloc(CHUNK_BP + 1, sizeof(*s->difference), err);
    kuni_status status = KUNI_OK;
    if (!s->path || !s->hits || !s->covered || !s->seen || !s->difference) status = KUNI_MEMORY;
    if (!status && !(s->file = fopen(path, "wb")))
        status = kuni_fail_errno(err, "cannot write %s", path);
    if (status)
        kuni_sweep_abandon(s);
    else
        *made = s;
    return status;
}

void kuni_sweep_abandon(kuni_sweep *s)
{
    if (!s) return;
    if (s->file) (void)fclose(s->file);
    for (size_t i = 0; s->hits && i < s->features->n; i++) free(s->hits[i]);
    free((void *)s->hits);
    free(s->covered);
    free(s->active);
    free(s->seen);
    free(s->difference);
    free(s->path);
    free(s);
}

static kuni_status write_out(const kuni_sweep *s, const void *bytes, size_t n, kuni_error *err)
{
    return fwrite(bytes, 1, n, s->file) == n ? KUNI_OK
                                             : kuni_fail_errno(err, "cannot write %s", s->path);
}

static kuni_status let_go(kuni_sweep *s, uint32_t feature, kuni_error *err)
{
    const mark head = {.feature = feature, .what = HITS};
    if (!s->hits[feature]) return KUNI_OK;
    kuni_status status = write_out(s, &head, sizeof(head), err);
    if (!status) status = write_out(s, s->hits[feature], s->strata->n_people, err);
    free(s->hits[feature]);
    s->hits[feature] = NULL;
    return status;
}

/* --- alleles --- */

/* Passes what ends before `pos`: no later record reaches back. */
static kuni_status pass(kuni_sweep *s, int64_t pos, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    size_t n = 0;
    for (size_t i = 0; i < s->n_active && !status; i++) {
        const kuni_feature_span *span = &s->features->spans[s->active[i]];
        if (span->span.tid == s->tid && span->span.end > pos) {
            s->active[n++] = s->active[i];
            continue;
        }
        const kuni_feature *feature = &s->features->features[span->feature];
        if (span->span.tid != s->tid || feature->end <= pos) status = let_go(s, span->feature, err);
    }
    s->n_active = n;
    return status;
}

/* Meets what begins before `end`. */
static kuni_status meet(kuni_sweep *s, int64_t end, int64_t pos, kuni_error *err)
{
    const kuni_features *f = s->features;
    for (; s->next < f->n_spans; s->next++) {
        kuni_span span = f->spans[s->next].span;
        if (span.tid > s->tid || (span.tid == s->tid && span.beg >= end)) break;
        uint32_t feature = f->spans[s->next].feature;
        kuni_status status = KUNI_OK;
        if (span.tid < s->tid || span.end <= pos) {
            if (span.tid < s->tid || f->features[feature].end <= pos)
                status = let_go(s, feature, err);
            if (status) return status;
            continue;
        }
        status = kuni_grow((void **)&s->active, &s->active_capacity, s->n_active + 1,
                           sizeof(*s->active), err);
        if (status) return status;
        s->active[s->n_active++] = (uint32_t)s->next;
    }
    return KUNI_OK;
}

static kuni_status count_carriers(kuni_sweep *s, uint32_t feature, const kuni_tally *t, int alt,
                                  kuni_error *err)
{
    for (size_t i = 0; i < t->n_carriers; i++) {
        const kuni_carrier *c = &t->carriers[i];
        if (c->quality != KUNI_TALLY_ADJ || (c->a != alt && c->b != alt)) continue;
        if (!s->hits[feature] && !(s->hits[feature] = kuni_alloc(s->strata->n_people + 1, 1, err)))
            return KUNI_MEMORY;
        uint8_t hit = c->b < 0 ? KUNI_HITS_HEMI : c->a == c->b ? KUNI_HITS_HOM : 1;
        s->hits[feature][c->column] = kuni_hits_add(s->hits[feature][c->column], hit);
    }
    return KUNI_OK;
}

/* The bases that an allele changes; of an insertion none, at `beg`. */
static void changed(const kuni_freq_allele *a, int64_t *beg, int64_t *end)
{
    bool anchored = a->ref_length != a->alt_length && a->ref[0] == a->alt[0];
    *beg = a->pos + anchored;
    *end = a->pos + (int64_t)a->ref_length;
}

kuni_status kuni_sweep_allele(kuni_sweep *s, int32_t tid, int64_t record_pos,
                              const kuni_freq_allele *allele, const kuni_tally *tally, int alt,
                              kuni_error *err)
{
    int64_t beg, end;
    kuni_status status = KUNI_OK;
    changed(allele, &beg, &end);
    s->tid = tid;
    status = pass(s, record_pos, err);
    if (!status) status = meet(s, end > beg ? end : beg, record_pos, err);
    s->serial++;
    for (size_t i = 0; i < s->n_active && !status; i++) {
        const kuni_feature_span *span = &s->features->spans[s->active[i]];
        bool within = span->span.beg < (end > beg ? end : beg) && span->span.end > beg;
        if (!within || s->seen[span->feature] == s->serial) continue;
        s->seen[span->feature] = s->serial;
        status = count_carriers(s, span->feature, tally, alt, err);
    }
    return status;
}

/* --- coverage --- */

void kuni_sweep_covered(kuni_sweep *s, kuni_span span)
{
    if (s->chunk < 0) {
        s->chunk = span.beg - span.beg % CHUNK_BP;
        s->chunk_tid = span.tid;
    }
    int64_t beg = span.beg - s->chunk, end = span.end - s->chunk;
    if (span.tid != s->chunk_tid || beg < 0 || end > CHUNK_BP || beg >= end) return;
    s->difference[beg]++;
    s->difference[end]--;
}

/* The first span that ends past the position; spans may overlap, so it is a bound from below. */
static size_t first_span(const kuni_features *f, int32_t tid, int64_t pos)
{
    size_t low = 0, high = f->n_spans;
    while (low < high) {
        size_t middle = (low + high) / 2;
        kuni_span span = f->spans[middle].span;
        if (span.tid < tid || (span.tid == tid && span.beg < pos))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void share_out(kuni_sweep *s, const int64_t *sums)
{
    const kuni_features *f = s->features;
    /* Those that began before the chunk: as few as overlap it, but where they began is not known. */
    size_t end = first_span(f, s->chunk_tid, s->chunk + CHUNK_BP);
    for (size_t i = first_span(f, s->chunk_tid, 0); i < end; i++) {
        kuni_span span = f->spans[i].span;
        int64_t from = span.beg - s->chunk, to = span.end - s->chunk;
        if (from < 0) from = 0;
        if (to > CHUNK_BP) to = CHUNK_BP;
        if (from < to) s->covered[f->spans[i].feature] += sums[to] - sums[from];
    }
}

kuni_status kuni_sweep_flush(kuni_sweep *s, kuni_error *err)
{
    if (s->chunk < 0) return KUNI_OK;
    int64_t *sums = kuni_alloc(CHUNK_BP + 1, sizeof(*sums), err), people = 0;
    if (!sums) return KUNI_MEMORY;
    for (size_t i = 0; i < CHUNK_BP; i++) {
        people += s->difference[i];
        sums[i + 1] = sums[i] + people;
    }
    share_out(s, sums);
    memset(s->difference, 0, (CHUNK_BP + 1) * sizeof(*s->difference));
    s->chunk = -1;
    free(sums);
    return KUNI_OK;
}

kuni_status kuni_sweep_end(kuni_sweep *s, kuni_error *err)
{
    kuni_status status = kuni_sweep_flush(s, err);
    for (uint32_t i = 0; i < s->features->n && !status; i++) {
        const mark head = {.feature = i, .what = COVERED, .covered = s->covered[i]};
        status = let_go(s, i, err);
        if (!status && head.covered) status = write_out(s, &head, sizeof(head), err);
    }
    FILE *file = s->file;
    s->file = NULL;
    if (fclose(file) != 0 && !status) status = kuni_fail_errno(err, "cannot write %s", s->path);
    kuni_sweep_abandon(s);
    return status;
}

/* --- what pieces left --- */

static kuni_status look_through(kuni_sweeps *s, size_t file, const char *path,
                                const kuni_features *features, kuni_error *err)
{
    mark head;
    kuni_status status = KUNI_OK;
    while (!status && fread(&head, sizeof(head), 1, s->files[file]) == 1) {
        if (head.feature >= features->n) return kuni_fail(err, KUNI_BUG, "%s is damaged", path);
        s->covered[head.feature] += head.covered;
        if (head.what != HITS) continue;
        status = kuni_grow((void **)&s->places, &s->places_capacity, s->n_places + 1,
                           sizeof(*s->places), err);
        if (status) return status;
        s->places[s->n_places++] = (struct kuni_sweep_place){
            .feature = head.feature, .file = (uint32_t)file, .offset = ftell(s->files[file])};
        if (fseek(s->files[file], (long)s->n_people, SEEK_CUR) != 0)
            status = kuni_fail_errno(err, "cannot read %s", path);
    }
    if (!status && ferror(s->files[file])) status = kuni_fail_errno(err, "cannot read %s", path);
    return status;
}

static int by_feature(const void *left, const void *right)
{
    const struct kuni_sweep_place *a = left, *b = right;
    if (a->feature != b->feature) return a->feature < b->feature ? -1 : 1;
    return a->file < b->file ? -1 : a->file > b->file;
}

kuni_status kuni_sweeps_open(kuni_sweeps *s, const char *const *paths, size_t n,
                             const kuni_features *features, size_t n_people, kuni_error *err)
{
    *s = (kuni_sweeps){.n = n, .n_people = n_people};
    s->files = kuni_alloc(n + 1, sizeof(*s->files), err);
    s->covered = kuni_alloc(features->n + 1, sizeof(*s->covered), err);
    kuni_status status = s->files && s->covered ? KUNI_OK : KUNI_MEMORY;
    for (size_t i = 0; i < n && !status; i++) {
        s->files[i] = fopen(paths[i], "rb");
        status = s->files[i] ? look_through(s, i, paths[i], features, err)
                             : kuni_fail_errno(err, "cannot read %s", paths[i]);
    }
    if (!status && s->n_places) qsort(s->places, s->n_places, sizeof(*s->places), by_feature);
    return status;
}

kuni_status kuni_sweeps_take(kuni_sweeps *s, uint32_t feature, uint8_t *hits, kuni_error *err)
{
    const struct kuni_sweep_place key = {.feature = feature};
    size_t low = 0, high = s->n_places;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (by_feature(&s->places[middle], &key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    uint8_t *more = kuni_alloc(s->n_people + 1, 1, err);
    if (!more) return KUNI_MEMORY;
    kuni_status status = KUNI_OK;
    memset(hits, 0, s->n_people);
    for (; low < s->n_places && s->places[low].feature == feature && !status; low++) {
        FILE *file = s->files[s->places[low].file];
        if (fseek(file, (long)s->places[low].offset, SEEK_SET) != 0 ||
            fread(more, 1, s->n_people, file) != s->n_people)
            status = kuni_fail_errno(err, "cannot read counts of a feature");
        for (size_t i = 0; i < s->n_people && !status; i++)
            hits[i] = kuni_hits_add(hits[i], more[i]);
    }
    free(more);
    return status;
}

void kuni_sweeps_close(kuni_sweeps *s)
{
    for (size_t i = 0; s->files && i < s->n; i++)
        if (s->files[i]) (void)fclose(s->files[i]);
    free((void *)s->files);
    free(s->covered);
    free(s->places);
    *s = (kuni_sweeps){0};
}
