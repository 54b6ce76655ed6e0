/* SPDX-License-Identifier: MIT */
/*
 * Is what a command wrote whole? By what its name promises: variant files are read to their end,
 * gzip to its checksum.
 */
#ifndef KUNI_STAGES_EXTERNAL_OUTPUT_CHECK_H
#define KUNI_STAGES_EXTERNAL_OUTPUT_CHECK_H

#include "kuni/status.h"

/*
 * KUNI_BUG: missing, empty (unless it may be) or broken. *n_records becomes the records of a variant
 * file, of another -1. `label` opens the message; heartbeat may be NULL.
 */
KUNI_MUST_CHECK kuni_status output_check(const char *path, const char *extension, bool may_be_empty,
                                         const char *label, void (*heartbeat)(int64_t),
                                         int64_t *n_records, kuni_error *err);

#endif
