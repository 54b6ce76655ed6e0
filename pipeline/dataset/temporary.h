/* SPDX-License-Identifier: MIT */
/* Names that outputs of tasks have until they are whole. */
#ifndef KUNI_DATASET_TEMPORARY_H
#define KUNI_DATASET_TEMPORARY_H

#include "kuni/status.h"
#include "unfinished.h"

/*
 * Temporary names begin with KUNI_TEMPORARY_PREFIX; what older epochs left behind may be removed by
 * a run that holds the lock. "FOLDER/.kuni-tmp-EPOCH-RANK-PID-NAME" for the final place
 * FOLDER/NAME; caller frees.
 */
KUNI_MUST_CHECK char *kuni_temporary_name(const char *path, uint64_t epoch, int rank,
                                          kuni_error *err);
/*
 * Removes a folder with all that is in it; what is not there is no error. Links are not followed.
 */
KUNI_MUST_CHECK kuni_status kuni_remove_tree(const char *path, kuni_error *err);

#endif
