/* SPDX-License-Identifier: MIT */
/* What a dataset's data were made with: DATASET/settings.json. */
#ifndef KUNI_ENGINE_SETTINGS_H
#define KUNI_ENGINE_SETTINGS_H

#include "keys.h"

/*
 * Holds the settings of the run against those the dataset's data were made with: reference, shards,
 * ploidy, and stage, version and parameters of the reads steps. KUNI_USAGE names every
 * contradiction with both values. Where there is none, no data yet, or `override`, the new settings
 * are written (with `write`). Rank 0 only.
 */
KUNI_MUST_CHECK kuni_status kuni_settings_check(const kuni_run *run, kuni_known_files *known,
                                                kuni_journal *journal, bool has_data, bool override,
                                                bool write, kuni_error *err);
/*
 * Whether the file is what was written (absent, or of a version that gave it no digest: it is). A run
 * ends with KUNI_IO where it is not.
 */
KUNI_MUST_CHECK kuni_status kuni_settings_look(const char *folder, bool *whole, kuni_error *err);
/*
 * Writes the run's settings over a file that is damaged: they are those of the data where every seal
 * agrees with them, which the caller has looked at.
 */
KUNI_MUST_CHECK kuni_status kuni_settings_write(const kuni_run *run, kuni_known_files *known,
                                                kuni_error *err);

#endif
