/* SPDX-License-Identifier: MIT */
#include "regions.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kuni/lines.h"
#include "kuni/params.h"

void kuni_regions_fini(kuni_regions *regions)
{
    free(regions->spans);
    *regions = (kuni_regions){.spans = NULL};
}

static kuni_status append(kuni_regions *regions, kuni_span span, kuni_error *err)
{
    kuni_status status = kuni_grow((void **)&regions->spans, &regions->capacity,
                                   regions->n_spans + 1, sizeof(kuni_span), err);
    if (status) return status;
    regions->spans[regions->n_spans++] = span;
    return KUNI_OK;
}

static int by_place(const void *a, const void *b)
{
    const kuni_span *x = a, *y = b;
    if (x->tid != y->tid) return x->tid < y->tid ? -1 : 1;
    if (x->beg != y->beg) return x->beg < y->beg ? -1 : 1;
    return x->end < y->end ? -1 : x->end > y->end;
}

/* Sorts, joins what overlaps or touches. */
static void normalise(kuni_regions *regions)
{
    if (regions->n_spans == 0) return;
    qsort(regions->spans, regions->n_spans, sizeof(kuni_span), by_place);
    size_t last = 0;
    for (size_t i = 1; i < regions->n_spans; i++) {
        kuni_span *kept = &regions->spans[last], next = regions->spans[i];
        if (next.tid == kept->tid && next.beg <= kept->end) {
            if (next.end > kept->end) kept->end = next.end;
        } else {
            regions->spans[++last] = next;
        }
    }
    regions->n_spans = last + 1;
}

static kuni_status unknown_contig(const char *what, const char *name, const kuni_genome *genome,
                                  kuni_error *err)
{
    int32_t n = kuni_genome_contig_count(genome);
    const char **names = kuni_alloc((size_t)n + 1, sizeof(*names), err);
    if (!names) return KUNI_MEMORY;
    for (int32_t i = 0; i < n; i++) names[i] = kuni_genome_contig(genome, i)->name;
    const char *near = kuni_nearest(name, names, (size_t)n);
    kuni_status status =
        kuni_fail(err, KUNI_USAGE, "%s: contig \"%s\" is not in the reference %s%s%s%s", what, name,
                  kuni_genome_path(genome), near ? ": did you mean \"" : "", near ? near : "",
                  near ? "\"?" : "");
    free(names);
    return status;
}

/* A position with optional thousands separators; advances *text. */
static bool parse_position(const char **text, int64_t *value)
{
    const char *p = *text;
    int64_t sum = 0;
    if (*p < '0' || *p > '9') return false;
    for (; (*p >= '0' && *p <= '9') || *p == ','; p++) {
        if (*p == ',') continue;
        if (sum > (INT64_MAX - 9) / 10) return false;
        sum = sum * 10 + (*p - '0');
    }
    *text = p;
    *value = sum;
    return true;
}

static kuni_status parse_entry(kuni_regions *regions, const char *entry, const kuni_genome *genome,
                               kuni_error *err)
{
    kuni_span span = {.tid = kuni_genome_find(genome, entry)};
    if (span.tid >= 0) {
        span.end = kuni_genome_contig(genome, span.tid)->length_bp;
        return append(regions, span, err);
    }
    const char *colon = strrchr(entry, ':');
    if (!colon) return unknown_contig("regions.contigs", entry, genome, err);
    char name[512];
    if ((size_t)(colon - entry) >= sizeof(name))
        return kuni_fail(err, KUNI_USAGE, "regions.contigs: contig name too long: %s", entry);
    memcpy(name, entry, (size_t)(colon - entry));
    name[colon - entry] = '\0';
    span.tid = kuni_genome_find(genome, name);
    if (span.tid < 0) return unknown_contig("regions.contigs", name, genome, err);
    int64_t length = kuni_genome_contig(genome, span.tid)->length_bp;
    const char *p = colon + 1;
    span.end = length;
    bool good = parse_position(&p, &span.beg);
    if (good && *p == '-') {
        p++;
        good = parse_position(&p, &span.end);
    }
    if (!good || *p || span.beg < 1 || span.beg > span.end)
        return kuni_fail(
            err, KUNI_USAGE,
            "regions.contigs: \"%s\" is no span: expected CONTIG or CONTIG:FIRST-LAST, "
            "counted from 1",
            entry);
    if (span.end > length)
        return kuni_fail(err, KUNI_USAGE,
                         "regions.contigs: \"%s\" ends beyond the contig: %s is %" PRId64
                         " bp long",
                         entry, name, length);
    span.beg--;
    regions->whole = regions->whole && span.beg == 0 && span.end == length;
    return append(regions, span, err);
}

kuni_status kuni_regions_choose(kuni_regions *regions, const char *const *entries, size_t n_entries,
                                const kuni_genome *genome, kuni_error *err)
{
    regions->whole = true;
    for (size_t i = 0; i < n_entries; i++) {
        kuni_status status = parse_entry(regions, entries[i], genome, err);
        if (status) return status;
    }
    for (int32_t tid = 0; n_entries == 0 && tid < kuni_genome_contig_count(genome); tid++) {
        kuni_span span = {.tid = tid, .end = kuni_genome_contig(genome, tid)->length_bp};
        if (span.end == 0) continue;
        kuni_status status = append(regions, span, err);
        if (status) return status;
    }
    normalise(regions);
    return KUNI_OK;
}

