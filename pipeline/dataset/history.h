/* SPDX-License-Identifier: MIT */
/*
 * The history of a dataset: an append-only log of what was done, DATASET/history.jsonl. A line is a
 * JSON object; its "before" is the BLAKE2b of the line before it, so that no line can be changed or
 * taken out unseen. It names no people: withdrawals tell numbers.
 *
 *   {"at": "2026-01-31T09:00:00Z", "by": NAME, "what": "published", ..., "before": HEX}
 */
#ifndef KUNI_DATASET_HISTORY_H
#define KUNI_DATASET_HISTORY_H

#include <jansson.h>

#include "kuni/status.h"

/*
 * Appends an entry and syncs; takes the reference of `entry`. `by` NULL: the user of the process. Needs
 * no lock of the dataset. KUNI_IO where it cannot be written, or the chain does not hold.
 */
KUNI_MUST_CHECK kuni_status kuni_history_add(const char *folder, const char *what, const char *by,
                                             json_t *entry, kuni_error *err);

typedef kuni_status kuni_history_visitor(void *context, const json_t *entry, kuni_error *err);

/* Checks the chain and calls `visit` (or NULL) for each entry. KUNI_IO names the first line that does
 * not fit. A torn last line, of a crash, is passed over. */
KUNI_MUST_CHECK kuni_status kuni_history_read(const char *folder, kuni_history_visitor *visit,
                                              void *context, size_t *entries, kuni_error *err);

/* What stands in place of a text that named somebody who is forgotten. */
extern const char kuni_history_erased[];
/* Whether a text names somebody who is to be forgotten. */
typedef bool kuni_history_names(void *context, const char *text);
/*
 * Replaces the texts of entries that name somebody by "(erased)", and ties the lines from there on
 * anew: the chain holds, and no longer to what it was. *changed counts entries.
 */
KUNI_MUST_CHECK kuni_status kuni_history_forget(const char *folder, kuni_history_names *names,
                                                void *context, size_t *changed, kuni_error *err);

#endif
