/* SPDX-License-Identifier: MIT */
/*
 * Records of some people made from evidence, as published: of a large dataset their batches' seals and the files of the
 * regions are looked at, and nothing else. Where that does not tell enough, the caller goes by journal and all seals.
 */
#ifndef KUNI_COMMAND_EXPORT_CHOSEN_H
#define KUNI_COMMAND_EXPORT_CHOSEN_H

#include "exporter.h"
#include "ledger.h"

/*
 * Gives the exporter, which was made by what is published, a ledger in which all that it needs is done; else *found is
 * false, and it has none. The ledger is to be ended by kuni_ledger_fini in any case.
 */
KUNI_MUST_CHECK kuni_status kuni_export_chosen(kuni_exporter *x, kuni_published_run *current,
                                               kuni_ledger *ledger, bool *found, kuni_error *err);

#endif
