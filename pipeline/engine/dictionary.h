/* SPDX-License-Identifier: MIT */
/*
 * data_dictionary.tsv of a generation: what each column of its tables means, as the run and the stages that publish
 * them declare it (kuni_stage.columns). Stages with a dictionary of their own beside their tables are not in it.
 */
#ifndef KUNI_ENGINE_DICTIONARY_H
#define KUNI_ENGINE_DICTIONARY_H

#include "plan.h"

#define KUNI_FAILURES_TABLE "failures.tsv"

/* Of the tables that a run itself writes. */
extern const kuni_column kuni_dictionary_of_runs[];

/* Tells of the tables that stand in `folder`. */
KUNI_MUST_CHECK kuni_status kuni_dictionary_write(const kuni_plan *plan, const char *folder,
                                                  kuni_error *err);

#endif
