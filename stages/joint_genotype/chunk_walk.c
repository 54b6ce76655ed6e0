/* SPDX-License-Identifier: MIT */
#include "chunk_walk.h"

#include <stdlib.h>
#include <string.h>

#include "kuni/allele.h"
#include "unify.h"

typedef struct interval {
    int64_t beg, end;
} interval;

/* An event where its sample's events stand together. */
typedef struct placed_event {
    uint32_t beg, end; /* of REF, within the chunk and from its begin */
    uint32_t event;    /* index in the chunk */
} placed_event;

struct joint_walk {
    kuni_arena *arena;
    joint_set *sets;
    size_t sets_capacity;
    placed_event *placed; /* events by sample, each sample's in position order */
    uint8_t *alone; /* events that meet no other of their sample, and are still to be visited */
    uint32_t *event_first;
    size_t placed_capacity, alone_capacity, event_first_capacity;
    kuni_event copied[JOINT_EVENTS_MAX]; /* events as of one copy, or of two */
    uint16_t copied_pl[JOINT_EVENTS_MAX][KUNI_EVENT_ALLELES_MAX];
    interval *clusters; /* what events of the sample under way cover */
    size_t clusters_capacity, n_clusters;
};

/* All that the steps of a walk need, so that they take one argument. */
typedef struct step_context {
    joint_walk *walk;
    const joint_sites *sites;
    uint32_t first_site, last_site;
    const joint_copies *copies;
    const kuni_evidence_chunk *chunk;
    const joint_visitor *visitor;
    uint32_t column, who;
    int64_t told; /* where the piece before ends, and the first site from there on */
    uint32_t told_site;
    bool gap; /* a site since the last block lies in neither event nor block */
} step_context;

joint_walk *joint_walk_new(kuni_error *err)
{
    joint_walk *walk = kuni_alloc(1, sizeof(*walk), err);
    if (!walk) return NULL;
    walk->arena = kuni_arena_new(err);
    if (!walk->arena) {
        joint_walk_free(walk);
        return NULL;
    }
    return walk;
}

void joint_walk_free(joint_walk *walk)
{
    if (!walk) return;
    kuni_arena_free(walk->arena);
    free(walk->sets);
    free(walk->placed);
    free(walk->alone);
    free(walk->event_first);
    free(walk->clusters);
    free(walk);
}

static joint_target target_of(const joint_sites *sites, const kuni_allele_set *set, uint32_t allele,
                              size_t ref_length)
{
    const char *ref = set->alleles[0], *alt = set->alleles[allele];
    joint_target target = {.beg = set->pos,
                           .end = set->pos + (int64_t)ref_length,
                           .number = JOINT_OTHER,
                           .kind = JOINT_TARGET_ALT};
    if (allele == 0) {
        target.kind = JOINT_TARGET_REF;
        target.number = 0;
    } else if (alt[0] == '<')
        target.kind = JOINT_TARGET_OTHER;
    else if (alt[0] == '*')
        target.kind = JOINT_TARGET_STAR;
    else {
        kuni_allele_trim trim = kuni_allele_minimal(ref, ref_length, alt, strlen(alt));
        target.beg = set->pos + (int64_t)trim.skip;
        target.end = target.beg + (int64_t)trim.ref_length;
        int64_t found = joint_sites_find(sites, target.beg, ref + trim.skip, trim.ref_length,
                                         alt + trim.skip, trim.alt_length);
        if (found >= 0 && sites->alts[found].number > 0)
            target.number = (uint16_t)sites->alts[found].number;
        else
            target.number = JOINT_FOREIGN;
    }
    return target;
}

static uint32_t within(const joint_sites *sites, int64_t pos)
{
    int64_t at = pos < sites->beg ? sites->beg : pos > sites->end ? sites->end : pos;
    return (uint32_t)(at - sites->beg);
}

