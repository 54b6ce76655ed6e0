/* SPDX-License-Identifier: MIT */
/* The COHORT step: judges all samples, compares them, and publishes. */
#ifndef KUNI_ALIGNMENT_QC_COHORT_STEP_H
#define KUNI_ALIGNMENT_QC_COHORT_STEP_H

#include "kuni/stage.h"

kuni_status kuni_qc_cohort_run(const kuni_task *task, kuni_error *err);

#endif
