/* SPDX-License-Identifier: MIT */
/*
 * Seals that are given up, because a file of theirs is damaged: the next run makes the files again.
 */
#ifndef KUNI_ENGINE_UNSEAL_H
#define KUNI_ENGINE_UNSEAL_H

#include "journal.h"
#include "seals.h"

/* Whether the files of a node and batch can be made without the reads of its people: from others that
 * are sealed, and loaded. */
bool kuni_unseal_needs_no_reads(const kuni_ledger *ledger, size_t node, size_t batch);
/*
 * Takes a seal away, after its lines have become records of the journal, so that a run makes again
 * what is missing and no more. With what was folded goes the seal of what it was made of. None: KUNI_OK.
 */
KUNI_MUST_CHECK kuni_status kuni_unseal(kuni_ledger *ledger, size_t node, size_t batch,
                                        kuni_journal *journal, kuni_error *err);

#endif
