/* SPDX-License-Identifier: MIT */
/*
 * What the cohort step knows of the samples, and the tables it publishes.
 */
#ifndef KUNI_ALIGNMENT_QC_COHORT_H
#define KUNI_ALIGNMENT_QC_COHORT_H

#include "kin.h"
#include "kuni/stage.h"
#include "metrics/metrics.h"
#include "metrics/sex.h"
#include "profile.h"

typedef struct kuni_qc_row {
    const kuni_sample *sample;
    const double *values; /* kuni_qc_n_metrics of them */
    kuni_qc_karyotype karyotype;
    const char *sex_check;
    kuni_qc_estimates estimates;
    bool whole_genome; /* nine tenths of the autosomes of a human-sized reference were processed */
    bool identity_conflict;
    kuni_qc_outcome outcome;
    uint32_t n_fail, n_flag;
} kuni_qc_row;

typedef struct kuni_qc_cohort {
    const kuni_task *task;
    const kuni_qc_profile *profile;
    kuni_qc_row *rows; /* in column order */
    size_t n_rows;
    size_t n_absent; /* samples without QC data: quarantined, or not reads */
    kuni_kin *kin;   /* by numbers of rows */
    size_t n_kin;
    bool has_fingerprints;
    const char **contig_names; /* of the main contigs */
    size_t n_contigs;
    float *contig_ratios; /* [row][contig]: coverage over that of the autosomes; NAN: not known */
} kuni_qc_cohort;

/* Why a row does not pass, one call a reason; `value` and `limit` are text. */
typedef kuni_status kuni_qc_reason(void *context, const kuni_qc_row *row, const kuni_qc_rule *rule,
                                   kuni_qc_outcome outcome, const char *name, const char *value,
                                   const char *limit, kuni_error *err);
/*
 * Judges a row by the profile: sets outcome and counts, and tells each reason to `reason` (or
 * NULL).
 */
KUNI_MUST_CHECK kuni_status kuni_qc_judge_row(const kuni_qc_profile *profile, kuni_qc_row *row,
                                              kuni_qc_reason *reason, void *context,
                                              kuni_error *err);

/*
 * Compares all rows: kin, and identity conflicts of the rows. `prints` is sealed and numbered as
 * the rows.
 */
KUNI_MUST_CHECK kuni_status kuni_qc_find_kin(kuni_qc_cohort *cohort,
                                             const kuni_fingerprints *prints, kuni_error *err);

/* The tables. Each writes one file whole. */
KUNI_MUST_CHECK kuni_status kuni_qc_write_samples(const kuni_qc_cohort *cohort, const char *path,
                                                  kuni_error *err);
KUNI_MUST_CHECK kuni_status kuni_qc_write_ga4gh(const kuni_qc_cohort *cohort, const char *path,
                                                kuni_error *err);
KUNI_MUST_CHECK kuni_status kuni_qc_write_failures(const kuni_qc_cohort *cohort, const char *path,
                                                   kuni_error *err);
KUNI_MUST_CHECK kuni_status kuni_qc_write_related(const kuni_qc_cohort *cohort, const char *path,
                                                  kuni_error *err);
/* Medians over the cohort, for those who compare generations. */
KUNI_MUST_CHECK kuni_status kuni_qc_write_summary(const kuni_qc_cohort *cohort, const char *path,
                                                  kuni_error *err);
/* What each column of them means; tables are named from the folder that the dictionary is in. */
KUNI_MUST_CHECK kuni_status kuni_qc_write_dictionary(const char *path, kuni_error *err);
KUNI_MUST_CHECK kuni_status kuni_qc_write_multiqc(const kuni_qc_cohort *cohort, const char *path,
                                                  kuni_error *err);
const char *kuni_qc_sex_name(kuni_sex sex);

#endif
