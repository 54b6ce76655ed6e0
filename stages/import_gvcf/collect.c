/* SPDX-License-Identifier: MIT */
#include "collect.h"

#include <stdlib.h>
#include <string.h>

#include "collected.h"
#include "kuni/allele.h"
#include "places.h"

/*
 * A block kind of our own: fills a place that normalisation left empty, where nothing else tells of
 * it.
 */
enum { KIND_FILLER = KUNI_BLOCK_LOW + 1 };

enum { SURE_PHRED = 60 }; /* of a genotype without likelihoods or quality */

kuni_collect *kuni_collect_new(kuni_span shard, kuni_error *err)
{
    kuni_collect *collect = kuni_alloc(1, sizeof(*collect), err);
    if (!collect) return NULL;
    collect->shard = collect->around = shard;
    collect->ordered = true;
    collect->arena = kuni_arena_new(err);
    if (collect->arena) return collect;
    kuni_collect_free(collect);
    return NULL;
}

void kuni_collect_free(kuni_collect *collect)
{
    if (!collect) return;
    kuni_arena_free(collect->arena);
    free(collect->events);
    free(collect->blocks.at);
    free(collect->made.at);
    free(collect->flat.at);
    free(collect->pending.at);
    free(collect);
}

void kuni_collect_clear(kuni_collect *collect)
{
    kuni_arena_clear(collect->arena);
    collect->n_events = 0;
    collect->blocks.n = collect->made.n = collect->flat.n = collect->pending.n = 0;
    collect->ordered = true;
}

void kuni_collect_set_normaliser(kuni_collect *collect, kuni_normaliser normalise, void *context)
{
    collect->normalise = normalise;
    collect->context = context;
}

kuni_arena *kuni_collect_arena(kuni_collect *collect)
{
    return collect->arena;
}

static kuni_status push(block_list *list, const kuni_block *block, kuni_error *err)
{
    kuni_status status =
        kuni_grow((void **)&list->at, &list->capacity, list->n + 1, sizeof(*list->at), err);
    if (!status) list->at[list->n++] = *block;
    return status;
}

kuni_status kuni_collect_event(kuni_collect *collect, const kuni_event *event,
                               const kuni_record_facts *facts, kuni_error *err)
{
    kuni_status status = kuni_grow((void **)&collect->events, &collect->events_capacity,
                                   collect->n_events + 1, sizeof(*collect->events), err);
    if (status) return status;
    collect->events[collect->n_events++] =
        (collected_event){.event = *event,
                          .end = event->pos + (int64_t)strlen(event->alleles[0]),
                          .record_beg = facts->beg,
                          .record_end = facts->end,
                          .lack = facts->lack,
                          .half = facts->half,
                          .mixture = facts->mixture,
                          .spelled = facts->spelled};
    return KUNI_OK;
}

kuni_status kuni_collect_block(kuni_collect *collect, const kuni_block *block, kuni_error *err)
{
    block_list *blocks = &collect->blocks;
    if (blocks->n > 0 && block->beg < blocks->at[blocks->n - 1].end) collect->ordered = false;
    return push(blocks, block, err);
}

void kuni_collect_set_bands(kuni_collect *collect, const kuni_reband *bands, int64_t contig_bp)
{
    kuni_span *around = &collect->around;
    *around = collect->shard;
    collect->bands = bands;
    if (!bands) return;
    around->beg -= around->beg % KUNI_REBAND_BP;
    around->end += KUNI_REBAND_BP - 1 - (around->end - 1) % KUNI_REBAND_BP;
    if (around->end > contig_bp) around->end = contig_bp;
}

kuni_span kuni_collect_needs(const kuni_collect *collect)
{
    kuni_span needs = collect->around;
    for (size_t i = 0; i < collect->n_events; i++) {
        const collected_event *event = &collect->events[i];
        int64_t beg = event->record_beg < event->event.pos ? event->record_beg : event->event.pos;
        int64_t end = event->record_end > event->end ? event->record_end : event->end;
        if (end <= collect->around.beg || beg >= collect->around.end) continue;
        if (beg < needs.beg) needs.beg = beg;
        if (end > needs.end) needs.end = end;
    }
    return needs;
}

