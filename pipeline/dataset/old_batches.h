/* SPDX-License-Identifier: MIT */
/* The list of batches of datasets from before the register: DATASET/batches.tsv. Read only. */
#ifndef KUNI_DATASET_OLD_BATCHES_H
#define KUNI_DATASET_OLD_BATCHES_H

#include "register.h"

/* As a register that knows ids and batches and nothing else. KUNI_IO where it is damaged. */
KUNI_MUST_CHECK kuni_status kuni_old_batches_read(kuni_register *people, const char *path,
                                                  kuni_arena *arena, kuni_error *err);

#endif
