/* SPDX-License-Identifier: MIT */
/*
 * Calling everybody in a dataset again: what `kuni recall` looks at before anything is changed. Rank 0
 * only.
 *
 * The old evidence stays, and its seals hold, until all of the new stands; a recall that ends before
 * leaves the dataset as it was, and the same command goes on with it.
 */
#ifndef KUNI_ENGINE_RECALL_H
#define KUNI_ENGINE_RECALL_H

#include "ledger.h"

/*
 * Whether all that a recall needs is there: every file of reads with its index, and room for the new
 * files beside the old ones. Then asks (see kuni_run_options.agree). KUNI_IO says what is missing;
 * KUNI_USAGE: the answer was no. Nothing is changed.
 */
KUNI_MUST_CHECK kuni_status kuni_recall_check(const kuni_run *run, kuni_error *err);
/* KUNI_DATA where somebody of a sealed batch, who is in the dataset, would be lost by the recall. */
KUNI_MUST_CHECK kuni_status kuni_recall_loses_nobody(const kuni_ledger *ledger, kuni_error *err);

#endif
