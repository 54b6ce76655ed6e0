/* SPDX-License-Identifier: MIT */
/* The merge's steps between the segments and the assembly. */
#ifndef KUNI_STAGES_MERGE_LAYOUT_H
#define KUNI_STAGES_MERGE_LAYOUT_H

#include "kuni/stage.h"

/* Step "head": the header pieces and the end piece, from the first shard's calls. */
kuni_status head_run(const kuni_task *task, kuni_error *err);
/*
 * Step "layout": checks that the shards fit together, merges their indices, lists the pieces,
 * reports.
 */
kuni_status layout_run(const kuni_task *task, kuni_error *err);

#endif
