/* SPDX-License-Identifier: MIT */
/*
 * Finds the number of a name in a list of names: samples, batches, shards. The names are borrowed.
 */
#ifndef KUNI_DATASET_NAMES_H
#define KUNI_DATASET_NAMES_H

#include "kuni/buffer.h"

typedef struct kuni_names {
    uint32_t *slots; /* number + 1; 0: free */
    size_t n_slots;  /* a power of 2 */
    const char *(*name)(const void *context, size_t number);
    const void *context;
} kuni_names;

/* Indexes names 0..count-1, which name(context, number) gives. */
KUNI_MUST_CHECK kuni_status kuni_names_index(kuni_names *names, size_t count,
                                             const char *(*name)(const void *context,
                                                                 size_t number),
                                             const void *context, kuni_error *err);
/* The number, or -1. */
int64_t kuni_names_find(const kuni_names *names, const char *name);
void kuni_names_fini(kuni_names *names);

#endif
