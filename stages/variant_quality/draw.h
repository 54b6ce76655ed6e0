/* SPDX-License-Identifier: MIT */
/*
 * The sites that a model is trained on: of each type and label those with the smallest hashes of
 * their places. Whichever way the genome is cut into shards, the drawn of all shards' drawn are the
 * same.
 */
#ifndef KUNI_QUALITY_DRAW_H
#define KUNI_QUALITY_DRAW_H

#include "quality.h"

typedef struct quality_draw {
    size_t most; /* of a type and label */
    struct quality_pile {
        /* A heap, the greatest hash first; in order of hash after quality_draw_sort. */
        quality_site *sites;
        size_t n, capacity;
        uint64_t seen;
    } piles[QUALITY_TYPES][QUALITY_LABELS];
} quality_draw;

KUNI_MUST_CHECK kuni_status quality_draw_add(quality_draw *draw, const quality_site *site,
                                             kuni_error *err);
void quality_draw_sort(quality_draw *draw);
void quality_draw_fini(quality_draw *draw);

/* As a file of tab-separated text; reading adds to what was drawn. */
KUNI_MUST_CHECK kuni_status quality_draw_write(const quality_draw *draw, const char *path,
                                               kuni_error *err);
KUNI_MUST_CHECK kuni_status quality_draw_read(quality_draw *draw, const char *path,
                                              kuni_error *err);

#endif
