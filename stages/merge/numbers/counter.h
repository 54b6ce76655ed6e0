/* SPDX-License-Identifier: MIT */
/* Counts the records of a shard as they pass by. */
#ifndef KUNI_STAGES_MERGE_COUNTER_H
#define KUNI_STAGES_MERGE_COUNTER_H

#include "totals.h"

#include <htslib/vcf.h>

typedef struct callset_counter callset_counter;

/* `header` is that of the records, whose columns are the task's. `sites_path`: of common sites. */
KUNI_MUST_CHECK kuni_status callset_counter_new(callset_counter **counter, const kuni_task *task,
                                                const bcf_hdr_t *header, const char *sites_path,
                                                kuni_error *err);
/* A record of the shard, in order; it is unpacked. */
KUNI_MUST_CHECK kuni_status callset_counter_add(callset_counter *counter, bcf1_t *record,
                                                kuni_error *err);
/* Writes both files. */
KUNI_MUST_CHECK kuni_status callset_counter_finish(callset_counter *counter,
                                                   const char *totals_path, kuni_error *err);
/* Accepts NULL. */
void callset_counter_free(callset_counter *counter);

/* What the counter of merge.json has too: over records. */
const callset_totals *callset_counter_totals(const callset_counter *counter);

#endif
