/* SPDX-License-Identifier: MIT */
/* Removes data files that no task of a finished run refers to. Rank 0 only. */
#ifndef KUNI_ENGINE_PRUNE_H
#define KUNI_ENGINE_PRUNE_H

#include "ledger.h"

/*
 * Takes away outputs, by name, of tasks that are not done under that key; counts them in *removed.
 * What has no name that kuni gives stays, and so does what lies behind a link.
 */
KUNI_MUST_CHECK kuni_status kuni_prune(const kuni_ledger *ledger, size_t *removed, kuni_error *err);

#endif
