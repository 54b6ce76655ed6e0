/* SPDX-License-Identifier: MIT */
/*
 * What the import did to each sample: counted per batch and shard, summed for the report.
 */
#ifndef KUNI_IMPORT_REPORT_H
#define KUNI_IMPORT_REPORT_H

#include "collect.h"
#include "kuni/stage.h"

#define KUNI_IMPORT_TABLE "qc/import_gvcf.tsv"

/* Of the table. */
extern const kuni_column kuni_import_columns[];

/*
 * Writes the counts of the batch's samples for which `counted` is true; `renamed`: see
 * kuni_gvcf_renamed.
 */
KUNI_MUST_CHECK kuni_status kuni_import_counts_write(const char *path, const kuni_task *task,
                                                     const kuni_import_counts *counts,
                                                     const bool *counted, const bool *renamed,
                                                     kuni_error *err);

/* The counts of the task's input again, without the flagged samples of the batch. */
KUNI_MUST_CHECK kuni_status kuni_import_counts_without(const kuni_task *task, const uint8_t *gone,
                                                       kuni_error *err);

/*
 * The COHORT step: sums all counts into one table, a line a sample of the call set that was
 * imported.
 */
/* Those of several batches as of one: see kuni_step.combine. */
KUNI_MUST_CHECK kuni_status kuni_import_counts_combine(const kuni_task *task, kuni_error *err);
kuni_status kuni_import_report_run(const kuni_task *task, kuni_error *err);

#endif
