/* SPDX-License-Identifier: MIT */
/*
 * Takes out of a dataset's folder what still holds people who are erased, once their batches are
 * sealed without them: what was made of everybody, old files of their batches, logs, scratch, old
 * generations. All of it can be called again after a crash.
 */
#ifndef KUNI_ENGINE_FORGET_H
#define KUNI_ENGINE_FORGET_H

#include "erase.h"

/*
 * Logs, status, history, journal, scratch folders, and of data/ all that no seal refers to in their
 * batches or that was made of everybody. Files that `current` leads to by a symbolic link stay until
 * kuni_forget_outdated. What has no name that kuni gives stays: it is not ours.
 */
KUNI_MUST_CHECK kuni_status kuni_forget_files(const kuni_erase *erase, kuni_error *err);
/*
 * Removes all generations but the current one, which is noted as outdated; and that, too, where
 * nobody is left.
 */
KUNI_MUST_CHECK kuni_status kuni_forget_generations(const kuni_run *run, bool nobody_left,
                                                    kuni_error *err);
/*
 * After a run has published generation `current`: removes those that are noted as outdated, and what
 * they alone lead to. *done: there were such.
 */
KUNI_MUST_CHECK kuni_status kuni_forget_outdated(const kuni_run *run, int64_t current, bool *done,
                                                 kuni_error *err);

#endif