/* --- events --- */

static int compare_texts(const kuni_event *a, const kuni_event *b)
{
    for (int i = 0; i < a->n_alleles && i < b->n_alleles; i++) {
        int order = strcmp(a->alleles[i], b->alleles[i]);
        if (order) return order;
    }
    return a->n_alleles - b->n_alleles;
}

/*
 * By place, then by everything that may differ, so that the order of the file's lines leaves no
 * trace.
 */
int kuni_compare_collected(const void *a, const void *b)
{
    const kuni_event *x = &((const collected_event *)a)->event;
    const kuni_event *y = &((const collected_event *)b)->event;
    if (x->pos != y->pos) return x->pos < y->pos ? -1 : 1;
    int order = compare_texts(x, y);
    if (order) return order;
    if (x->qual != y->qual) return x->qual > y->qual ? -1 : 1;
    if (x->gq != y->gq) return x->gq > y->gq ? -1 : 1;
    if (x->gt[0] != y->gt[0]) return x->gt[0] - y->gt[0];
    if (x->gt[1] != y->gt[1]) return x->gt[1] - y->gt[1];
    return (x->dp < y->dp) - (x->dp > y->dp);
}

static void sort_events(kuni_collect *collect)
{
    for (size_t i = 1; i < collect->n_events; i++)
        if (kuni_compare_collected(&collect->events[i - 1], &collect->events[i]) > 0) {
            qsort(collect->events, collect->n_events, sizeof(*collect->events),
                  kuni_compare_collected);
            return;
        }
}

static bool same_genotype(const kuni_event *a, const kuni_event *b)
{
    return a->ploidy == b->ploidy && ((a->gt[0] == b->gt[0] && a->gt[1] == b->gt[1]) ||
                                      (a->gt[0] == b->gt[1] && a->gt[1] == b->gt[0]));
}

/*
 * Two records of the same alleles at the same place: one says enough where they agree; where they
 * differ neither can be believed.
 */
static void drop_doubles(kuni_collect *collect, kuni_import_counts *counts)
{
    size_t kept = 0;
    for (size_t i = 0; i < collect->n_events; i++) {
        collected_event *event = &collect->events[i];
        collected_event *last = kept > 0 ? &collect->events[kept - 1] : NULL;
        if (!last || last->event.pos != event->event.pos ||
            compare_texts(&last->event, &event->event) != 0) {
            collect->events[kept++] = *event;
            continue;
        }
        if (!same_genotype(&last->event, &event->event)) last->conflict = true;
        if (event->record_beg < last->record_beg) last->record_beg = event->record_beg;
        if (event->record_end > last->record_end) last->record_end = event->record_end;
        counts->doubles +=
            event->event.pos >= collect->shard.beg && event->event.pos < collect->shard.end;
    }
    collect->n_events = kept;
}

/* The bases that an allele of a called genotype replaces; empty for REF, *, <*> and insertions. */
static kuni_span replaced_bases(const kuni_event *event, int allele)
{
    kuni_span span = {.tid = 0};
    const char *alt = allele > 0 ? event->alleles[allele] : "*";
    if (alt[0] == '*' || alt[0] == '<' || (event->flags & KUNI_EVENT_FILTERED)) return span;
    size_t ref_length = strlen(event->alleles[0]), alt_length = strlen(alt);
    kuni_allele_trim trim = kuni_allele_minimal(event->alleles[0], ref_length, alt, alt_length);
    span.beg = event->pos + (int64_t)trim.skip;
    span.end = span.beg + (int64_t)trim.ref_length;
    /* The anchor base of an indel stays. */
    if (trim.ref_length != trim.alt_length && event->alleles[0][trim.skip] == alt[trim.skip])
        span.beg++;
    return span;
}