static kuni_status prepare_sets(joint_walk *walk, const joint_sites *sites,
                                const kuni_evidence_chunk *chunk, kuni_error *err)
{
    kuni_arena_clear(walk->arena);
    kuni_status status = kuni_grow((void **)&walk->sets, &walk->sets_capacity, chunk->n_sets + 1,
                                   sizeof(*walk->sets), err);
    for (size_t i = 0; i < chunk->n_sets && !status; i++) {
        const kuni_allele_set *set = &chunk->sets[i];
        joint_target *targets =
            kuni_arena_alloc(walk->arena, set->n_alleles, sizeof(*targets), err);
        if (!targets) return KUNI_MEMORY;
        size_t ref_length = strlen(set->alleles[0]);
        for (uint32_t a = 0; a < set->n_alleles; a++)
            targets[a] = target_of(sites, set, a, ref_length);
        walk->sets[i] = (joint_set){.pos = set->pos,
                                    .end = set->pos + (int64_t)ref_length,
                                    .beg = within(sites, set->pos),
                                    .stop = within(sites, set->pos + (int64_t)ref_length),
                                    .n_alleles = set->n_alleles,
                                    .targets = targets};
    }
    return status;
}

static kuni_status place_events(joint_walk *walk, const kuni_evidence_chunk *chunk,
                                uint32_t n_samples, kuni_error *err)
{
    kuni_status status = kuni_grow((void **)&walk->placed, &walk->placed_capacity,
                                   chunk->n_events + 1, sizeof(*walk->placed), err);
    if (!status)
        status =
            kuni_grow((void **)&walk->alone, &walk->alone_capacity, chunk->n_events + 1, 1, err);
    if (!status)
        status = kuni_grow((void **)&walk->event_first, &walk->event_first_capacity,
                           (size_t)n_samples + 2, sizeof(uint32_t), err);
    if (status) return status;
    memset(walk->alone, 0, chunk->n_events);
    uint32_t *first = walk->event_first;
    memset(first, 0, ((size_t)n_samples + 2) * sizeof(*first));
    for (size_t i = 0; i < chunk->n_events; i++) first[chunk->events[i].sample + 2]++;
    for (uint32_t s = 1; s <= n_samples + 1; s++) first[s] += first[s - 1];
    for (size_t i = 0; i < chunk->n_events; i++) {
        const joint_set *set = &walk->sets[chunk->events[i].set];
        walk->placed[first[chunk->events[i].sample + 1]++] =
            (placed_event){.beg = set->beg, .end = set->stop, .event = (uint32_t)i};
    }
    return KUNI_OK;
}

/* Events for one copy or two, as of so many. */
static void take_copies(joint_walk *walk, joint_cover *covers, size_t n_covers, int copies)
{
    for (size_t i = 0; i < n_covers; i++) {
        uint8_t flags = covers[i].event->flags;
        if (!(flags & KUNI_EVENT_EITHER) || (copies == 2 && !(flags & KUNI_EVENT_ONE))) continue;
        kuni_event_of_copies(covers[i].event, copies, walk->copied_pl[i], &walk->copied[i]);
        covers[i].event = &walk->copied[i];
    }
}

/* Visits the sites of a run of overlapping events. */
static kuni_status visit_cluster(step_context *w, const placed_event *placed, size_t n, int64_t beg,
                                 int64_t end, kuni_error *err)
{
    uint32_t first = joint_site_index(w->sites, beg), last = joint_site_index(w->sites, end);
    if (first < w->first_site) first = w->first_site;
    if (last > w->last_site) last = w->last_site;
    for (uint32_t site = first; site < last; site++) {
        int64_t pos = w->sites->sites[site].pos, until;
        joint_cover covers[JOINT_EVENTS_MAX];
        size_t n_covers = 0;
        int least = 2;
        bool either = true;
        for (size_t i = 0; i < n; i++) {
            const kuni_event *event = &w->chunk->events[placed[i].event];
            const joint_set *set = &w->walk->sets[event->set];
            if (set->pos > pos || set->end <= pos || n_covers == JOINT_EVENTS_MAX) continue;
            covers[n_covers++] = (joint_cover){.event = event, .set = set};
            if (event->ploidy < least) least = event->ploidy;
            if (!(event->flags & KUNI_EVENT_EITHER)) either = false;
        }
        if (!n_covers) continue;
        joint_ploidy ploidy = joint_copies_at(w->copies, pos, w->who, least, either, &until);
        if (ploidy.copies) take_copies(w->walk, covers, n_covers, ploidy.copies);
        kuni_status status =
            w->visitor->events(w->visitor->context, w->column, site, covers, n_covers, ploidy, err);
        if (status) return status;
    }
    return KUNI_OK;
}

