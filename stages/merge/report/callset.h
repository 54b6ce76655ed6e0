/* SPDX-License-Identifier: MIT */
/*
 * What the report of a call set knows, and the files it publishes: the sum of all shards' numbers,
 * measures of every sample, principal components, kin.
 *
 * Memory: some 400 bytes a sample, whatever the genome; genotypes of the common sites lie in
 * scratch files.
 */
#ifndef KUNI_STAGES_MERGE_CALLSET_H
#define KUNI_STAGES_MERGE_CALLSET_H

#include "kin.h"
#include "numbers/common_sites.h"
#include "numbers/totals.h"

enum { CALLSET_COMPONENTS = 10 };

/* A number of a sample. */
typedef struct callset_measure {
    const char *name, *unit;
    int decimals;
    bool watched; /* samples far from the others are named */
    double (*value)(const callset_totals *totals, uint32_t column); /* NAN: not known */
    const char *definition;
} callset_measure;

extern const callset_measure callset_measures[];
extern const size_t callset_n_measures;

typedef struct callset_outlier {
    uint32_t column;
    uint16_t measure;
    float deviations; /* robust ones from the median of its peers */
} callset_outlier;

typedef struct callset {
    const kuni_task *task;
    callset_totals totals;
    const kuni_sample **samples; /* by column */
    common_sites_list common;
    callset_outlier *outliers; /* by column */
    size_t n_outliers;
    uint32_t n_components;
    double *components; /* [column][n_components], of mean 0 and variance 1; NULL: none */
    double shares[CALLSET_COMPONENTS]; /* of the variance at the common sites */
    bool compared;                     /* kin */
    char kin_note[256];                /* on how much it rests, or why nobody was compared */
    kuni_kin *kin;
    size_t n_kin, n_conflicts, n_undeclared;
} callset;

/* Finds outliers within groups of the manifest that are large enough, else within the cohort. */
KUNI_MUST_CHECK kuni_status callset_find_outliers(callset *set, kuni_error *err);
KUNI_MUST_CHECK kuni_status callset_find_components(callset *set, kuni_error *err);
/* By the parameters relatives, kinship_least, kinship_min_sites. */
KUNI_MUST_CHECK kuni_status callset_find_kin(callset *set, kuni_error *err);

size_t callset_n_outlier_samples(const callset *set);

/* The tables, each a whole file. */
KUNI_MUST_CHECK kuni_status callset_write_summary(const callset *set, const char *path,
                                                  kuni_error *err);
KUNI_MUST_CHECK kuni_status callset_write_distributions(const callset *set, const char *path,
                                                        kuni_error *err);
KUNI_MUST_CHECK kuni_status callset_write_samples(const callset *set, const char *path,
                                                  kuni_error *err);
KUNI_MUST_CHECK kuni_status callset_write_trios(const callset *set, const char *path,
                                                kuni_error *err);
KUNI_MUST_CHECK kuni_status callset_write_windows(const callset *set, const char *path,
                                                  kuni_error *err);
KUNI_MUST_CHECK kuni_status callset_write_related(const callset *set, const char *path,
                                                  kuni_error *err);
KUNI_MUST_CHECK kuni_status callset_write_common_sites(const callset *set, const char *path,
                                                       kuni_error *err);
KUNI_MUST_CHECK kuni_status callset_write_page(const callset *set, const char *path,
                                               kuni_error *err);
KUNI_MUST_CHECK kuni_status callset_write_dictionary(const char *path, kuni_error *err);
KUNI_MUST_CHECK kuni_status callset_write_multiqc(const callset *set, const char *table,
                                                  const char *frequencies, kuni_error *err);

/* A text for a bin of the frequency spectrum: "1 copy", "up to 0.5%". */
void callset_frequency_text(int bin, char text[32]);

/* The step "report". */
kuni_status callset_report_run(const kuni_task *task, kuni_error *err);

#endif