static int copies_over(const collected_event *event, int64_t pos)
{
    int copies = 0;
    for (int i = 0; i < event->event.ploidy; i++)
        copies += pos >= event->replaced[i].beg && pos < event->replaced[i].end;
    return copies;
}

/* --- the other copy of a deletion --- */

/* Likelihoods that none, one or both copies have lost a base to `event`, which reaches over it. */
static void lost_copies(const collected_event *deletion, int64_t pos, uint32_t lost[3])
{
    const kuni_event *event = &deletion->event;
    bool loses[KUNI_EVENT_ALLELES_MAX];
    for (int a = 0; a < event->n_alleles; a++) {
        kuni_span span = replaced_bases(event, a);
        loses[a] = pos >= span.beg && pos < span.end;
    }
    lost[0] = lost[2] = event->gq ? event->gq : SURE_PHRED;
    lost[1] = 0;
    if (!event->pl) return;
    lost[0] = lost[1] = lost[2] = KUNI_PL_MISSING - 1;
    for (int b = 0, g = 0; b < event->n_alleles; b++)
        for (int a = 0; a <= b; a++, g++) {
            uint32_t *least = &lost[loses[a] + loses[b]];
            if (event->pl[g] < *least) *least = event->pl[g];
        }
}

/*
 * Likelihoods over the event's alleles with "*" at `star`, diploid; NULL: no memory. That both
 * copies are lost is no better than the worst of the event, which has the reads of one.
 */
static uint16_t *star_likelihoods(const kuni_event *event, int star, const uint32_t lost[3],
                                  kuni_arena *arena, kuni_error *err)
{
    int n = event->n_alleles + 1;
    uint32_t least = UINT32_MAX, values[(KUNI_EVENT_ALLELES_MAX + 1) * KUNI_EVENT_ALLELES_MAX / 2];
    uint16_t *pl = kuni_arena_alloc(arena, (size_t)(n * (n + 1) / 2), sizeof(*pl), err);
    uint32_t most = 0, known = event->n_alleles;
    for (uint32_t g = 0; g < (event->ploidy == 1 ? known : known * (known + 1) / 2); g++)
        if (event->pl[g] > most) most = event->pl[g];
    for (int b = 0, g = 0; pl && b < n; b++)
        for (int a = 0; a <= b; a++, g++) {
            uint32_t own = most;
            int x = a == star ? -1 : a - (a > star), y = b == star ? -1 : b - (b > star);
            if (event->ploidy == 1 && (x >= 0 || y >= 0)) {
                uint32_t p = x < 0 ? 0 : event->pl[x], q = y < 0 ? 0 : event->pl[y];
                own = p > q ? p : q;
            } else if (x >= 0 || y >= 0) { /* beside "*" the reads are of the other copy alone */
                int p = x < 0 ? y : x, q = y < 0 ? x : y;
                own = event->pl[p <= q ? q * (q + 1) / 2 + p : p * (p + 1) / 2 + q];
            }
            values[g] = lost[(a == star) + (b == star)] + own;
            if (values[g] < least) least = values[g];
        }
    for (int g = 0; pl && g < n * (n + 1) / 2; g++) {
        uint32_t value = values[g] - least;
        pl[g] = (uint16_t)(value < KUNI_PL_MISSING ? value : KUNI_PL_MISSING - 1);
    }
    return pl;
}

/* The haplotype that the deletion took from a phased event; -1: not known. */
static int lost_haplotype(const collected_event *deletion, int64_t at, const kuni_event *event)
{
    const kuni_event *e = &deletion->event;
    if (!(e->flags & event->flags & KUNI_EVENT_PHASED) || e->phase_set != event->phase_set)
        return -1;
    return at >= deletion->replaced[0].beg && at < deletion->replaced[0].end ? 0 : 1;
}

/*
 * Makes an event of one copy, or twice the same, one of two, of which the other is "*", on
 * `haplotype` where that is known.
 */
