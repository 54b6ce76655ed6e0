/* SPDX-License-Identifier: MIT */
/*
 * Whether a VCF or BCF has records for a run to read, and whether its index knows of all of them.
 */
#ifndef KUNI_TASK_VARIANTS_INDEX_H
#define KUNI_TASK_VARIANTS_INDEX_H

#include "kuni/stage.h"

/*
 * KUNI_DATA where the file has no record, or none on the contigs of the task's shards; where it
 * has records that its index does not know of (it is of an older state of the file); or where it
 * needs an index and has none.
 */
KUNI_MUST_CHECK kuni_status kuni_variants_index_check(const kuni_task *task,
                                                      const kuni_sample *sample, kuni_error *err);

#endif
