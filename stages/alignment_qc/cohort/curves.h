/* SPDX-License-Identifier: MIT */
/*
 * Curves of the cohort: coverage, insert size, base quality and mismatches by cycle, GC bias.
 *
 * Of all samples the band is kept (how many samples have which value at each point, so that
 * percentiles follow); of a bounded number of samples, those in trouble first, the curve itself.
 * Memory does not grow with the cohort.
 */
#ifndef KUNI_ALIGNMENT_QC_CURVES_H
#define KUNI_ALIGNMENT_QC_CURVES_H

#include "cohort.h"

enum {
    KUNI_QC_CURVE_POINTS = 160,
    KUNI_QC_CURVE_LEVELS = 4000, /* values are kept as 0..3999 of the curve's range */
    KUNI_QC_CURVES_KEPT = 2000,  /* samples whose own curves are kept */
    KUNI_QC_CURVES_SPARE = 1500  /* of these, places kept free for samples that do not pass */
};

typedef enum kuni_qc_curve {
    KUNI_QC_CURVE_COVERAGE, /* % of non-gap autosomes with at least x, x = 0..100 */
    KUNI_QC_CURVE_INSERT,   /* % of pairs a 10 bp of insert size */
    KUNI_QC_CURVE_QUALITY,  /* mean base quality by pairs of cycles: first reads, then last reads */
    KUNI_QC_CURVE_MISMATCH, /* % mismatches by pairs of cycles */
    KUNI_QC_CURVE_GC,       /* reads a window over the mean, GC 0..100 % */
    KUNI_QC_CURVES
} kuni_qc_curve;

typedef struct kuni_qc_curve_shape {
    const char *name, *title, *x_label, *y_label;
    int n_points; /* of one line; quality and mismatch have two */
    int n_lines;
    double x_first, x_step, most; /* range of values: 0..most */
} kuni_qc_curve_shape;

extern const kuni_qc_curve_shape kuni_qc_curve_shapes[KUNI_QC_CURVES];

enum { KUNI_QC_CURVE_ABSENT = 0xffff }; /* no value at this point */

/* A sample's curves: levels, KUNI_QC_CURVE_ABSENT where there is no value. */
typedef struct kuni_qc_own_curves {
    size_t row;
    uint16_t levels[KUNI_QC_CURVES][KUNI_QC_CURVE_POINTS];
} kuni_qc_own_curves;

typedef struct kuni_qc_curves {
    uint32_t band[KUNI_QC_CURVES][KUNI_QC_CURVE_POINTS][KUNI_QC_CURVE_LEVELS];
    kuni_qc_own_curves *kept;
    size_t n_kept, capacity, n_passing;
    uint64_t windows[KUNI_QC_GC_BINS];
} kuni_qc_curves;

KUNI_MUST_CHECK kuni_status kuni_qc_curves_new(kuni_qc_curves **curves, kuni_error *err);
void kuni_qc_curves_free(kuni_qc_curves *curves);
/* The reference counts, once. */
KUNI_MUST_CHECK kuni_status kuni_qc_curves_reference(kuni_qc_curves *curves,
                                                     const uint64_t *reference, kuni_error *err);
KUNI_MUST_CHECK kuni_status kuni_qc_curves_add(kuni_qc_curves *curves, size_t row,
                                               const kuni_qc_summary *summary, bool in_trouble,
                                               kuni_error *err);
/*
 * The level that a share of the samples do not exceed at a point; KUNI_QC_CURVE_ABSENT without
 * samples.
 */
uint16_t kuni_qc_curves_quantile(const kuni_qc_curves *curves, kuni_qc_curve curve, int point,
                                 double share);
/* The kept coverage curves as MultiQC custom content (line graph). */
KUNI_MUST_CHECK kuni_status kuni_qc_curves_write(const kuni_qc_curves *curves,
                                                 const kuni_qc_cohort *cohort, const char *path,
                                                 kuni_error *err);

#endif
