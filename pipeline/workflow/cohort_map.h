/* SPDX-License-Identifier: MIT */
/*
 * The cohort as a file that other processes map: what a rank needs of people, once a machine instead of once a rank. Rank 0
 * writes it beside the scratch folders of a run; whoever maps it reads the pages that everybody there reads.
 *
 * The file holds the samples and batches as they are in memory, with pointers for one fixed address, and texts field by
 * field, so that who asks for names has no paths in memory. Where the address is not free, or the file is of another
 * build, nothing is mapped, and the register is read instead.
 */
#ifndef KUNI_WORKFLOW_COHORT_MAP_H
#define KUNI_WORKFLOW_COHORT_MAP_H

#include "cohort.h"

/* Writes samples and batches, not `people`, `lines` and `notes`. */
KUNI_MUST_CHECK kuni_status kuni_cohort_map_write(const kuni_cohort *cohort, const char *path,
                                                  kuni_error *err);
/*
 * Takes the cohort from the file, without people, lines and notes; *mapped false, and the cohort empty: it has to be
 * read. KUNI_MEMORY alone is a failure. To be ended by kuni_cohort_fini.
 */
KUNI_MUST_CHECK kuni_status kuni_cohort_map(kuni_cohort *cohort, const char *path, bool *mapped,
                                            kuni_error *err);
/*
 * Lets go of the memory that a cohort was read into: samples and batches are mapped from now on, from that file or, where
 * `path` is NULL, from memory of this process; `people` lie apart, and no forked task has them. So a fork need not
 * copy what it takes to find the pages of everybody. `lines` is NULL then. Where nothing can be mapped, all stays as it was.
 */
KUNI_MUST_CHECK kuni_status kuni_cohort_hold(kuni_cohort *cohort, const char *path,
                                             kuni_error *err);

#endif
