/* SPDX-License-Identifier: MIT */
/* Counts the records of a shard as they pass by. */
#ifndef KUNI_STAGES_MERGE_COUNTER_H
#define KUNI_STAGES_MERGE_COUNTER_H

#include "totals.h"

#include <htslib/vcf.h>

typedef struct callset_counter callset_counter;

/*
 * `header` is that of the records. Genotypes are counted from their columns, which are the task's; where
 * they have none, from the sparse records beside them, if `sparse`; else they are not known, and
 * INFO tells what it can. `sites_path`: of common sites.
 */
KUNI_MUST_CHECK kuni_status callset_counter_new(callset_counter **counter, const kuni_task *task,
                                                const bcf_hdr_t *header, bool sparse,
                                                const char *sites_path, kuni_error *err);
/*
 * A record of the shard, in order; it is unpacked. `sparse`: the text of the sparse record from FORMAT
 * on, NUL-ended, where genotypes are counted from these; else NULL.
 */
KUNI_MUST_CHECK kuni_status callset_counter_add(callset_counter *counter, bcf1_t *record,
                                                const char *sparse, kuni_error *err);
/* Whether genotypes are counted from the sparse records. */
bool callset_counter_wants_sparse(const callset_counter *counter);
/* A sparse record that does not count; blocks begin in it. */
KUNI_MUST_CHECK kuni_status callset_counter_pass(callset_counter *counter, const char *sparse,
                                                 kuni_error *err);
/* Writes both files. */
KUNI_MUST_CHECK kuni_status callset_counter_finish(callset_counter *counter,
                                                   const char *totals_path, kuni_error *err);
/* Accepts NULL. */
void callset_counter_free(callset_counter *counter);

/* What the counter of merge.json has too: over records. */
const callset_totals *callset_counter_totals(const callset_counter *counter);

#endif
