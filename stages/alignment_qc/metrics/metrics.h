/* SPDX-License-Identifier: MIT */
/*
 * Metrics of a sample from its summed counters: the GA4GH WGS-QC set under its exact names, and
 * kuni's own.
 *
 * One table holds name, unit, decimals and definition; the TSV columns, the JSON, the data
 * dictionary, the threshold profiles and the report are all made from it. A metric that cannot be
 * known is NaN ("NA" in text, null in JSON).
 */
#ifndef KUNI_ALIGNMENT_QC_METRICS_H
#define KUNI_ALIGNMENT_QC_METRICS_H

#include "partials/estimates.h"

/* What metrics are made from. */
typedef struct kuni_qc_summary {
    const uint64_t *counts, *reference; /* sums over all shards */
    int32_t n_contigs;
    const kuni_qc_estimates *estimates;
} kuni_qc_summary;

typedef struct kuni_qc_metric {
    const char *name;
    const char *unit;
    int decimals;
    bool ga4gh;
    const char *definition;
    double (*value)(const kuni_qc_summary *summary);
} kuni_qc_metric;

/* Positions of X outside PAR deep enough for their heterozygosity to be judged. */
double kuni_qc_judged_x_bp(const kuni_qc_summary *summary);

extern const kuni_qc_metric kuni_qc_metrics[];
extern const size_t kuni_qc_n_metrics;

/* Index of a metric, or -1. */
int kuni_qc_metric_find(const char *name);
/* The value rounded to the metric's decimals, "NA" where unknown. Returns its length. */
int kuni_qc_metric_print(char *text, size_t room, const kuni_qc_metric *metric, double value);
/* Median of a histogram (mean of the two middle values), NaN where empty. */
double kuni_qc_histogram_median(const uint64_t *bins, size_t n_bins);
/* Median absolute deviation from the median. */
double kuni_qc_histogram_mad(const uint64_t *bins, size_t n_bins);

#endif
