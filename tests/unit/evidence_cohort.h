/* SPDX-License-Identifier: MIT */
/*
 * A small random cohort for tests of the evidence store: events and blocks of every kind, seeded,
 * in memory.
 */
#ifndef KUNI_TESTS_EVIDENCE_COHORT_H
#define KUNI_TESTS_EVIDENCE_COHORT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kuni/evidence.h"

typedef struct test_event {
    kuni_event event;
    const char *names[8];
    char text[8][64];
    uint16_t pl[36];
    uint32_t ad[8];
    bool has_pl, has_ad;
} test_event;

typedef struct test_cohort {
    kuni_span shard;
    uint32_t n_samples;
    test_event *events; /* sample by sample */
    size_t n_events, events_capacity;
    kuni_block *blocks;
    size_t n_blocks, blocks_capacity;
    uint64_t seed;
    bool rounded; /* likelihoods, as producers should */
} test_cohort;

static inline uint64_t test_random(uint64_t *seed)
{
    uint64_t z = (*seed += 0x9e3779b97f4a7c15u); /* splitmix64 */
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static inline uint32_t test_below(uint64_t *seed, uint32_t n)
{
    return (uint32_t)(test_random(seed) % n);
}

static inline void test_bases(uint64_t *seed, char *text, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) text[i] = "ACGT"[test_below(seed, 4)];
    text[n] = '\0';
}

/*
 * Fills an event with random content; plain ones look like calls, odd ones use every corner of the
 * format.
 */
static inline void test_make_event(test_cohort *cohort, test_event *made, uint32_t sample,
                                   int64_t pos, bool odd)
{
    uint64_t *seed = &cohort->seed;
    uint64_t site = (uint64_t)pos; /* alleles belong to the position, so that samples share them */
    *made = (test_event){0};
    kuni_event *event = &made->event;
    event->pos = pos;
    event->sample = sample;
    event->ploidy = odd && test_below(seed, 3) == 0 ? 1 : 2;
    uint32_t n = odd ? 2 + test_below(&site, 5) : 2;
    test_bases(&site, made->text[0], test_below(&site, 6) == 0 ? 1 + test_below(&site, 40) : 1);
    for (uint32_t i = 1; i < n; i++) {
        if (odd && test_below(&site, 9) == 0)
            strcpy(made->text[i], "*");
        else
            test_bases(&site, made->text[i],
                       test_below(&site, 6) == 0 ? 2 + test_below(&site, 20) : 1);
        if (i == 1 && strcmp(made->text[0], made->text[1]) == 0)
            made->text[1][0] = made->text[0][0] == 'A' ? 'C' : 'A';
    }
    if (test_below(seed, 2)) {
        strcpy(made->text[n++], "<*>");
        event->flags |= KUNI_EVENT_OTHER;
    }
    event->n_alleles = (uint8_t)n;
    event->gt[0] = (int8_t)(test_below(seed, odd ? n + 1 : 2) - (odd ? 1u : 0u));
    event->gt[1] = (int8_t)(test_below(seed, odd ? n + 1 : 2) - (odd ? 1u : 0u));
    if (!odd && event->gt[0] == 0) event->gt[1] = 1;
    if (event->ploidy == 1) event->gt[1] = -1;
    if (odd && test_below(seed, 4) == 0) event->flags |= KUNI_EVENT_PHASED;
    if (odd && test_below(seed, 8) == 0) event->flags |= KUNI_EVENT_FILTERED;
    if (odd && test_below(seed, 8) == 0) event->flags |= KUNI_EVENT_FORCED;
    event->phase_set = (event->flags & KUNI_EVENT_PHASED) && test_below(seed, 2)
                           ? (int64_t)test_below(seed, (uint32_t)pos + 1)
                           : -1;
    event->gq = (uint8_t)test_below(seed, 100);
    event->mq = (uint8_t)(odd ? test_below(seed, 256) : 60);
    event->qual = (uint16_t)test_below(seed, odd ? 65536 : 3000);
    event->dp = odd && test_below(seed, 20) == 0 ? UINT32_MAX - 7 : test_below(seed, 60);
    made->has_ad = !odd || test_below(seed, 4) != 0;
    made->has_pl = !odd || test_below(seed, 4) != 0;
    for (uint32_t i = 0; i < n; i++)
        made->ad[i] = odd && test_below(seed, 30) == 0 ? UINT32_MAX : test_below(seed, 40);
    uint32_t n_pl = event->ploidy == 1 ? n : n * (n + 1) / 2;
    for (uint32_t i = 0; i < n_pl; i++)
        made->pl[i] = (uint16_t)(odd && test_below(seed, 9) == 0 ? test_below(seed, 65536)
                                                                 : 30 * test_below(seed, 40));
    if (event->ploidy == 2 && test_below(seed, 4))
        made->pl[event->gt[0] == event->gt[1] ? (event->gt[0] > 0 ? 2 : 0) : 1] = 0;
    uint32_t known = n - ((event->flags & KUNI_EVENT_OTHER) != 0);
    uint32_t first_other = event->ploidy == 1 ? known : known * (known + 1) / 2;
    for (uint32_t i = 0; cohort->rounded && i < n_pl; i++)
        made->pl[i] =
            kuni_pl_round(made->pl[i], i < first_other ? KUNI_PL_BITS : KUNI_PL_BITS_OTHER);
    if (event->ploidy == 2 && made->has_pl && test_below(seed, 5) == 0)
        event->flags |= event->gt[0] == event->gt[1] && test_below(seed, 2)
                            ? KUNI_EVENT_EITHER | KUNI_EVENT_ONE
                            : KUNI_EVENT_EITHER;
    if (test_below(seed, 3))
        for (int i = 0; i < 4; i++) event->sb[i] = test_below(seed, 20);
    if (test_below(seed, 3))
        for (int i = 0; i < KUNI_RANKS; i++)
            if (test_below(seed, 5))
                event->rank[i] = kuni_rank_code(test_below(seed, 65) / 2.0 - 16);
}

