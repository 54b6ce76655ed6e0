/* SPDX-License-Identifier: MIT */
/*
 * The dataset folder: what lies where (docs/dataset.md), and what its data were made with. Rank 0
 * only, but for reading the reference's digests.
 */
#ifndef KUNI_ENGINE_DATASET_H
#define KUNI_ENGINE_DATASET_H

#include "coordinator.h"

/* Makes the folders; removes what crashed runs left in tmp/. Under the lock. */
KUNI_MUST_CHECK kuni_status kuni_dataset_prepare(const char *folder, kuni_error *err);

/*
 * Gives the genome the MD5 of every contig: from DATASET/reference.tsv where that was made from
 * this very file (path, size, time), else computed, and with `write` kept there.
 */
KUNI_MUST_CHECK kuni_status kuni_dataset_reference(kuni_run *run, bool write, kuni_error *err);

/*
 * Holds the settings of the run against those the dataset's data were made with
 * (DATASET/settings.json: reference, shards, ploidy, and stage, version and parameters of the reads
 * steps). KUNI_USAGE names every contradiction with both values. Where there is none, no data yet,
 * or `override`, the new settings are written (with `write`).
 */
KUNI_MUST_CHECK kuni_status kuni_dataset_settings(const kuni_run *run, kuni_known_files *known,
                                                  kuni_journal *journal, bool has_data,
                                                  bool override, bool write, kuni_error *err);

/*
 * Publishes the results as a new generation: generations/NNNNNN, then `current` is swapped to it.
 * Where nothing has changed since the last one, nothing is done. *generation is what `current`
 * names afterwards.
 */
KUNI_MUST_CHECK kuni_status kuni_dataset_publish(kuni_coordinator *c, int64_t *generation,
                                                 bool *changed, kuni_error *err);

#endif
