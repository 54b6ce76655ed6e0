/* SPDX-License-Identifier: MIT */
/*
 * What the generation that `current` names says of itself: see describe in publish.c, which writes
 * it.
 */
#ifndef KUNI_DATASET_PUBLISHED_H
#define KUNI_DATASET_PUBLISHED_H

#include <jansson.h>

#include "kuni/status.h"

typedef struct kuni_published {
    json_t *json;     /* dataset.json; NULL: nothing is published */
    size_t n_batches; /* that it was made of: the dataset's first ones */
    /* Arrays of sample ids, borrowed from `json`; or NULL. */
    json_t *quarantined, *gated;
} kuni_published;

/* KUNI_IO where dataset.json of the current generation cannot be read or is damaged. */
KUNI_MUST_CHECK kuni_status kuni_published_read(kuni_published *published, const char *folder,
                                                kuni_error *err);
/* The number of the generation that `current` names; 0: none. */
int64_t kuni_published_generation(const char *folder);
void kuni_published_fini(kuni_published *published);

#endif
