/* SPDX-License-Identifier: MIT */
/*
 * Removing files: folders of crashed runs, old generations, and data that nothing refers to any
 * more.
 */
#ifndef KUNI_ENGINE_SWEEP_H
#define KUNI_ENGINE_SWEEP_H

#include "coordinator.h"

/* rm -r; nothing there is fine. Does not follow symbolic links. */
KUNI_MUST_CHECK kuni_status kuni_remove_tree(const char *path, kuni_error *err);

/*
 * After a run that finished: removes outputs of this workflow's stages that belong to no task of
 * the run as it stands (other parameters, repaired samples, other shards), and temporary files of
 * ranks that died. Stages that the workflow does not have are left alone: another workflow may keep
 * them in this dataset.
 */
KUNI_MUST_CHECK kuni_status kuni_sweep(kuni_coordinator *c, size_t *removed, kuni_error *err);

#endif