static kuni_status add_star(kuni_collect *collect, kuni_event *event, const uint32_t lost[3],
                            int haplotype, kuni_error *err)
{
    int n = event->n_alleles, star = event->flags & KUNI_EVENT_OTHER ? n - 1 : n;
    const char **alleles = kuni_arena_alloc(collect->arena, (size_t)n + 1, sizeof(*alleles), err);
    if (!alleles) return KUNI_MEMORY;
    for (int a = 0; a <= n; a++) alleles[a] = a == star ? "*" : event->alleles[a - (a > star)];
    if (event->ad) {
        uint32_t *ad = kuni_arena_alloc(collect->arena, (size_t)n + 1, sizeof(*ad), err);
        if (!ad) return KUNI_MEMORY;
        for (int a = 0; a <= n; a++) ad[a] = a == star ? 0 : event->ad[a - (a > star)];
        event->ad = ad;
    }
    if (event->pl) {
        event->pl = star_likelihoods(event, star, lost, collect->arena, err);
        if (!event->pl) return KUNI_MEMORY;
    }
    event->alleles = alleles;
    event->n_alleles = (uint8_t)(n + 1);
    event->ploidy = 2;
    if (event->gt[0] >= 0) {
        if (event->gt[0] >= star) event->gt[0]++;
        event->gt[1] = (int8_t)star;
    }
    if (haplotype < 0) event->flags &= (uint8_t)~KUNI_EVENT_PHASED;
    if (haplotype < 0) event->phase_set = -1;
    if (haplotype == 0) {
        event->gt[1] = event->gt[0];
        event->gt[0] = (int8_t)star;
    }
    return KUNI_OK;
}

/*
 * What is of one copy only, as far as the event tells: Strelka writes one copy for what lies within
 * a deletion of the other, callers of pileups the same allele twice, as they see no reads of the
 * copy that lost the base. Returns a base that its allele needs, -1: it is of both copies.
 */
static int64_t place_of_one_copy(const collected_event *event)
{
    const kuni_event *e = &event->event;
    if (e->ploidy == 1) return e->pos;
    if (e->gt[0] <= 0 || e->gt[0] != e->gt[1] || !e->pl || e->flags & KUNI_EVENT_FILTERED)
        return -1;
    for (int a = 0; a < e->n_alleles; a++)
        if (e->alleles[a][0] == '*') return -1; /* the producer knows of the deletion */
    const kuni_span *span = &event->replaced[0];
    return span->beg < span->end ? span->beg : e->pos;
}

/*
 * Copies of the base that events which begin before number i have lost; *which: one that has lost
 * one copy.
 */
static int lost_before(const kuni_collect *collect, size_t first, size_t i, int64_t at,
                       size_t *which)
{
    int total = 0;
    for (size_t k = first; k < i; k++) {
        const collected_event *before = &collect->events[k];
        bool left = before->event.pos < collect->events[i].event.pos;
        int copies = left && before->event.ploidy == 2 ? copies_over(before, at) : 0;
        if (copies == 1) *which = k;
        total += copies;
    }
    return total;
}

/* Events of one copy are of two, too, where the other one is lost to a deletion. */
static kuni_status complete_copies(kuni_collect *collect, kuni_import_counts *counts,
                                   kuni_error *err)
{
    int64_t furthest = INT64_MIN;
    size_t first = 0; /* of the run of events that overlap one another */
    kuni_status status = KUNI_OK;
    for (size_t i = 0; !status && i < collect->n_events; i++) {
        collected_event *event = &collect->events[i];
        for (int copy = 0; copy < event->event.ploidy; copy++)
            event->replaced[copy] = replaced_bases(&event->event, event->event.gt[copy]);
        if (event->event.pos >= furthest) first = i;
        if (event->end > furthest) furthest = event->end;
        int64_t at = first < i ? place_of_one_copy(event) : -1;
        size_t which = i;
        if (at < 0 || event->event.n_alleles >= KUNI_EVENT_ALLELES_MAX ||
            lost_before(collect, first, i, at, &which) != 1)
            continue;
        uint32_t lost[3];
        bool diploid = event->event.ploidy == 2;
        lost_copies(&collect->events[which], at, lost);
        int haplotype = lost_haplotype(&collect->events[which], at, &event->event);
        status = add_star(collect, &event->event, lost, haplotype, err);
        if (diploid) count_in_shard(collect, event->event.pos, &counts->other_copy);
        for (int copy = 0; copy < 2; copy++)
            event->replaced[copy] = replaced_bases(&event->event, event->event.gt[copy]);
    }
    return status;
}

