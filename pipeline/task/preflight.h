/* SPDX-License-Identifier: MIT */
/*
 * The preflight: before anything is computed every sample's file is opened and checked.
 *
 * It is a stage like any other, with one BATCH step; the plan puts it first. Its output "faults"
 * has one line a fault: `number in the dataset, sample id, reason`, empty where all is well.
 */
#ifndef KUNI_TASK_PREFLIGHT_H
#define KUNI_TASK_PREFLIGHT_H

#include "kuni/stage.h"

extern const kuni_stage kuni_preflight_stage;

/*
 * Opens one sample's file and checks it against the shards and genome of `task` (no other field is
 * looked at): it is there, whole, indexed, sorted, of one sample and made for this reference.
 * Withdrawn samples are fine. `name`, unless NULL, gets the sample's name in the file (SM of the
 * read groups, column of a gVCF), to be freed by the caller; NULL where the file gives none.
 */
KUNI_MUST_CHECK kuni_status kuni_preflight_check(const kuni_task *task, const kuni_sample *sample,
                                                 char **name, kuni_error *err);
/*
 * The same in a process of its own where a URL is opened, which is ended when the server has not
 * answered for KUNI_URL_PATIENCE_S (60 s): KUNI_IO. htslib itself would wait for ever.
 */
KUNI_MUST_CHECK kuni_status kuni_preflight_in_time(const kuni_task *task, const kuni_sample *sample,
                                                   char **name, kuni_error *err);
/* Whether a VCF or BCF has one column; true, too, where it cannot be read. */
bool kuni_preflight_is_of_one(const kuni_sample *sample);

#endif
