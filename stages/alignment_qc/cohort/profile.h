/* SPDX-License-Identifier: MIT */
/*
 * Threshold profiles: limits on metrics, and outcomes of checks, each with its source and advice.
 *
 * The file is YAML limited to nested keys with one value a line: profile, metric, then fail_below,
 * fail_above, flag_below, flag_above, outcome, scope, source, advice. Anything else is an error
 * with its line, never skipped.
 */
#ifndef KUNI_ALIGNMENT_QC_PROFILE_H
#define KUNI_ALIGNMENT_QC_PROFILE_H

#include "kuni/buffer.h"

typedef enum kuni_qc_outcome {
    KUNI_QC_NOT_JUDGED, /* no limit, no value, or part of a genome */
    KUNI_QC_PASS,
    KUNI_QC_FLAG,
    KUNI_QC_FAIL
} kuni_qc_outcome;

/* Checks without a number. */
typedef enum kuni_qc_check {
    KUNI_QC_SEX_MISMATCH,
    KUNI_QC_KARYOTYPE_AMBIGUOUS,
    KUNI_QC_KARYOTYPE_UNUSUAL,
    KUNI_QC_IDENTITY,
    KUNI_QC_CHECKS
} kuni_qc_check;

typedef struct kuni_qc_rule {
    int metric;                                            /* index into kuni_qc_metrics, or -1 */
    int check;                                             /* kuni_qc_check, or -1 */
    double fail_below, fail_above, flag_below, flag_above; /* NaN: none */
    kuni_qc_outcome outcome;                               /* of a check */
    bool whole_genome;
    const char *source, *advice;
} kuni_qc_rule;

typedef struct kuni_qc_profile {
    char *text; /* owns the strings */
    const char *name;
    kuni_qc_rule *rules;
    size_t n_rules, capacity;
} kuni_qc_profile;

/* The profiles that come with kuni (workflows/qc-profiles.yaml). */
extern const char kuni_qc_builtin_profiles[];

/*
 * Reads the profile `name` from the file at `path`, or from the built-in ones where path is NULL.
 * "none" is a profile without rules. The whole file is checked. KUNI_USAGE: no such profile (the
 * known ones are named), or a faulty line.
 */
KUNI_MUST_CHECK kuni_status kuni_qc_profile_read(kuni_qc_profile **profile, const char *path,
                                                 const char *name, kuni_error *err);
void kuni_qc_profile_free(kuni_qc_profile *profile);
const char *kuni_qc_check_name(kuni_qc_check check);
const char *kuni_qc_outcome_name(kuni_qc_outcome outcome);
/* Judges a value; the limit that decided, as "< 95", goes to `limit`. */
kuni_qc_outcome kuni_qc_judge(const kuni_qc_rule *rule, double value, bool whole_genome,
                              char limit[32]);

#endif
