/* SPDX-License-Identifier: MIT */
/* The files of a step of several sealed batches as those of one, with its seal: see compact.h. */
#ifndef KUNI_ENGINE_COMBINED_H
#define KUNI_ENGINE_COMBINED_H

#include "ledger.h"

/* Batches that follow one another. */
typedef struct kuni_combined {
    kuni_ledger *ledger;   /* as the dataset stands */
    const kuni_run *after; /* with the batches that there will be */
    size_t first, n;       /* of the ledger's */
    size_t into;           /* of those after */
} kuni_combined;

typedef struct kuni_combined_sum {
    size_t files;
    int64_t bytes, bytes_after;
} kuni_combined_sum;

/* Adds to `sum` the bytes that the seals of all steps tell of. */
KUNI_MUST_CHECK kuni_status kuni_combined_weigh(const kuni_combined *c, kuni_combined_sum *sum,
                                                kuni_error *err);
/*
 * Makes the files of all steps that are sealed, each of whose parts is read whole and held against its
 * seal first, then the seals of the new batch.
 */
KUNI_MUST_CHECK kuni_status kuni_combined_make(const kuni_combined *c, kuni_combined_sum *sum,
                                               kuni_error *err);

#endif
