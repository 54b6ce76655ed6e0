/* SPDX-License-Identifier: MIT */
/* What the steps of alignment QC read from the task alike: panel, shape, classes of reference positions. */
#ifndef KUNI_ALIGNMENT_QC_SETTINGS_H
#define KUNI_ALIGNMENT_QC_SETTINGS_H

#include "kuni/stage.h"
#include "panel.h"
#include "partial.h"

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

#endif
