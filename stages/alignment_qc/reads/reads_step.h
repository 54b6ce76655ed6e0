/* SPDX-License-Identifier: MIT */
/* The READS step: a batch in a shard, counted read by read. */
#ifndef KUNI_ALIGNMENT_QC_READS_STEP_H
#define KUNI_ALIGNMENT_QC_READS_STEP_H

#include "kuni/stage.h"

kuni_status kuni_qc_reads_open(const kuni_task *task, void **out, kuni_error *err);
kuni_status kuni_qc_reads_begin(void *opaque, size_t sample, kuni_error *err);
kuni_status kuni_qc_reads_add(void *opaque, const bam1_t *record, kuni_error *err);
kuni_status kuni_qc_reads_end(void *opaque, kuni_error *err);
void kuni_qc_reads_drop(void *opaque);
kuni_status kuni_qc_reads_finish(void *opaque, kuni_error *err);
void kuni_qc_reads_close(void *opaque);
kuni_status kuni_qc_reads_without(const kuni_task *task, const uint8_t *gone, kuni_error *err);

#endif
