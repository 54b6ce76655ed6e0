/* SPDX-License-Identifier: MIT */
#include "axis.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kuni/file.h"
#include "regions.h"

/* --- shards --- */

static kuni_status choose_regions(kuni_regions *regions, const kuni_workflow *workflow,
                                  const kuni_genome *genome, kuni_error *err)
{
    kuni_regions other = {.spans = NULL};
    kuni_status status =
        kuni_regions_choose(regions, workflow->contigs, workflow->n_contigs, genome, err);
    if (!status && workflow->region_bed) {
        status = kuni_regions_read_bed(&other, workflow->region_bed, genome, false, err);
        if (!status) status = kuni_regions_intersect(regions, &other, err);
        kuni_regions_fini(&other);
    }
    if (!status && workflow->exclude_bed) {
        status = kuni_regions_read_bed(&other, workflow->exclude_bed, genome, true, err);
        if (!status) status = kuni_regions_subtract(regions, &other, err);
        kuni_regions_fini(&other);
    }
    if (!status && regions->n_spans == 0)
        status = kuni_fail(err, KUNI_USAGE,
                           "regions: nothing is left to process: the chosen contigs, include and "
                           "exclude files have no base in common");
    return status;
}

enum { NAME_MOST = 128, NAME_KEPT = 64 }; /* bytes of a contig's name in a file name */

/* Too long for a file's: its first bytes, and a digest of it behind what no other name has. */
static kuni_status shorten(char *name, const char *contig, kuni_error *err)
{
    enum { DIGITS = 16 };
    char hex[KUNI_DIGEST_HEX_BYTES];
    kuni_digest *digest = kuni_digest_new(err);
    if (!digest) return KUNI_MEMORY;
    kuni_digest_add_text(digest, contig);
    kuni_digest_finish(digest, hex);
    snprintf(name + NAME_KEPT, DIGITS + 3, "%%-%.*s", DIGITS, hex);
    return KUNI_OK;
}

/* Contig names may hold anything (HLA-A*01:01:01:01): what is unsafe in file names becomes %XX. */
static const char *span_name(kuni_arena *arena, const kuni_genome *genome, kuni_span span,
                             kuni_error *err)
{
    if (span.tid < 0) return "unplaced";
    const char *contig = kuni_genome_contig(genome, span.tid)->name;
    size_t room = 3 * strlen(contig) + 48;
    char *name = kuni_arena_alloc(arena, room, 1, err);
    if (!name) return NULL;
    size_t n = 0;
    for (const char *p = contig; *p; p++) {
        bool safe = (*p >= '0' && *p <= '9') || (*p >= 'A' && *p <= 'Z') ||
                    (*p >= 'a' && *p <= 'z') || *p == '_' ||
                    ((*p == '.' || *p == '-') && p > contig);
        n += (size_t)snprintf(name + n, room - n, safe ? "%c" : "%%%02X", (unsigned char)*p);
    }
    if (n > NAME_MOST) {
        if (shorten(name, contig, err)) return NULL;
        n = strlen(name);
    }
    snprintf(name + n, room - n, "-%" PRId64 "-%" PRId64, span.beg, span.end);
    return name;
}

/* --- bundles --- */

/*
 * What is longer than an eighth of a shard is worth files and a process of its own; and whatever the
 * genome, enough bundles are left to share out. Neither depends on the machine: files do on the cut.
 */
enum { SMALL_SHARE = 8, LEAST_BUNDLES = 16, BUNDLE_DIGITS = 16 };

