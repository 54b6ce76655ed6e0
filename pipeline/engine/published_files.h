/* SPDX-License-Identifier: MIT */
/*
 * The files that a published generation was made of, found without the journal: evidence by the seals of some batches, files of joint
 * steps by their names. For what makes records of some people again.
 */
#ifndef KUNI_ENGINE_PUBLISHED_FILES_H
#define KUNI_ENGINE_PUBLISHED_FILES_H

#include "published_run.h"
#include "seals.h"

/*
 * A ledger in which tasks of reads are done that `choice` names: its batches' seals are read, and their files looked at.
 * *found false where one of these batches has no seal. To be ended by kuni_ledger_fini also then, and on failure.
 */
KUNI_MUST_CHECK kuni_status kuni_published_ledger(kuni_ledger *ledger, kuni_published_run *current,
                                                  const kuni_seal_choice *choice, bool *found,
                                                  kuni_error *err);
/*
 * Marks a task of a step by shard, or of one with a single task (shard -1), done under the key of its files, or their
 * stubs. *found false: there are none, or of several keys, so that only the journal knows which are those that hold. Only
 * where the step was the same when this was published (kuni_published_run_made): files of a later run that was stopped have
 * another key.
 */
KUNI_MUST_CHECK kuni_status kuni_published_task(kuni_ledger *ledger, size_t node, int64_t shard,
                                                bool *found, kuni_error *err);

#endif
