/* SPDX-License-Identifier: MIT */
/*
 * What `kuni compact` has begun: DATASET/compacting names the batches that are put together. While it stands
 * nothing else may be done with the dataset: seals of batches that the register does not know yet may be there.
 *
 *   #kuni compacting 1
 *   NEW OLD OLD ...                 tab-separated, a line a new batch
 *   #end LINES
 */
#ifndef KUNI_DATASET_COMPACTING_H
#define KUNI_DATASET_COMPACTING_H

#include "kuni/buffer.h"

typedef struct kuni_compacting_group {
    const char *name, **old;
    size_t n_old;
} kuni_compacting_group;

typedef struct kuni_compacting {
    kuni_compacting_group *groups;
    size_t n;
} kuni_compacting;

/* KUNI_USAGE where one is under way. */
KUNI_MUST_CHECK kuni_status kuni_compacting_check(const char *folder, kuni_error *err);
/* *found false where none is. All lives in `arena`. KUNI_IO: damaged. */
KUNI_MUST_CHECK kuni_status kuni_compacting_read(kuni_compacting *what, const char *folder,
                                                 kuni_arena *arena, bool *found, kuni_error *err);
KUNI_MUST_CHECK kuni_status kuni_compacting_write(const kuni_compacting *what, const char *folder,
                                                  kuni_error *err);
KUNI_MUST_CHECK kuni_status kuni_compacting_remove(const char *folder, kuni_error *err);

#endif