size_t kuni_plan_bundle(const kuni_span *spans, size_t n_spans, int64_t shard_bp, int64_t bundle,
                        kuni_plan_shard *shards)
{
    int64_t all = 0;
    size_t n = 0;
    for (size_t i = 0; i < n_spans; i++) all += spans[i].end - spans[i].beg;
    int64_t most = all / LEAST_BUNDLES < shard_bp ? all / LEAST_BUNDLES : shard_bp;
    bool open = false; /* the last shard may get another span */
    for (size_t i = 0; i < n_spans; i++) {
        int64_t bp = spans[i].end - spans[i].beg;
        bool small = spans[i].tid >= 0 && bp <= shard_bp / SMALL_SHARE;
        kuni_plan_shard *last = n ? &shards[n - 1] : NULL;
        if (last && open && small && last->n < bundle && bp <= most - last->bp) {
            last->n++;
            last->bp += bp;
            continue;
        }
        shards[n++] = (kuni_plan_shard){.first = (uint32_t)i, .n = 1, .bp = bp};
        open = small;
    }
    return n;
}

/* A bundle is called after its first span, their number, and a digest of all. */
static const char *bundle_name(kuni_arena *arena, const kuni_genome *genome, const kuni_span *spans,
                               size_t n, kuni_error *err)
{
    char hex[KUNI_DIGEST_HEX_BYTES];
    const char *first = span_name(arena, genome, spans[0], err);
    kuni_digest *digest = first ? kuni_digest_new(err) : NULL;
    if (!digest) return NULL;
    for (size_t i = 0; i < n; i++) {
        kuni_digest_add_text(digest, kuni_genome_contig(genome, spans[i].tid)->name);
        kuni_digest_add_int(digest, spans[i].beg);
        kuni_digest_add_int(digest, spans[i].end);
    }
    kuni_digest_finish(digest, hex);
    size_t room = strlen(first) + BUNDLE_DIGITS + 32;
    char *name = kuni_arena_alloc(arena, room, 1, err);
    if (name) snprintf(name, room, "%s+%zu-%.*s", first, n, BUNDLE_DIGITS, hex);
    return name;
}

/* Of all shards; those of one span are called as it is. */
static kuni_status make_names(kuni_plan_axis *axis, const kuni_genome *genome, kuni_arena *arena,
                              kuni_error *err)
{
    axis->names = kuni_arena_alloc(arena, axis->n_shards + 1, sizeof(char *), err);
    if (!axis->names) return KUNI_MEMORY;
    for (size_t i = 0; i < axis->n_shards; i++) {
        const kuni_span *spans = &axis->spans[axis->shards[i].first];
        size_t n = axis->shards[i].n;
        axis->names[i] = n > 1 ? bundle_name(arena, genome, spans, n, err)
                               : span_name(arena, genome, spans[0], err);
        if (!axis->names[i]) return KUNI_MEMORY;
    }
    return KUNI_OK;
}

static kuni_status too_many(const char *key, size_t n, kuni_error *err)
{
    return kuni_fail(err, KUNI_USAGE,
                     "regions: %zu shards are too many: use fewer, longer intervals or a larger %s",
                     n, key);
}

kuni_status kuni_axis_make_reads(kuni_plan_axis *axis, const kuni_workflow *workflow,
                                 const kuni_genome *genome, bool *unplaced, kuni_arena *arena,
                                 kuni_error *err)
{
    kuni_regions regions = {.spans = NULL};
    kuni_status status = choose_regions(&regions, workflow, genome, err);
    if (!status)
        status = kuni_regions_cut(&regions, workflow->shard_bp, &axis->spans, &axis->n_spans, err);
    bool whole = regions.whole && !workflow->region_bed;
    kuni_regions_fini(&regions);
    if (status) return status;
    size_t n_places = axis->n_spans;
    if (n_places > KUNI_AXIS_SHARDS_MAX) return too_many("regions.shard", n_places, err);
    *unplaced = *unplaced && whole;
    if (*unplaced) {
        size_t capacity = n_places;
        status = kuni_grow((void **)&axis->spans, &capacity, n_places + 1, sizeof(kuni_span), err);
        if (status) return status;
        axis->spans[axis->n_spans++] = (kuni_span){.tid = -1};
    }
    axis->shards = kuni_arena_alloc(arena, axis->n_spans, sizeof(*axis->shards), err);
    if (!axis->shards) return KUNI_MEMORY;
    axis->n_shards = kuni_plan_bundle(axis->spans, axis->n_spans, workflow->shard_bp,
                                      workflow->bundle, axis->shards);
    axis->n_places = axis->n_shards - *unplaced;
    return make_names(axis, genome, arena, err);
}