/* Visits the sites of events that stand alone, by position: what is known of a site is at hand for all who have it. */
static kuni_status visit_alone(step_context *w, const int32_t *columns, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < w->chunk->n_events && !status; i++) {
        if (!w->walk->alone[i]) continue;
        const kuni_event *event = &w->chunk->events[i];
        const joint_set *set = &w->walk->sets[event->set];
        const placed_event placed = {.event = (uint32_t)i};
        w->column = (uint32_t)columns[event->sample];
        w->who = w->copies->cohort->who[w->column];
        status = visit_cluster(w, &placed, 1, set->pos, set->end, err);
    }
    return status;
}

static kuni_status walk_events(step_context *w, const placed_event *placed, size_t n,
                               kuni_error *err)
{
    joint_walk *walk = w->walk;
    kuni_status status = kuni_grow((void **)&walk->clusters, &walk->clusters_capacity, n + 1,
                                   sizeof(*walk->clusters), err);
    walk->n_clusters = 0;
    for (size_t i = 0, next; i < n && !status; i = next) {
        uint32_t end = placed[i].end;
        for (next = i + 1; next < n && placed[next].beg < end; next++)
            if (end < placed[next].end) end = placed[next].end;
        interval cluster = {w->sites->beg + placed[i].beg, w->sites->beg + end};
        walk->clusters[walk->n_clusters++] = cluster;
        if (w->visitor->any_order && next == i + 1)
            walk->alone[placed[i].event] = 1;
        else
            status = visit_cluster(w, placed + i, next - i, cluster.beg, cluster.end, err);
    }
    return status;
}

/*
 * Visits what lies between events, of a block or (NULL) of none, cut where the number of copies
 * changes.
 */
static kuni_status visit_piece(step_context *w, const kuni_block *block, int64_t beg, int64_t end,
                               kuni_error *err)
{
    const joint_visitor *visitor = w->visitor;
    while (beg < end) {
        int64_t until;
        joint_ploidy ploidy = joint_copies_at(w->copies, beg, w->who, block ? block->ploidy : 2,
                                              block && block->either, &until);
        if (until > end) until = end;
        uint32_t first = beg == w->told ? w->told_site : joint_site_index(w->sites, beg);
        w->told = until;
        w->told_site = joint_site_index(w->sites, until);
        joint_piece piece = {.column = w->column,
                             .first = first,
                             .last = w->told_site,
                             .beg = beg,
                             .end = until,
                             .block = block,
                             .ploidy = ploidy};
        bool has_sites = piece.first < piece.last;
        if (!block && has_sites) w->gap = true;
        bool wanted =
            block && has_sites && piece.first < w->last_site && piece.last > w->first_site;
        piece.joined = wanted && !w->gap;
        if (wanted) w->gap = false;
        if (wanted || visitor->all) {
            kuni_status status = visitor->piece(visitor->context, &piece, err);
            if (status) return status;
        }
        beg = until;
    }
    return KUNI_OK;
}

/*
 * Visits what `block`, or none, tells of from *at to `end`, but for what events cover. *at moves
 * past it.
 */
static kuni_status visit_apart(step_context *w, size_t *cluster, int64_t *at,
                               const kuni_block *block, int64_t end, kuni_error *err)
{
    const joint_walk *walk = w->walk;
    while (*at < end) {
        while (*cluster < walk->n_clusters && walk->clusters[*cluster].end <= *at) ++*cluster;
        bool met = *cluster < walk->n_clusters && walk->clusters[*cluster].beg < end;
        int64_t stop = met ? walk->clusters[*cluster].beg : end;
        if (*at < stop) {
            kuni_status status = visit_piece(w, block, *at, stop, err);
            if (status) return status;
        }
        *at = met ? walk->clusters[*cluster].end : end;
    }
    return KUNI_OK;
}

