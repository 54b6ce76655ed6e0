/* SPDX-License-Identifier: MIT */
/* The folders of a dataset; see docs/dataset.md for what lies where. */
#ifndef KUNI_DATASET_FOLDER_H
#define KUNI_DATASET_FOLDER_H

#include <sys/types.h>

#include "kuni/status.h"

/* In tmp/, while a run of several ranks starts: see share_cohort of the engine. */
#define KUNI_COHORT_MAP "cohort.map"

/*
 * Makes the folders; removes what crashed runs left, and nothing whose name is not one that kuni
 * gives. Under the lock, of a folder that carries the mark (see mark.h). KUNI_USAGE where one of
 * them is a link.
 */
KUNI_MUST_CHECK kuni_status kuni_folder_prepare(const char *folder, kuni_error *err);
/*
 * From here on this process and its children make files that owner and group alone can read and the
 * owner alone can write: 0640, folders 0750, or stricter where the umask says so. Gives the umask before.
 */
mode_t kuni_folder_guard(void);

#endif