/* --- the joint axis --- */

/*
 * Twice what a person and base take where sites and sparse records are made of a million people, by tests/bench/national:
 * machines are slower, and dense records dearer.
 */
static const double joint_ns = 11, joint_most_s = 1800;

int64_t kuni_axis_joint_bp(int64_t shard_bp, size_t n_samples)
{
    enum { LONGEST_BP = 5000000, SHORTEST_BP = 330000 };
    int64_t bp = shard_bp < LONGEST_BP ? shard_bp : LONGEST_BP;
    double base_s = joint_ns * 1e-9 * (double)n_samples;
    while (base_s * (double)bp > joint_most_s && bp > SHORTEST_BP)
        bp = bp / 2 > SHORTEST_BP ? bp / 2 : SHORTEST_BP;
    return bp;
}

typedef struct cutting {
    kuni_plan_axis *axis;
    uint32_t *within;
    size_t capacity, within_capacity, shards_capacity;
    int64_t joint_bp;
} cutting;

static kuni_status add_part(cutting *c, kuni_span part, size_t within, kuni_error *err)
{
    kuni_plan_axis *axis = c->axis;
    size_t n = axis->n_spans;
    kuni_status status =
        kuni_grow((void **)&axis->spans, &c->capacity, n + 1, sizeof(kuni_span), err);
    if (!status)
        status =
            kuni_grow((void **)&c->within, &c->within_capacity, n + 1, sizeof(*c->within), err);
    if (status) return status;
    axis->spans[n] = part;
    c->within[n] = (uint32_t)within;
    axis->n_spans = n + 1;
    return KUNI_OK;
}

/* Parts of nearly one length that end on the grid. */
static kuni_status cut_span(cutting *c, kuni_span whole, size_t within, kuni_error *err)
{
    int64_t length = whole.end - whole.beg, n = (length + c->joint_bp - 1) / c->joint_bp;
    kuni_status status = KUNI_OK;
    kuni_span part = {.tid = whole.tid, .beg = whole.beg, .end = whole.beg};
    for (int64_t k = 1; k <= n && !status; k++) {
        part.beg = part.end;
        part.end = whole.beg + length / n * k + length % n * k / n;
        part.end = (part.end + KUNI_SHARD_GRID_BP / 2) / KUNI_SHARD_GRID_BP * KUNI_SHARD_GRID_BP;
        if (k == n || part.end > whole.end) part.end = whole.end;
        if (part.end > part.beg)
            status = add_part(c, part, within, err);
        else
            part.end = part.beg;
    }
    return status;
}

/* Of the parts of a bundle as many as are no longer than one shard share one. */
static kuni_status group(cutting *c, size_t first, bool bundled, kuni_plan_shard **shards,
                         kuni_error *err)
{
    kuni_plan_axis *axis = c->axis;
    size_t from = axis->n_shards;
    for (size_t i = first; i < axis->n_spans; i++) {
        int64_t bp = axis->spans[i].end - axis->spans[i].beg;
        kuni_plan_shard *last = axis->n_shards > from ? &(*shards)[axis->n_shards - 1] : NULL;
        if (bundled && last && last->bp + bp <= c->joint_bp) {
            last->n++;
            last->bp += bp;
            continue;
        }
        kuni_status status = kuni_grow((void **)shards, &c->shards_capacity, axis->n_shards + 1,
                                       sizeof(kuni_plan_shard), err);
        if (status) return status;
        (*shards)[axis->n_shards++] = (kuni_plan_shard){.first = (uint32_t)i, .n = 1, .bp = bp};
    }
    return KUNI_OK;
}