/* Up to where nothing is to be told of from `at` on: the next site of the window, or the chunk's end. */
static int64_t next_wanted(const step_context *w, int64_t at)
{
    if (w->visitor->all) return at;
    uint32_t site = joint_site_index(w->sites, at);
    if (site < w->first_site) site = w->first_site;
    return site < w->last_site ? w->sites->sites[site].pos : w->sites->end;
}

/* The sample's blocks are those from *blocks on; moves past them. */
static kuni_status walk_blocks(step_context *w, uint32_t sample, const kuni_block **blocks,
                               const kuni_block *last, kuni_error *err)
{
    int64_t at = w->sites->beg, next = next_wanted(w, at);
    size_t cluster = 0;
    w->gap = true;
    const kuni_block *block = *blocks;
    for (; block < last && block->sample == sample; block++) {
        int64_t end = block->end < w->sites->end ? block->end : w->sites->end;
        if (end <= next) { /* most blocks of dense gVCFs: no site up to its end */
            if (at < end) at = end;
            continue;
        }
        kuni_status status = KUNI_OK;
        if (at < block->beg) status = visit_apart(w, &cluster, &at, NULL, block->beg, err);
        if (!status) status = visit_apart(w, &cluster, &at, block, end, err);
        if (status) return status;
        next = next_wanted(w, at);
    }
    *blocks = block;
    if (next >= w->sites->end) return KUNI_OK;
    return visit_apart(w, &cluster, &at, NULL, w->sites->end, err);
}

/*
 * Events lie by position, and are gone through by sample: each would be waited for. All of a sample are asked for
 * while the two before it are looked at, and what they need of their sets one before.
 */
static void fetch_events(const joint_walk *walk, const kuni_evidence_chunk *chunk, uint32_t s,
                         uint32_t n_samples)
{
    enum { LINE = 64 };
    const placed_event *placed = walk->placed;
    const uint32_t *first = walk->event_first;
    for (uint32_t i = s + 2 < n_samples ? first[s + 2] : 0; i && i < first[s + 3]; i++) {
        const char *event = (const char *)&chunk->events[placed[i].event];
        __builtin_prefetch(event);
        __builtin_prefetch(event + LINE);
    }
    for (uint32_t i = s + 1 < n_samples ? first[s + 1] : 0; i && i < first[s + 2]; i++)
        __builtin_prefetch(&walk->sets[chunk->events[placed[i].event].set]);
}

kuni_status joint_walk_chunk(joint_walk *walk, const joint_sites *sites, uint32_t first_site,
                             uint32_t last_site, const joint_copies *copies,
                             const kuni_evidence_chunk *chunk, const int32_t *columns,
                             uint32_t n_samples, const joint_visitor *visitor, kuni_error *err)
{
    kuni_status status = prepare_sets(walk, sites, chunk, err);
    if (!status) status = place_events(walk, chunk, n_samples, err);
    step_context w = {.walk = walk,
                      .sites = sites,
                      .first_site = first_site,
                      .last_site = last_site,
                      .copies = copies,
                      .chunk = chunk,
                      .visitor = visitor,
                      .told = -1};
    const kuni_block *block = chunk->blocks, *end = block + (visitor->piece ? chunk->n_blocks : 0);
    for (uint32_t s = 0; s < n_samples && !status; s++) {
        if (!visitor->any_order) fetch_events(walk, chunk, s, n_samples);
        if (columns[s] < 0) {
            while (block < end && block->sample == s) block++;
            continue;
        }
        w.column = (uint32_t)columns[s];
        w.who = copies->cohort->who[w.column];
        status = walk_events(&w, walk->placed + walk->event_first[s],
                             walk->event_first[s + 1] - walk->event_first[s], err);
        if (!status && visitor->piece) status = walk_blocks(&w, s, &block, end, err);
    }
    return status || !visitor->any_order ? status : visit_alone(&w, columns, err);
}
