/* SPDX-License-Identifier: MIT */
#include "evidence_check.h"

#include <stdlib.h>

#include "evidence_dictionary.h"
#include "evidence_format.h"

/* NULL, or the promise that the events of a chunk break. */
static const char *events_fault(const kuni_evidence_chunk *chunk)
{
    for (size_t i = 0; i < chunk->n_events; i++) {
        const kuni_event *event = &chunk->events[i];
        const kuni_event *before = i > 0 ? event - 1 : NULL;
        if (before && (before->pos > event->pos ||
                       (before->pos == event->pos && before->sample > event->sample)))
            return "the events are out of order";
        if (event->pos >= chunk->end ||
            event->pos + (int64_t)strlen(event->alleles[0]) <= chunk->beg)
            return "an event lies outside the chunk";
        if (((event->flags & KUNI_EVENT_CARRIED) != 0) != (event->pos < chunk->beg))
            return "an event is carried and is not";
        bool other = strcmp(event->alleles[event->n_alleles - 1], "<*>") == 0;
        if (other != ((event->flags & KUNI_EVENT_OTHER) != 0))
            return "an event's flags contradict its alleles";
        if (!event->pl) continue;
        uint32_t n = kuni_pl_count(event->n_alleles, event->ploidy), least = UINT32_MAX;
        for (uint32_t k = 0; k < n; k++)
            if (event->pl[k] < least) least = event->pl[k];
        if (least != 0) return "the likelihoods of an event are not normalised";
    }
    return NULL;
}

/* NULL, or the promise that the blocks of a chunk break. `ends` holds an end per sample. */
static const char *blocks_fault(const kuni_evidence_chunk *chunk, int64_t *ends, uint32_t n_samples)
{
    for (uint32_t i = 0; i < n_samples; i++) ends[i] = chunk->beg;
    for (size_t i = 0; i < chunk->n_blocks; i++) {
        const kuni_block *block = &chunk->blocks[i];
        const kuni_block *before = i > 0 ? block - 1 : NULL;
        if (before && (before->beg > block->beg ||
                       (before->beg == block->beg && before->sample >= block->sample)))
            return "the blocks are out of order";
        if (block->beg < ends[block->sample] || block->end > chunk->end)
            return "blocks of a sample overlap";
        ends[block->sample] = block->end;
    }
    return NULL;
}

static bool same_census(const kuni_census *a, const kuni_census *b)
{
    return a->pos == b->pos && strcmp(a->ref, b->ref) == 0 && strcmp(a->alt, b->alt) == 0 &&
           a->n_samples == b->n_samples && a->n_copies == b->n_copies &&
           a->sum_qual == b->sum_qual && a->max_qual == b->max_qual;
}

/* Rebuilds the dictionary from the events; *fault is NULL or what differs. */
static kuni_status compare_dictionary(const kuni_evidence_chunk *chunk, uint32_t n_samples,
                                      kuni_arena *arena, const char **fault, kuni_error *err)
{
    kuni_dictionary built;
    *fault = NULL;
    kuni_arena_clear(arena);
    kuni_event *events = kuni_arena_alloc(arena, chunk->n_events + 1, sizeof(*events), err);
    if (!events) return KUNI_MEMORY;
    if (chunk->n_events > 0) memcpy(events, chunk->events, chunk->n_events * sizeof(*events));
    kuni_chunk_input input = {.beg = chunk->beg,
                              .end = chunk->end,
                              .n_samples = n_samples,
                              .events = events,
                              .n_events = chunk->n_events};
    kuni_status status = kuni_dictionary_build(&built, arena, &input, err);
    if (status) return status;
    if (built.n_sets != chunk->n_sets || built.n_alleles != chunk->n_alleles)
        *fault = "the dictionary does not hold the alleles of the events";
    for (size_t i = 0; !*fault && i < chunk->n_alleles; i++)
        if (!same_census(&built.alleles[i], &chunk->alleles[i]))
            *fault = "the census contradicts the events";
    for (size_t i = 0; !*fault && i < chunk->n_events; i++)
        if (events[i].set != chunk->events[i].set) *fault = "the allele sets are out of order";
    for (size_t i = 0; !*fault && i < chunk->n_sets; i++)
        for (uint32_t k = 0; k < chunk->sets[i].n_alleles; k++)
            if (built.sets[i].links[k] != chunk->sets[i].census[k])
                *fault = "an allele set is linked to another's census";
    return KUNI_OK;
}

kuni_status kuni_evidence_check(const char *path, kuni_error *err)
{
    return kuni_evidence_check_part(path, 0, 0, err);
}

kuni_status kuni_evidence_check_part(const char *path, uint64_t offset, uint64_t bytes,
                                     kuni_error *err)
{
    kuni_evidence_reader *reader = NULL;
    int64_t *ends = NULL;
    kuni_status status = KUNI_MEMORY;
    kuni_arena *arena = kuni_arena_new(err);
    if (!arena) return status;
    status = kuni_evidence_open_part(&reader, path, offset, bytes, err);
    if (status) goto fail;
    uint32_t n_samples = kuni_evidence_get_header(reader)->n_samples;
    ends = kuni_alloc((size_t)n_samples + 1, sizeof(*ends), err);
    if (!ends) {
        status = KUNI_MEMORY;
        goto fail;
    }
    for (size_t i = 0; !status && i < kuni_evidence_chunk_count(reader); i++) {
        kuni_evidence_chunk chunk;
        status = kuni_evidence_read(reader, i, KUNI_READ_ALL, &chunk, err);
        if (status) break;
        const char *fault = events_fault(&chunk);
        if (!fault) fault = blocks_fault(&chunk, ends, n_samples);
        if (!fault) status = compare_dictionary(&chunk, n_samples, arena, &fault, err);
        if (fault)
            status = kuni_fail(err, KUNI_DATA, "evidence %s: chunk %zu (%s:%lld-%lld): %s", path, i,
                               kuni_evidence_get_header(reader)->contig, (long long)chunk.beg + 1,
                               (long long)chunk.end, fault);
    }
fail:
    free(ends);
    kuni_evidence_close(reader);
    kuni_arena_free(arena);
    return status;
}
