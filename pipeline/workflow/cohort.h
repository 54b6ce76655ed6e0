/* SPDX-License-Identifier: MIT */
/*
 * The cohort: the samples of the manifest, in order, with batches.
 *
 * Reads the native TSV, nf-core/sarek CSV and PED. All faults of a file are reported at once, each
 * with its line. It does not open the reads: see core/reads and the preflight.
 */
#ifndef KUNI_WORKFLOW_COHORT_H
#define KUNI_WORKFLOW_COHORT_H

#include "kuni/file.h"
#include "kuni/sample.h"
#include "kuni/stage.h"

typedef struct kuni_cohort {
    kuni_sample
        *samples; /* column order: a dataset's existing samples first, then the manifest's */
    size_t n_samples;
    kuni_batch *batches;
    size_t n_batches;
    kuni_arena *arena; /* owns every string */
} kuni_cohort;

/*
 * Reads a manifest (format by its header line; see docs/manifest.md), optionally a PED file, and
 * the dataset's list of batches (NULL or absent: a new dataset). Samples known to the dataset keep
 * their place; new ones form new batches of at most batch_size. Paths are made absolute against the
 * manifest's folder. On KUNI_USAGE/KUNI_DATA the text holds all faults, one a line.
 */
KUNI_MUST_CHECK kuni_status kuni_cohort_read(kuni_cohort *cohort, const char *manifest,
                                             const char *ped, const char *batches_tsv,
                                             size_t batch_size, kuni_buffer *faults,
                                             kuni_error *err);
/* Writes the list of batches: `batch sample_id` lines. */
KUNI_MUST_CHECK kuni_status kuni_cohort_write_batches(const kuni_cohort *cohort,
                                                      const char *batches_tsv, kuni_error *err);
void kuni_cohort_fini(kuni_cohort *cohort);

#endif
