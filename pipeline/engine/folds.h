/* SPDX-License-Identifier: MIT */
/*
 * Seals of files that were summed (kuni_step.folds). Of a batch there are three states, each of them
 * whole, and a crash leaves one of them:
 *
 *   the reads step's seal tells of its files;
 *   so it does, and the folding step's seal tells of the file that was made of them;
 *   the reads step's seal says #folded: its own files are nothing any more, and kuni_prune removes them.
 *
 * In the second state the sum is believed only where its key follows from the files that the first seal
 * tells of: where these were made anew since, it is made anew, too.
 */
#ifndef KUNI_ENGINE_FOLDS_H
#define KUNI_ENGINE_FOLDS_H

#include "ledger.h"

/* Digest of the names of a node's shards: all of them are in what was folded. */
KUNI_MUST_CHECK kuni_status kuni_fold_shards(const kuni_plan *plan, size_t node, kuni_hash *hash,
                                             kuni_error *err);
/* Whether a line of a seal tells that node's files were folded, by the step and of the shards of this
 * plan. */
KUNI_MUST_CHECK kuni_status kuni_fold_is_ours(const kuni_plan *plan, size_t node,
                                              const kuni_seal_line *line, bool *ours,
                                              kuni_error *err);
/* Whether the sum of a batch, of which a seal tells this key, was made of the files that are sealed. */
KUNI_MUST_CHECK kuni_status kuni_fold_holds(const kuni_ledger *ledger, size_t fold, size_t batch,
                                            uint64_t key, bool *holds, kuni_error *err);
/* Writes the seal at `path`, of a node that is folded, anew: without its files. */
KUNI_MUST_CHECK kuni_status kuni_fold_seal(const kuni_plan *plan, size_t node, const char *path,
                                           kuni_error *err);

#endif