/* Points the event at its own storage: after it stands at its final place. */
static inline const kuni_event *test_event_ready(test_event *made)
{
    for (int i = 0; i < 8; i++) made->names[i] = made->text[i];
    made->event.alleles = made->names;
    made->event.pl = made->has_pl ? made->pl : NULL;
    made->event.ad = made->has_ad ? made->ad : NULL;
    return &made->event;
}

static inline void *test_grown(void *old, size_t *capacity, size_t need, size_t size)
{
    if (need <= *capacity) return old;
    *capacity = need * 2;
    void *grown = realloc(old, *capacity * size);
    if (!grown) abort();
    return grown;
}

/*
 * `spacing` is the mean distance between events of a sample; every `odd_every`-th is odd (0: none).
 */
static inline void test_cohort_make(test_cohort *cohort, kuni_span shard, uint32_t n_samples,
                                    uint32_t spacing, uint32_t odd_every, uint64_t seed)
{
    *cohort =
        (test_cohort){.shard = shard, .n_samples = n_samples, .seed = seed, .rounded = seed % 2};
    for (uint32_t s = 0; s < n_samples; s++) {
        int64_t end = shard.beg;
        for (int64_t pos = shard.beg; pos < shard.end;) {
            pos += (int64_t)test_below(&cohort->seed, 2 * spacing);
            if (pos >= shard.end) break;
            if (pos > end) { /* tile the way to it with blocks, and leave gaps here and there */
                while (end < pos) {
                    int64_t next = end + 1 + (int64_t)test_below(&cohort->seed, spacing);
                    if (next > pos) next = pos;
                    cohort->blocks = test_grown(cohort->blocks, &cohort->blocks_capacity,
                                                cohort->n_blocks + 1, sizeof(kuni_block));
                    bool hole = cohort->n_blocks >= 2 && test_below(&cohort->seed, 4) == 0;
                    if (test_below(&cohort->seed, 10)) {
                        kuni_block *block = &cohort->blocks[cohort->n_blocks++];
                        *block = (kuni_block){.beg = end,
                                              .end = next,
                                              .sample = s,
                                              .kind = test_below(&cohort->seed, 20)
                                                          ? KUNI_BLOCK_REFERENCE
                                                          : KUNI_BLOCK_CONFLICT,
                                              .ploidy = 2,
                                              .gq = (uint8_t)test_below(&cohort->seed, 100),
                                              .min_dp = (uint16_t)test_below(&cohort->seed, 50)};
                        block->either = test_below(&cohort->seed, 4) == 0;
                        if (block->either) block->gq_one = (uint8_t)test_below(&cohort->seed, 100);
                        if (hole) { /* this one is what it was before the last one */
                            block->kind = block[-1].kind = block[-2].kind;
                            block->gq = block[-2].gq;
                            block->either = block[-1].either = block[-2].either;
                            if (!block->either) block->gq_one = block[-1].gq_one = 0;
                            block->min_dp = block[-1].min_dp = block[-2].min_dp;
                        }
                    }
                    end = next;
                }
            }
            cohort->events = test_grown(cohort->events, &cohort->events_capacity,
                                        cohort->n_events + 1, sizeof(test_event));
            test_event *made = &cohort->events[cohort->n_events];
            bool odd = odd_every && cohort->n_events % odd_every == 0;
            cohort->n_events++;
            test_make_event(cohort, made, s, pos, odd);
            /* now and then a block reaches into what a deletion takes away */
            int64_t past = test_below(&cohort->seed, 6) ? (int64_t)strlen(made->text[0]) : 1;
            if (pos + past > end) end = pos + past;
        }
    }
    for (size_t i = 0; i < cohort->n_events; i++) test_event_ready(&cohort->events[i]);
}

static inline void test_cohort_fini(test_cohort *cohort)
{
    free(cohort->events);
    free(cohort->blocks);
    *cohort = (test_cohort){0};
}

/* Writes the cohort's samples in the order given (NULL: as they are). */
static inline kuni_status test_cohort_write(const test_cohort *cohort, const char *path,
                                            const uint32_t *order, kuni_error *err)
{
    kuni_evidence_writer *writer;
    const char **ids = calloc(cohort->n_samples + 1, sizeof(*ids));
    char(*names)[16] = calloc(cohort->n_samples + 1, sizeof(*names));
    for (uint32_t i = 0; i < cohort->n_samples; i++) {
        snprintf(names[i], sizeof(names[i]), "S%u", i);
        ids[i] = names[i];
    }
    kuni_evidence_header header = {.shard = cohort->shard,
                                   .contig = "chr1",
                                   .reference_md5 = "0123456789abcdef0123456789abcdef",
                                   .producer = "test 1",
                                   .params = "a=1\n",
                                   .samples = ids,
                                   .n_samples = cohort->n_samples};
    kuni_status status = kuni_evidence_create(&writer, path, &header, err);
    for (uint32_t k = 0; !status && k < cohort->n_samples; k++) {
        uint32_t sample = order ? order[k] : k;
        for (size_t i = 0; !status && i < cohort->n_blocks; i++)
            if (cohort->blocks[i].sample == sample)
                status = kuni_evidence_add_block(writer, &cohort->blocks[i], err);
        for (size_t i = 0; !status && i < cohort->n_events; i++)
            if (cohort->events[i].event.sample == sample)
                status = kuni_evidence_add_event(writer, &cohort->events[i].event, err);
    }
    if (!status) status = kuni_evidence_finish(writer, err);
    free(ids);
    free(names);
    return status;
}

#endif
