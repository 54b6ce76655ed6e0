/* SPDX-License-Identifier: MIT */
/* Removes data files that no task of a finished run refers to. Rank 0 only. */
#ifndef KUNI_ENGINE_PRUNE_H
#define KUNI_ENGINE_PRUNE_H

#include "ledger.h"

/*
 * Takes away what is left of seals that were never whole, and outputs, by name, of tasks that are
 * not done under that key; counts these in *removed, but for those that another step has folded:
 * that is no news.
 * What has no name that kuni gives stays, and so does what lies behind a link.
 */
KUNI_MUST_CHECK kuni_status kuni_prune(const kuni_ledger *ledger, size_t *removed, kuni_error *err);
/*
 * Parts "BATCH.KEY16.EXTENSION", the name of an output; false where it is not of that form. Batch
 * names hold no dots.
 */
bool kuni_output_name_parse(const char *name, char batch[256], unsigned long long *key);

#endif
