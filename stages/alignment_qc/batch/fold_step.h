/* SPDX-License-Identifier: MIT */
/* The fold step: a batch's partials of all shards become one partial, from which the same follows. */
#ifndef KUNI_ALIGNMENT_QC_FOLD_STEP_H
#define KUNI_ALIGNMENT_QC_FOLD_STEP_H

#include "kuni/stage.h"

KUNI_MUST_CHECK kuni_status kuni_qc_fold_run(const kuni_task *task, kuni_error *err);
/* Sums of several batches as of one: see kuni_step.combine. */
KUNI_MUST_CHECK kuni_status kuni_qc_fold_combine(const kuni_task *task, kuni_error *err);

#endif
