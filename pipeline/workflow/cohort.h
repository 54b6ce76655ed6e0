/* SPDX-License-Identifier: MIT */
/*
 * The cohort: the people of the dataset and of the manifest, in order, with batches.
 *
 * Reads the native TSV, nf-core/sarek CSV and PED. All faults of a file are reported at once, each
 * with its line. It does not open the reads: see core/reads and the preflight.
 */
#ifndef KUNI_WORKFLOW_COHORT_H
#define KUNI_WORKFLOW_COHORT_H

#include "kuni/file.h"
#include "kuni/sample.h"
#include "kuni/stage.h"
#include "network.h"
#include "register.h"

typedef struct kuni_cohort {
    /* Column order: the dataset's people first, then the manifest's new ones. A withdrawn, moved or
       erased sample keeps its place; its `reads` is NULL. */
    kuni_sample *samples;
    kuni_person *people; /* one a sample; NULL in a cohort that was mapped */
    size_t n_samples;
    kuni_batch *batches;
    size_t n_batches;
    size_t n_new;          /* samples that the dataset does not know yet: the last ones */
    size_t n_withdrawn;    /* people who have withdrawn and still stand in the register */
    size_t n_erased;       /* places of people of whom nothing is left */
    size_t n_without;      /* samples with `reads` NULL: withdrawn, moved or erased */
    size_t n_absent;       /* people of the dataset who are not in this manifest: nothing follows */
    size_t n_twins;        /* samples beyond the first of their participant, of those with reads */
    size_t n_returning;    /* rows of the manifest that name people who withdrew: left out */
    const char *returning; /* sample id of the first of them, or NULL */
    uint32_t *lines;       /* line of each sample in the manifest, 0: not there */
    const char *notes;     /* what was read but is not used, one a line; "" where nothing */
    kuni_arena *arena;     /* owns every string and array */
    void *map;             /* or this does: see cohort_map.h */
    size_t map_bytes;
    void *apart; /* or this does, of which no task knows: likewise */
    size_t apart_bytes;
} kuni_cohort;

/*
 * Whether a person who was quarantined when the batch was sealed is to be tried again: the reads are
 * there, and are others than those that were found bad.
 */
typedef bool kuni_cohort_returns(void *context, const kuni_sample *now, const kuni_person *known,
                                 const char *batch);

typedef struct kuni_cohort_sources {
    const char *manifest;        /* NULL: the register alone, as rank 0 has written it */
    const char *pedigree;        /* or NULL */
    const char *dataset;         /* folder, or NULL: no dataset yet */
    const kuni_network *network; /* where URLs of the manifest may lead; NULL: nowhere */
    size_t batch_size;
    kuni_cohort_returns *returns; /* or NULL: nobody */
    void *context;
} kuni_cohort_sources;

/*
 * Reads a manifest (format by its header line; see docs/manifest.md), optionally a PED file, and
 * the dataset's register and tombstones. People known to the dataset keep their place, and what the
 * manifest tells of them replaces what was known; new ones form new batches. Rows that name people
 * who withdrew are left out. Paths are made absolute against the manifest's folder; URLs stay.
 * KUNI_DATA: `faults` holds all faults, one a line. KUNI_IO: the register is damaged.
 */
KUNI_MUST_CHECK kuni_status kuni_cohort_read(kuni_cohort *cohort,
                                             const kuni_cohort_sources *sources,
                                             kuni_buffer *faults, kuni_error *err);
/* The cohort as a register, for writing; borrows all. */
kuni_register kuni_cohort_register(const kuni_cohort *cohort);
/* Path of a dataset's register; caller frees. */
KUNI_MUST_CHECK char *kuni_register_path(const char *dataset, kuni_error *err);
/* Looks whether the reads, and indices where named, are there; KUNI_DATA with faults by line of
 * `manifest`. */
KUNI_MUST_CHECK kuni_status kuni_cohort_check_files(const kuni_cohort *cohort, const char *manifest,
                                                    kuni_buffer *faults, kuni_error *err);
void kuni_cohort_fini(kuni_cohort *cohort);

#endif