/* --- conflicts --- */

/*
 * Marks all that replace the base, where they are more than the sample has copies. Bare genotypes,
 * of a finished call set, are what they are.
 */
static void judge_place(kuni_collect *collect, size_t first, size_t last, int64_t at)
{
    int total = 0;
    bool bare = true;
    for (size_t i = first; i <= last; i++) {
        int copies = copies_over(&collect->events[i], at);
        total += copies;
        if (copies && (collect->events[i].event.pl || collect->events[i].event.gq)) bare = false;
    }
    if (bare || total <= collect->events[last].event.ploidy) return;
    for (size_t i = first; i <= last; i++)
        if (copies_over(&collect->events[i], at)) collect->events[i].conflict = true;
}

/*
 * The copies over a base rise only where an event begins to replace: those places within both are
 * looked at.
 */
static void compare_pair(kuni_collect *collect, size_t first, size_t other, size_t last)
{
    const collected_event *a = &collect->events[other], *b = &collect->events[last];
    for (int i = 0; i < a->event.ploidy; i++)
        for (int k = 0; k < b->event.ploidy; k++) {
            int64_t beg =
                a->replaced[i].beg > b->replaced[k].beg ? a->replaced[i].beg : b->replaced[k].beg;
            if (beg < a->replaced[i].end && beg < b->replaced[k].end)
                judge_place(collect, first, last, beg);
        }
}

/* Whether the called genotype has a copy that is lost to an event from the left. */
static bool has_star(const kuni_event *event)
{
    for (int i = 0; i < event->ploidy; i++)
        if (event->gt[i] > 0 && event->alleles[event->gt[i]][0] == '*') return true;
    return false;
}

/* "*" of a deletion that is in conflict is in conflict, too. */
static void follow_deletion(const kuni_collect *collect, size_t first, size_t i)
{
    collected_event *event = &collect->events[i];
    for (size_t k = first; k < i && !event->conflict && has_star(&event->event); k++) {
        const collected_event *before = &collect->events[k];
        event->conflict = before->conflict && before->event.pos < event->event.pos &&
                          copies_over(before, event->event.pos) > 0;
    }
}

/*
 * Records that replace one base on more copies than the sample has contradict each other. Whether
 * an event is in conflict follows from the events that overlap it, and from nothing further away.
 */
static void find_conflicts(kuni_collect *collect)
{
    int64_t furthest = INT64_MIN;
    size_t first = 0; /* of the run of events that overlap one another */
    for (size_t i = 0; i < collect->n_events; i++) {
        collected_event *event = &collect->events[i];
        for (int copy = 0; copy < event->event.ploidy; copy++)
            event->replaced[copy] = replaced_bases(&event->event, event->event.gt[copy]);
        if (event->event.pos >= furthest) first = i;
        if (event->end > furthest) furthest = event->end;
        for (size_t k = first; k < i; k++)
            if (collect->events[k].end > event->event.pos) compare_pair(collect, first, k, i);
    }
    furthest = INT64_MIN;
    for (size_t i = 0; i < collect->n_events; i++) {
        if (collect->events[i].event.pos >= furthest) first = i;
        if (collect->events[i].end > furthest) furthest = collect->events[i].end;
        follow_deletion(collect, first, i);
    }
}

/*
 * Takes events in conflict out and leaves blocks that say so; leaves fillers where normalisation
 * made room.
 */
