/* SPDX-License-Identifier: MIT */
/* The BATCH step: sums the shards of a batch and makes what needs the whole genome of one sample. */
#ifndef KUNI_ALIGNMENT_QC_BATCH_STEP_H
#define KUNI_ALIGNMENT_QC_BATCH_STEP_H

#include "kuni/stage.h"

kuni_status kuni_qc_batch_run(const kuni_task *task, kuni_error *err);

#endif
