/* SPDX-License-Identifier: MIT */
/*
 * The mark of a dataset: DATASET/kuni-dataset.json tells that kuni made the folder, in which
 * format, and gives it a random identity.
 *
 *   {"format": 1, "id": "32 hex digits", "kuni": "version that made it"}
 *
 * Nothing is written or removed in a folder without it, but that an empty or absent folder becomes
 * a dataset, and that a dataset of a version before the mark (told by its journal) is given one.
 */
#ifndef KUNI_DATASET_MARK_H
#define KUNI_DATASET_MARK_H

#include "kuni/status.h"

/* Format of the folder's layout: raised when an older program could not work on it. */
enum { KUNI_DATASET_FORMAT = 1 };

/*
 * Whether a run may use the folder. KUNI_OK: it is absent, empty, or a dataset in a format known
 * here. KUNI_USAGE: it holds other things, or the dataset is of a younger format. Changes nothing.
 */
KUNI_MUST_CHECK kuni_status kuni_mark_check(const char *folder, kuni_error *err);
/*
 * Checks again, under the lock, and writes the mark where it is lacking. *fresh tells that the
 * folder was empty but for the lock.
 */
KUNI_MUST_CHECK kuni_status kuni_mark_claim(const char *folder, bool *fresh, kuni_error *err);

#endif