static kuni_status make_blocks(kuni_collect *collect, kuni_import_counts *counts, kuni_error *err)
{
    size_t kept = 0;
    kuni_status status = KUNI_OK;
    for (size_t i = 0; !status && i < collect->n_events; i++) {
        const collected_event *event = &collect->events[i];
        kuni_block block = {
            .beg = event->event.pos,
            .end = event->end,
            .kind = KUNI_BLOCK_CONFLICT,
            .ploidy = event->event.ploidy,
            .gq = 0,
            .min_dp = (uint16_t)(event->event.dp < UINT16_MAX ? event->event.dp : UINT16_MAX)};
        if (event->conflict) {
            counts->conflicts +=
                event->event.pos >= collect->shard.beg && event->event.pos < collect->shard.end;
            status = push(&collect->made, &block, err);
            continue;
        }
        block.kind = event->event.flags & KUNI_EVENT_FILTERED ? KUNI_BLOCK_FILTERED : KIND_FILLER;
        block.gq = event->event.gq;
        if (event->record_beg < event->event.pos) {
            block.beg = event->record_beg;
            block.end = event->event.pos < event->record_end ? event->event.pos : event->record_end;
            status = push(&collect->made, &block, err);
        }
        if (!status && event->record_end > event->end) {
            block.beg = event->end > event->record_beg ? event->end : event->record_beg;
            block.end = event->record_end;
            status = push(&collect->made, &block, err);
        }
        collect->events[kept++] = *event;
    }
    collect->n_events = kept;
    return status;
}

/* --- blocks --- */

static int severity(uint8_t kind)
{
    return kind == KUNI_BLOCK_CONFLICT                                  ? 3
           : kind == KUNI_BLOCK_FILTERED || kind == KUNI_BLOCK_UNLISTED ? 2
           : kind == KIND_FILLER                                        ? 0
                                                                        : 1;
}

/* What holds where two blocks overlap: the graver kind; of equal ones the lesser confidence. */
static kuni_block combine(const kuni_block *a, const kuni_block *b)
{
    kuni_block both = severity(a->kind) >= severity(b->kind) ? *a : *b;
    if (severity(a->kind) != severity(b->kind)) return both;
    if (a->kind != b->kind) /* a number is better than none */
        return a->kind == KUNI_BLOCK_STATED || b->kind == KUNI_BLOCK_FILTERED ||
                       b->kind == KUNI_BLOCK_LOW
                   ? *b
                   : *a;
    if (a->either != b->either) { /* what is told for one number of copies holds */
        const kuni_block *sure = a->either ? b : a, *open = a->either ? a : b;
        both.ploidy = sure->ploidy;
        both.gq = kuni_block_gq(open, sure->ploidy);
        if (sure->gq < both.gq) both.gq = sure->gq;
        both.gq_one = 0;
        both.either = false;
    } else {
        if (a->ploidy != b->ploidy) both.kind = KUNI_BLOCK_CONFLICT;
        both.ploidy = a->ploidy > b->ploidy ? a->ploidy : b->ploidy;
        both.gq = a->gq < b->gq ? a->gq : b->gq;
        both.gq_one = a->gq_one < b->gq_one ? a->gq_one : b->gq_one;
    }
    both.min_dp = a->min_dp < b->min_dp ? a->min_dp : b->min_dp;
    return both;
}

static int compare_blocks(const void *a, const void *b)
{
    const kuni_block *x = a, *y = b;
    return (x->beg > y->beg) - (x->beg < y->beg);
}

static kuni_status push_part(block_list *list, kuni_block part, int64_t beg, int64_t end,
                             kuni_error *err)
{
    if (beg >= end) return KUNI_OK;
    part.beg = beg;
    part.end = end;
    return push(list, &part, err);
}

