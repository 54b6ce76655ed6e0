/* SPDX-License-Identifier: MIT */
/*
 * The steps of alignment QC and what they share: the settings and the classes of reference
 * positions.
 */
#ifndef KUNI_ALIGNMENT_QC_STAGE_H
#define KUNI_ALIGNMENT_QC_STAGE_H

#include "coverage.h"
#include "kuni/stage.h"
#include "panel.h"
#include "partial.h"

extern const kuni_stage kuni_stage_alignment_qc;

/*
 * True for the contigs that count as autosomes: those of the parameter `autosomes`, or those that
 * kuni_human_chromosome knows as 1 to 22.
 */
bool kuni_qc_is_autosome(const kuni_params *params, const char *contig);
/*
 * Class of the positions from `pos` on; *until becomes the first position after it where that may
 * change.
 */
kuni_qc_class kuni_qc_class_at(const kuni_task *task, int32_t tid, int64_t pos, int64_t *until);
/* The panel of the parameter `contamination_panel`, or NULL in *panel where there is none. */
KUNI_MUST_CHECK kuni_status kuni_qc_task_panel(const kuni_task *task, kuni_qc_panel **panel,
                                               kuni_error *err);
/* The shape of this task's partials or batch file. */
kuni_qc_shape kuni_qc_task_shape(const kuni_task *task, kuni_qc_kind kind, int64_t batch,
                                 const kuni_qc_panel *panel);

/* reads_step.c */
kuni_status kuni_qc_reads_open(const kuni_task *task, void **out, kuni_error *err);
kuni_status kuni_qc_reads_begin(void *opaque, size_t sample, kuni_error *err);
kuni_status kuni_qc_reads_add(void *opaque, const bam1_t *record, kuni_error *err);
kuni_status kuni_qc_reads_end(void *opaque, kuni_error *err);
void kuni_qc_reads_drop(void *opaque);
kuni_status kuni_qc_reads_finish(void *opaque, kuni_error *err);
void kuni_qc_reads_close(void *opaque);

/* batch_step.c: sums the shards of a batch and makes what needs the whole genome of one sample. */
kuni_status kuni_qc_batch_run(const kuni_task *task, kuni_error *err);

/* cohort_step.c: judges, compares and publishes. */
kuni_status kuni_qc_cohort_run(const kuni_task *task, kuni_error *err);

#endif
