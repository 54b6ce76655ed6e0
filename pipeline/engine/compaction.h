/* SPDX-License-Identifier: MIT */
/*
 * What of the journal a dataset still needs. A sealed batch needs no line a task, for its seal tells
 * all; nor does anybody ask for tasks under keys that hold no more, whose files are pruned.
 *
 * Kept are: tasks that are done under their keys, of steps and batches that are not sealed; what was
 * last seen of the files of such batches, and verdicts on their samples; the last digest of each
 * parameter file; that a batch is sealed, so that a seal which is lost is noticed; and all that other
 * workflows wrote. What dropped tasks took is summed for estimates. Rank 0 only.
 */
#ifndef KUNI_ENGINE_COMPACTION_H
#define KUNI_ENGINE_COMPACTION_H

#include "past.h"

/*
 * Writes the journal anew where it holds a quarter more lines than are needed. For the end of a
 * run, after pruning: the ledger tells what is done and sealed. *dropped counts lines.
 */
KUNI_MUST_CHECK kuni_status kuni_compaction(const kuni_ledger *ledger, const kuni_past *past,
                                            kuni_journal *journal, const char *journal_path,
                                            int64_t *dropped, kuni_error *err);

#endif
