/* SPDX-License-Identifier: MIT */
#include "places.h"

#include <stdlib.h>
#include <string.h>

#include "join.h"

static bool is_partial(const collected_event *event)
{
    return event->lack > 0 || event->half;
}

/* The event as its record spells it: records of one position are joined before they move. */
static kuni_event spell(const collected_event *event)
{
    kuni_event spelled = event->event;
    spelled.pos = event->record_beg;
    if (event->spelled) spelled.alleles = event->spelled;
    return spelled;
}

static kuni_status normalise_joined(struct kuni_collect *collect, collected_event *event,
                                    kuni_error *err)
{
    event->spelled = event->event.alleles;
    kuni_status status =
        collect->normalise ? collect->normalise(collect->context, &event->event, err) : KUNI_OK;
    event->end = event->event.pos + (int64_t)strlen(event->event.alleles[0]);
    return status;
}

/* Puts what was made of the events from `first` on, and `second`, in the place of the first. */
static void take_joined(collected_event *first, const collected_event *second,
                        const kuni_event *made)
{
    first->event = *made;
    first->spelled = NULL;
    if (second->record_beg < first->record_beg) first->record_beg = second->record_beg;
    if (second->record_end > first->record_end) first->record_end = second->record_end;
    first->lack = 0;
    first->half = false;
}

/* Parts of a split record, whole again; *n: how many events are left. */
static kuni_status join_parts(struct kuni_collect *collect, collected_event *events, size_t *n,
                              kuni_import_counts *counts, kuni_error *err)
{
    kuni_split_part *parts = kuni_arena_alloc(collect->arena, *n, sizeof(*parts), err);
    kuni_event made, *spelled = kuni_arena_alloc(collect->arena, *n, sizeof(*spelled), err);
    bool joined;
    if (!parts || !spelled) return KUNI_MEMORY;
    for (size_t i = 0; i < *n; i++) {
        spelled[i] = spell(&events[i]);
        parts[i] = (kuni_split_part){.event = &spelled[i], .lack = events[i].lack};
    }
    kuni_status status = kuni_join_split(parts, *n, collect->arena, &made, &joined, err);
    if (status || !joined) return status;
    for (size_t i = 1; i < *n; i++) take_joined(&events[0], &events[i], &made);
    *n = 1;
    count_in_shard(collect, made.pos, &counts->joined);
    return normalise_joined(collect, events, err);
}

/* Changes of one haplotype, as one allele. */
static kuni_status join_changes(struct kuni_collect *collect, collected_event *events, size_t *n,
                                kuni_import_counts *counts, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < *n && !status; i++)
        for (size_t k = i + 1; k < *n && !status;) {
            kuni_event made, first = spell(&events[i]), second = spell(&events[k]);
            bool joined = false;
            if (!events[i].mixture && !events[k].mixture)
                status = kuni_join_haplotypes(&first, &second, collect->arena, &made, &joined, err);
            if (status || !joined) {
                k++;
                continue;
            }
            take_joined(&events[i], &events[k], &made);
            memmove(&events[k], &events[k + 1], (*n - k - 1) * sizeof(*events));
            --*n;
            count_in_shard(collect, made.pos, &counts->joined);
            status = normalise_joined(collect, &events[i], err);
        }
    return status;
}

/* What is left of a genotype of which the record tells only a part: none. */
static void settle_partial(struct kuni_collect *collect, collected_event *event,
                           kuni_import_counts *counts)
{
    if (!is_partial(event)) return;
    if (event->lack > 0) {
        event->event.flags |= KUNI_EVENT_UNLISTED;
        count_in_shard(collect, event->event.pos, &counts->unlisted);
    }
    event->event.flags &= (uint8_t)~(KUNI_EVENT_EITHER | KUNI_EVENT_ONE | KUNI_EVENT_PHASED);
    event->event.gt[0] = event->event.gt[1] = -1;
    event->event.phase_set = -1;
    event->event.gq = 0;
    event->event.pl = NULL;
    event->lack = 0;
    event->half = false;
}

/* A block of a called <*> beside the records of the ALTs: they are parts of one that was split. */
static void find_split_blocks(struct kuni_collect *collect)
{
    for (size_t b = 0, i = 0; b < collect->blocks.n && i < collect->n_events; b++) {
        const kuni_block *block = &collect->blocks.at[b];
        if (block->kind != KUNI_BLOCK_UNLISTED) continue;
        while (i < collect->n_events && collect->events[i].record_beg < block->beg) i++;
        for (size_t k = i; k < collect->n_events && collect->events[k].record_beg == block->beg;
             k++)
            if (!collect->events[k].lack) collect->events[k].lack = 1;
    }
}

static int compare_spelled(const void *a, const void *b)
{
    collected_event x = *(const collected_event *)a, y = *(const collected_event *)b;
    x.event = spell(&x);
    y.event = spell(&y);
    return kuni_compare_collected(&x, &y);
}

/* Joins what records of one position say. Records come in order of their positions. */
kuni_status kuni_join_places(struct kuni_collect *collect, kuni_import_counts *counts,
                             kuni_error *err)
{
    kuni_status status = KUNI_OK;
    size_t kept = 0;
    find_split_blocks(collect);
    for (size_t i = 0, next; i < collect->n_events && !status; i = next) {
        collected_event *events = &collect->events[i];
        bool partial = is_partial(events);
        for (next = i + 1;
             next < collect->n_events && collect->events[next].record_beg == events[0].record_beg;
             next++)
            partial = partial || is_partial(&collect->events[next]);
        size_t n = next - i;
        if (n > 1) {
            qsort(events, n, sizeof(*events), compare_spelled);
            status = (partial ? join_parts : join_changes)(collect, events, &n, counts, err);
        }
        for (size_t k = 0; k < n; k++) {
            settle_partial(collect, &events[k], counts);
            collect->events[kept++] = events[k];
        }
    }
    collect->n_events = kept;
    return status;
}