/* Lays a block over the flat list, whose blocks all begin at or before it. */
static kuni_status overlay(kuni_collect *collect, kuni_block block, kuni_error *err)
{
    block_list *flat = &collect->flat, *pending = &collect->pending;
    pending->n = 0;
    kuni_status status = KUNI_OK;
    while (!status && flat->n > 0 && flat->at[flat->n - 1].end > block.beg)
        status = push(pending, &flat->at[--flat->n], err);
    while (!status && pending->n > 0) { /* front to back: they were pushed back to front */
        kuni_block old = pending->at[--pending->n];
        int64_t beg = old.beg > block.beg ? old.beg : block.beg;
        int64_t end = old.end < block.end ? old.end : block.end;
        if (beg >= end) { /* behind the block's end */
            status = push_part(flat, block, block.beg, block.end, err);
            block.beg = block.end;
            if (!status) status = push(flat, &old, err);
            continue;
        }
        status = push_part(flat, old, old.beg, beg, err);
        if (!status) status = push_part(flat, block, block.beg, beg, err);
        if (!status) status = push_part(flat, combine(&old, &block), beg, end, err);
        if (!status && end < old.end) {
            block.beg = block.end;
            status = push_part(flat, old, end, old.end, err);
            continue;
        }
        block.beg = end;
    }
    if (!status) status = push_part(flat, block, block.beg, block.end, err);
    return status;
}

static kuni_status flatten(kuni_collect *collect, kuni_import_counts *counts, kuni_error *err)
{
    block_list *blocks = &collect->blocks;
    if (collect->ordered && collect->made.n == 0) {
        block_list swap = collect->flat;
        collect->flat = *blocks;
        *blocks = swap;
        return KUNI_OK;
    }
    for (size_t i = 1; !collect->ordered && i < blocks->n; i++)
        counts->overlaps += blocks->at[i].beg < blocks->at[i - 1].end &&
                            blocks->at[i].beg >= collect->shard.beg &&
                            blocks->at[i].beg < collect->shard.end;
    if (collect->made.n > 0)
        qsort(collect->made.at, collect->made.n, sizeof(*collect->made.at), compare_blocks);
    collect->flat.n = 0;
    kuni_status status = KUNI_OK;
    for (size_t i = 0, k = 0; !status && (i < blocks->n || k < collect->made.n);) {
        bool mine =
            i < blocks->n && (k == collect->made.n || blocks->at[i].beg <= collect->made.at[k].beg);
        status = overlay(collect, mine ? blocks->at[i++] : collect->made.at[k++], err);
    }
    return status;
}

/* Blocks on their way out. */
typedef struct block_writer {
    const kuni_collect *collect;
    kuni_evidence_writer *writer;
    uint32_t sample;
    kuni_block last; /* goes on as long as blocks join it; beg == end: none */
    uint16_t most_dp;
} block_writer;

static kuni_status put_last(block_writer *w, kuni_error *err)
{
    kuni_block block = w->last;
    const kuni_span *shard = &w->collect->shard;
    w->last.beg = w->last.end;
    if (block.beg < shard->beg) block.beg = shard->beg;
    if (block.end > shard->end) block.end = shard->end;
    if (block.beg >= block.end) return KUNI_OK;
    if (w->collect->bands && block.kind == KUNI_BLOCK_REFERENCE) {
        block.gq = kuni_block_floor_gq(block.gq);
        block.gq_one = kuni_block_floor_gq(block.gq_one);
        if (block.min_dp != KUNI_MIN_DP_MISSING)
            block.min_dp = kuni_block_floor_depth(block.min_dp);
    }
    block.sample = w->sample;
    return kuni_evidence_add_block(w->writer, &block, err);
}

static size_t band_of(const kuni_reband *bands, uint8_t gq)
{
    size_t band = 0;
    while (band < bands->n && gq >= bands->edges[band]) band++;
    return band;
}

/* Depths of one block: the least stands for all. Below 10 a genotype is commonly taken as unknown. */
static bool depths_alike(uint16_t least, uint16_t most)
{
    enum { FEW = 10 };
    if (least == KUNI_MIN_DP_MISSING || most == KUNI_MIN_DP_MISSING) return least == most;
    if ((least == 0) != (most == 0) || (least < FEW) != (most < FEW)) return false;
    return kuni_block_depths_alike(least, most);
}

