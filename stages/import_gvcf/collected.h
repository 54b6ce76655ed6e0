/* SPDX-License-Identifier: MIT */
/*
 * What a collection holds while it is made consistent: for collect.c and places.c alone.
 */
#ifndef KUNI_IMPORT_COLLECTED_H
#define KUNI_IMPORT_COLLECTED_H

#include "facts.h"

typedef struct collected_event {
    kuni_event event;
    int64_t end;                    /* of REF after normalisation */
    int64_t record_beg, record_end; /* what the record covered before */
    uint32_t lack;                  /* see kuni_record_facts */
    bool half, mixture;
    const char *const *spelled;
    kuni_span replaced[2]; /* bases that each copy of the genotype replaces; empty: none */
    bool conflict;
} collected_event;

typedef struct block_list {
    kuni_block *at;
    size_t n, capacity;
} block_list;

struct kuni_collect {
    kuni_span shard, around; /* around: the cells of bands that hold the shard */
    const kuni_reband *bands;
    kuni_arena *arena;
    collected_event *events;
    size_t n_events, events_capacity;
    block_list blocks, made, flat, pending;
    bool ordered; /* the blocks neither overlap nor go back */
    kuni_normaliser normalise;
    void *context; /* of it */
};

static inline void count_in_shard(const struct kuni_collect *collect, int64_t pos, int64_t *count)
{
    *count += pos >= collect->shard.beg && pos < collect->shard.end;
}

/*
 * By place, then by everything that may differ, so that the order of the file's lines leaves no
 * trace.
 */
int kuni_compare_collected(const void *a, const void *b);

#endif
