/* SPDX-License-Identifier: MIT */
/*
 * Finds the number that goes with a text: samples, batches, shards, rows of a table. The one hash
 * table of texts (htslib's khash); the order in it is nobody's business.
 */
#ifndef KUNI_CORE_NAMES_H
#define KUNI_CORE_NAMES_H

#include "kuni/buffer.h"

typedef struct kuni_names {
    void *table; /* NULL: empty */
} kuni_names;

/*
 * Adds a text with its number; a text that is there already keeps the number it has. The text is
 * borrowed and must stay where it is.
 */
KUNI_MUST_CHECK kuni_status kuni_names_add(kuni_names *names, const char *text, uint32_t number,
                                           kuni_error *err);
/* Adds texts 0..count-1, which text(context, number) gives, to an empty table. */
KUNI_MUST_CHECK kuni_status kuni_names_index(kuni_names *names, size_t count,
                                             const char *(*text)(const void *context,
                                                                 size_t number),
                                             const void *context, kuni_error *err);
/* The number, or -1. */
int64_t kuni_names_find(const kuni_names *names, const char *text);
void kuni_names_fini(kuni_names *names);

#endif