static bool joins_last(const block_writer *w, const kuni_block *block)
{
    const kuni_block *last = &w->last;
    const kuni_reband *bands = w->collect->bands;
    uint16_t least = block->min_dp < last->min_dp ? block->min_dp : last->min_dp;
    uint16_t most = block->min_dp > w->most_dp ? block->min_dp : w->most_dp;
    return bands && last->beg < last->end && last->end == block->beg &&
           last->kind == KUNI_BLOCK_REFERENCE && block->kind == KUNI_BLOCK_REFERENCE &&
           last->ploidy == block->ploidy && last->either == block->either &&
           last->beg / KUNI_REBAND_BP == (block->end - 1) / KUNI_REBAND_BP &&
           band_of(bands, last->gq) == band_of(bands, block->gq) &&
           band_of(bands, last->gq_one) == band_of(bands, block->gq_one) &&
           depths_alike(least, most);
}

static kuni_status write_block(block_writer *w, kuni_block block, int64_t beg, int64_t end,
                               kuni_error *err)
{
    if (end <= w->collect->around.beg || beg >= w->collect->around.end) return KUNI_OK;
    block.beg = beg;
    block.end = end;
    if (block.kind == KIND_FILLER) block.kind = KUNI_BLOCK_REFERENCE;
    if (joins_last(w, &block)) {
        w->last.end = end;
        if (block.gq < w->last.gq) w->last.gq = block.gq;
        if (block.gq_one < w->last.gq_one) w->last.gq_one = block.gq_one;
        if (block.min_dp < w->last.min_dp) w->last.min_dp = block.min_dp;
        if (block.min_dp > w->most_dp) w->most_dp = block.min_dp;
        return KUNI_OK;
    }
    kuni_status status = put_last(w, err);
    w->last = block;
    w->most_dp = block.min_dp;
    return status;
}

/* Writes the blocks but where events lie. */
static kuni_status write_blocks(const kuni_collect *collect, uint32_t sample,
                                kuni_evidence_writer *writer, kuni_error *err)
{
    size_t next = 0;
    kuni_status status = KUNI_OK;
    block_writer blocks = {.collect = collect, .writer = writer, .sample = sample};
    int64_t covered = 0; /* up to here events cover all that they reach */
    for (size_t i = 0; !status && i < collect->flat.n; i++) {
        const kuni_block *block = &collect->flat.at[i];
        int64_t beg = block->beg;
        while (!status && beg < block->end) {
            while (next < collect->n_events && collect->events[next].event.pos <= beg) {
                if (collect->events[next].end > covered) covered = collect->events[next].end;
                next++;
            }
            if (covered > beg) {
                beg = covered;
                continue;
            }
            int64_t end = block->end;
            if (next < collect->n_events && collect->events[next].event.pos < end)
                end = collect->events[next].event.pos;
            status = write_block(&blocks, *block, beg, end, err);
            beg = end;
        }
    }
    return status ? status : put_last(&blocks, err);
}

kuni_status kuni_collect_write(kuni_collect *collect, uint32_t sample, kuni_evidence_writer *writer,
                               kuni_import_counts *counts, kuni_error *err)
{
    kuni_status status = kuni_join_places(collect, counts, err);
    if (status) return status;
    sort_events(collect);
    drop_doubles(collect, counts);
    status = complete_copies(collect, counts, err);
    if (status) return status;
    find_conflicts(collect);
    status = make_blocks(collect, counts, err);
    if (!status) status = flatten(collect, counts, err);
    if (!status) status = write_blocks(collect, sample, writer, err);
    for (size_t i = 0; !status && i < collect->n_events; i++) {
        kuni_event *event = &collect->events[i].event;
        if (event->pos >= collect->shard.end || collect->events[i].end <= collect->shard.beg)
            continue;
        event->sample = sample;
        status = kuni_evidence_add_event(writer, event, err);
    }
    return status;
}