kuni_status kuni_axis_make_joint(kuni_plan_axis *axis, const kuni_plan_axis *reads,
                                 int64_t joint_bp, const kuni_genome *genome, kuni_arena *arena,
                                 kuni_error *err)
{
    cutting c = {.axis = axis,
                 .joint_bp = joint_bp < KUNI_SHARD_GRID_BP ? KUNI_SHARD_GRID_BP : joint_bp};
    kuni_plan_shard *shards = NULL;
    kuni_status status = KUNI_OK;
    for (size_t s = 0; s < reads->n_places && !status; s++) {
        const kuni_plan_shard *from = &reads->shards[s];
        size_t first = axis->n_spans;
        for (size_t i = from->first; i < from->first + from->n && !status; i++)
            status = cut_span(&c, reads->spans[i], i, err);
        if (!status) status = group(&c, first, from->n > 1, &shards, err);
        if (!status && axis->n_spans > KUNI_AXIS_SHARDS_MAX)
            status = too_many("regions.joint_shard", axis->n_spans, err);
    }
    uint32_t *within = NULL;
    if (!status) {
        axis->n_places = axis->n_shards;
        axis->shards = kuni_arena_alloc(arena, axis->n_shards + 1, sizeof(*shards), err);
        within = kuni_arena_alloc(arena, axis->n_spans + 1, sizeof(*within), err);
        if (!axis->shards || !within) status = KUNI_MEMORY;
    }
    if (!status && shards) {
        memcpy(axis->shards, shards, axis->n_shards * sizeof(*shards));
        memcpy(within, c.within, axis->n_spans * sizeof(*within));
    }
    axis->within = within;
    free(shards);
    free(c.within);
    return status ? status : make_names(axis, genome, arena, err);
}

void kuni_axis_fini(kuni_plan_axis *axis)
{
    free(axis->spans);
    *axis = (kuni_plan_axis){.spans = NULL};
}

/* --- of an axis --- */

const char *kuni_axis_span_name(const kuni_plan_axis *axis, size_t span, const kuni_genome *genome,
                                kuni_arena *arena, kuni_error *err)
{
    return span_name(arena, genome, axis->spans[span], err);
}

size_t kuni_axis_shard_of(const kuni_plan_axis *axis, size_t span)
{
    size_t low = 0, high = axis->n_shards;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (axis->shards[middle].first <= span)
            low = middle;
        else
            high = middle;
    }
    return low;
}

int64_t kuni_axis_weight(const kuni_plan_axis *axis, int64_t shard)
{
    if (shard < 0) return 1;
    if ((size_t)shard < axis->n_places) return axis->shards[shard].bp;
    int64_t sum = 0;
    for (size_t i = 0; i < axis->n_places; i++) sum += axis->shards[i].bp;
    return axis->n_places ? sum / (int64_t)axis->n_places : 1;
}

static int64_t *weights_to_sort; /* qsort has no context argument */

static int by_weight(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    if (weights_to_sort[x] != weights_to_sort[y])
        return weights_to_sort[x] > weights_to_sort[y] ? -1 : 1;
    return x < y ? -1 : x > y;
}

kuni_status kuni_axis_heaviest_first(const kuni_plan_axis *axis, uint32_t *order, kuni_error *err)
{
    int64_t *weights = kuni_alloc(axis->n_shards + 1, sizeof(int64_t), err);
    if (!weights) return KUNI_MEMORY;
    for (size_t i = 0; i < axis->n_shards; i++) {
        order[i] = (uint32_t)i;
        weights[i] = kuni_axis_weight(axis, (int64_t)i);
    }
    weights_to_sort = weights;
    if (axis->n_shards) qsort(order, axis->n_shards, sizeof(uint32_t), by_weight);
    weights_to_sort = NULL;
    free(weights);
    return KUNI_OK;
}