static kuni_status parse_bed_line(kuni_regions *regions, char *line, const char *where,
                                  const kuni_genome *genome, bool ignore_foreign, kuni_error *err)
{
    if (line[0] == '\0' || line[0] == '#' || strncmp(line, "track", 5) == 0 ||
        strncmp(line, "browser", 7) == 0)
        return KUNI_OK;
    char *tab = strchr(line, '\t');
    kuni_span span = {.tid = -1};
    const char *p = tab ? tab + 1 : "";
    bool good = tab && parse_position(&p, &span.beg) && *p == '\t';
    if (good) {
        p++;
        good = parse_position(&p, &span.end) && (*p == '\0' || *p == '\t' || *p == '\r');
    }
    if (!good || span.beg >= span.end)
        return kuni_fail(err, KUNI_USAGE,
                         "%s: not a BED line: expected contig, begin, end (from 0, begin < end), "
                         "separated by tabs",
                         where);
    *tab = '\0';
    span.tid = kuni_genome_find(genome, line);
    if (span.tid < 0) return ignore_foreign ? KUNI_OK : unknown_contig(where, line, genome, err);
    int64_t length = kuni_genome_contig(genome, span.tid)->length_bp;
    if (span.end > length)
        return kuni_fail(err, KUNI_USAGE,
                         "%s: ends beyond the contig: %s is %" PRId64
                         " bp long: is this BED file made "
                         "for another reference?",
                         where, line, length);
    return append(regions, span, err);
}

kuni_status kuni_regions_read_bed(kuni_regions *regions, const char *path,
                                  const kuni_genome *genome, bool ignore_foreign, kuni_error *err)
{
    kuni_lines lines;
    kuni_status status = kuni_lines_open(&lines, path, err);
    if (status) return status;
    for (char *line; !(status = kuni_lines_next(&lines, &line, err)) && line;) {
        char where[4200];
        snprintf(where, sizeof(where), "%s:%" PRId64, path, lines.number);
        if ((status = parse_bed_line(regions, line, where, genome, ignore_foreign, err))) break;
    }
    kuni_lines_close(&lines);
    if (!status) normalise(regions);
    return status;
}

kuni_status kuni_regions_intersect(kuni_regions *regions, const kuni_regions *other,
                                   kuni_error *err)
{
    kuni_regions both = {.whole = false};
    size_t i = 0, j = 0;
    while (i < regions->n_spans && j < other->n_spans) {
        kuni_span a = regions->spans[i], b = other->spans[j];
        if (a.tid != b.tid) {
            if (a.tid < b.tid)
                i++;
            else
                j++;
            continue;
        }
        kuni_span common = {.tid = a.tid,
                            .beg = a.beg > b.beg ? a.beg : b.beg,
                            .end = a.end < b.end ? a.end : b.end};
        if (common.beg < common.end) {
            kuni_status status = append(&both, common, err);
            if (status) {
                kuni_regions_fini(&both);
                return status;
            }
        }
        if (a.end < b.end)
            i++;
        else
            j++;
    }
    kuni_regions_fini(regions);
    *regions = both;
    return KUNI_OK;
}

kuni_status kuni_regions_subtract(kuni_regions *regions, const kuni_regions *other, kuni_error *err)
{
    kuni_regions rest = {.whole = regions->whole};
    kuni_status status = KUNI_OK;
    size_t j = 0;
    for (size_t i = 0; i < regions->n_spans && !status; i++) {
        kuni_span left = regions->spans[i];
        while (j < other->n_spans &&
               (other->spans[j].tid < left.tid ||
                (other->spans[j].tid == left.tid && other->spans[j].end <= left.beg)))
            j++;
        for (size_t k = j; k < other->n_spans && !status; k++) {
            kuni_span hole = other->spans[k];
            if (hole.tid != left.tid || hole.beg >= left.end) break;
            if (hole.beg > left.beg)
                status = append(
                    &rest, (kuni_span){.tid = left.tid, .beg = left.beg, .end = hole.beg}, err);
            left.beg = hole.end;
            if (left.beg >= left.end) break;
        }
        if (!status && left.beg < left.end) status = append(&rest, left, err);
    }
    if (status) {
        kuni_regions_fini(&rest);
        return status;
    }
    kuni_regions_fini(regions);
    *regions = rest;
    return KUNI_OK;
}

/*
 * End of the k-th of `pieces` windows of nearly one length. Long windows end on the grid: chunks of
 * evidence and blocks of the national files then do not depend on the length of shards.
 */
static int64_t window_end(kuni_span span, int64_t pieces, int64_t k, bool on_grid)
{
    if (k == pieces) return span.end;
    /* exact and free of overflow */
    int64_t length = span.end - span.beg, each = length / pieces, extra = length % pieces;
    int64_t end = span.beg + k * each + (k < extra ? k : extra);
    return on_grid ? (end + KUNI_SHARD_GRID_BP / 2) / KUNI_SHARD_GRID_BP * KUNI_SHARD_GRID_BP : end;
}

kuni_status kuni_regions_cut(const kuni_regions *regions, int64_t shard_bp, kuni_span **shards,
                             size_t *n_shards, kuni_error *err)
{
    kuni_regions cut = {.whole = false};
    bool on_grid = shard_bp >= KUNI_SHARD_GRID_FROM_BP;
    /* Rounding moves each end by half a step at most. */
    int64_t most = on_grid ? shard_bp - KUNI_SHARD_GRID_BP : shard_bp;
    for (size_t i = 0; i < regions->n_spans; i++) {
        kuni_span span = regions->spans[i];
        int64_t length = span.end - span.beg, beg = span.beg;
        int64_t pieces = length <= shard_bp ? 1 : (length + most - 1) / most;
        for (int64_t k = 1; k <= pieces; k++) {
            kuni_span shard = {.tid = span.tid, .beg = beg};
            shard.end = beg = window_end(span, pieces, k, on_grid);
            kuni_status status = append(&cut, shard, err);
            if (status) {
                kuni_regions_fini(&cut);
                return status;
            }
        }
    }
    *shards = cut.spans;
    *n_shards = cut.n_spans;
    return KUNI_OK;
}
