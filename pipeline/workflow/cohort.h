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
    /*
     * Column order: a dataset's existing samples first, then the manifest's. A sample that the
     * dataset knows and the manifest lacks was withdrawn: it keeps its place, `reads` is NULL and
     * `participant` its id.
     */
    kuni_sample *samples;
    size_t n_samples;
    kuni_batch *batches;
    size_t n_batches;
    size_t n_new;       /* samples that the dataset does not know yet: the last ones */
    size_t n_withdrawn; /* samples with `reads` NULL */
    uint32_t *lines;    /* line of each sample in the manifest, 0: withdrawn */
    const char *notes;  /* what was read but is not used, one a line; "" where nothing */
    kuni_arena *arena;  /* owns every string and array */
} kuni_cohort;

/*
 * Reads a manifest (format by its header line; see docs/manifest.md), optionally a PED file, and
 * the dataset's list of batches (NULL or absent: a new dataset). Samples known to the dataset keep
 * their place; new ones form new batches of at most batch_size. Paths are made absolute against the
 * manifest's folder; URLs stay. KUNI_DATA: `faults` holds all faults, one a line.
 */
KUNI_MUST_CHECK kuni_status kuni_cohort_read(kuni_cohort *cohort, const char *manifest,
                                             const char *ped, const char *batches_tsv,
                                             size_t batch_size, kuni_buffer *faults,
                                             kuni_error *err);
/*
 * Looks whether the reads, and indices where named, are there; KUNI_DATA with faults by line of
 * `manifest`.
 */
KUNI_MUST_CHECK kuni_status kuni_cohort_check_files(const kuni_cohort *cohort, const char *manifest,
                                                    kuni_buffer *faults, kuni_error *err);
/* Writes the list of batches: `batch sample_id` lines. */
KUNI_MUST_CHECK kuni_status kuni_cohort_write_batches(const kuni_cohort *cohort,
                                                      const char *batches_tsv, kuni_error *err);
void kuni_cohort_fini(kuni_cohort *cohort);

#endif
