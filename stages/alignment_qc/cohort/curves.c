/* SPDX-License-Identifier: MIT */
#include "curves.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kuni/json.h"

enum { CYCLE_POINTS = 80, CYCLE_STEP = 2 };

const kuni_qc_curve_shape kuni_qc_curve_shapes[KUNI_QC_CURVES] = {
    {"coverage", "Autosomes covered", "coverage at least (x)", "% of non-gap positions", 101, 1, 0,
     1, 100},
    {"insert", "Insert size", "insert size (bp)", "% of pairs a 10 bp", 100, 1, 5, 10, 20},
    {"quality", "Base quality by cycle", "cycle", "mean quality (phred)", CYCLE_POINTS, 2, 1.5,
     CYCLE_STEP, 64},
    {"mismatch", "Mismatches by cycle", "cycle", "% of aligned bases", CYCLE_POINTS, 2, 1.5,
     CYCLE_STEP, 5},
    {"gc", "GC bias", "GC of 100 bp window (%)", "coverage over mean", 101, 1, 0, 1, 3}};

kuni_status kuni_qc_curves_new(kuni_qc_curves **curves, kuni_error *err)
{
    *curves = kuni_alloc(1, sizeof(**curves), err);
    return *curves ? KUNI_OK : KUNI_MEMORY;
}

void kuni_qc_curves_free(kuni_qc_curves *curves)
{
    if (!curves) return;
    free(curves->kept);
    free(curves);
}

kuni_status kuni_qc_curves_reference(kuni_qc_curves *curves, const uint64_t *reference,
                                     kuni_error *err)
{
    (void)err;
    memcpy(curves->windows, reference + KUNI_QC_AT_WINDOW_GC, sizeof(curves->windows));
    return KUNI_OK;
}

static void set(uint16_t *levels, kuni_qc_curve curve, int point, double value)
{
    double most = kuni_qc_curve_shapes[curve].most;
    if (!isfinite(value)) return;
    if (value > most) value = most;
    levels[point] = (uint16_t)lround(value / most * (KUNI_QC_CURVE_LEVELS - 1));
}

static void coverage_curve(uint16_t *levels, const kuni_qc_summary *s)
{
    const uint64_t *bins = s->counts + KUNI_QC_AT_DEPTH + KUNI_QC_AUTOSOME * KUNI_QC_DEPTHS;
    double whole = (double)s->reference[KUNI_QC_AT_DEPTH + KUNI_QC_AUTOSOME * KUNI_QC_DEPTHS];
    uint64_t sum = 0;
    if (whole <= 0) return;
    for (int depth = KUNI_QC_DEPTHS - 1; depth >= 0; depth--) {
        sum += bins[depth];
        if (depth < kuni_qc_curve_shapes[KUNI_QC_CURVE_COVERAGE].n_points)
            set(levels, KUNI_QC_CURVE_COVERAGE, depth, 100 * (double)sum / whole);
    }
}

static void insert_curve(uint16_t *levels, const kuni_qc_summary *s)
{
    uint64_t bins[KUNI_QC_CURVE_POINTS] = {0}, whole = 0;
    int n_points = kuni_qc_curve_shapes[KUNI_QC_CURVE_INSERT].n_points;
    for (size_t bp = 1; bp < KUNI_QC_INSERT_BP; bp++) {
        uint64_t n = s->counts[KUNI_QC_AT_INSERT_IN + bp] + s->counts[KUNI_QC_AT_INSERT_OUT + bp] +
                     s->counts[KUNI_QC_AT_INSERT_OTHER + bp];
        whole += n;
        if (bp / 10 < (size_t)n_points) bins[bp / 10] += n;
    }
    for (int i = 0; i < n_points && whole; i++)
        set(levels, KUNI_QC_CURVE_INSERT, i, 100 * (double)bins[i] / (double)whole);
}

static void quality_curve(uint16_t *levels, const kuni_qc_summary *s)
{
    for (int which = 0; which < 2; which++)
        for (int i = 0; i < CYCLE_POINTS; i++) {
            uint64_t n = 0, sum = 0;
            const uint64_t *row =
                s->counts + KUNI_QC_AT_QUALITY +
                ((size_t)which * KUNI_QC_CYCLES + (size_t)i * CYCLE_STEP) * KUNI_QC_QUALITIES;
            for (size_t k = 0; k < (size_t)CYCLE_STEP * KUNI_QC_QUALITIES; k++) {
                n += row[k];
                sum += row[k] * (k % KUNI_QC_QUALITIES);
            }
            if (n)
                set(levels, KUNI_QC_CURVE_QUALITY, which * CYCLE_POINTS + i,
                    (double)sum / (double)n);
        }
}

static void mismatch_curve(uint16_t *levels, const kuni_qc_summary *s)
{
    for (int which = 0; which < 2; which++)
        for (int i = 0; i < CYCLE_POINTS; i++) {
            size_t at = (size_t)which * KUNI_QC_CYCLES + (size_t)i * CYCLE_STEP;
            uint64_t aligned = 0, different = 0;
            for (size_t k = at; k < at + CYCLE_STEP; k++) {
                aligned += s->counts[KUNI_QC_AT_ALIGNED + k];
                different += s->counts[KUNI_QC_AT_MISMATCH + k];
            }
            if (aligned)
                set(levels, KUNI_QC_CURVE_MISMATCH, which * CYCLE_POINTS + i,
                    100 * (double)different / (double)aligned);
        }
}

/* Windows of a GC content that is rare on the reference say nothing. */
static void gc_curve(uint16_t *levels, const kuni_qc_summary *s, const uint64_t *windows)
{
    double reads = 0, all = 0;
    for (int gc = 0; gc < KUNI_QC_GC_BINS; gc++) {
        reads += (double)s->counts[KUNI_QC_AT_WINDOW_GC + gc];
        all += (double)windows[gc];
    }
    for (int gc = 0; gc < KUNI_QC_GC_BINS; gc++)
        if (reads > 0 && (double)windows[gc] > 1e-4 * all)
            set(levels, KUNI_QC_CURVE_GC, gc,
                (double)s->counts[KUNI_QC_AT_WINDOW_GC + gc] / reads / ((double)windows[gc] / all));
}

kuni_status kuni_qc_curves_add(kuni_qc_curves *curves, size_t row, const kuni_qc_summary *summary,
                               bool in_trouble, kuni_error *err)
{
    kuni_qc_own_curves own = {.row = row};
    memset(own.levels, 0xff, sizeof(own.levels));
    coverage_curve(own.levels[KUNI_QC_CURVE_COVERAGE], summary);
    insert_curve(own.levels[KUNI_QC_CURVE_INSERT], summary);
    quality_curve(own.levels[KUNI_QC_CURVE_QUALITY], summary);
    mismatch_curve(own.levels[KUNI_QC_CURVE_MISMATCH], summary);
    gc_curve(own.levels[KUNI_QC_CURVE_GC], summary, curves->windows);
    for (int curve = 0; curve < KUNI_QC_CURVES; curve++)
        for (int point = 0; point < KUNI_QC_CURVE_POINTS; point++)
            if (own.levels[curve][point] != KUNI_QC_CURVE_ABSENT)
                curves->band[curve][point][own.levels[curve][point]]++;
    size_t most_passing = KUNI_QC_CURVES_KEPT - KUNI_QC_CURVES_SPARE;
    bool keep =
        curves->n_kept < KUNI_QC_CURVES_KEPT && (in_trouble || curves->n_passing < most_passing);
    if (!keep) return KUNI_OK;
    curves->n_passing += !in_trouble;
    kuni_status status = kuni_grow((void **)&curves->kept, &curves->capacity, curves->n_kept + 1,
                                   sizeof(*curves->kept), err);
    if (!status) curves->kept[curves->n_kept++] = own;
    return status;
}

uint16_t kuni_qc_curves_quantile(const kuni_qc_curves *curves, kuni_qc_curve curve, int point,
                                 double share)
{
    const uint32_t *band = curves->band[curve][point];
    uint64_t n = 0, sum = 0;
    for (int level = 0; level < KUNI_QC_CURVE_LEVELS; level++) n += band[level];
    if (n == 0) return KUNI_QC_CURVE_ABSENT;
    uint64_t rank = (uint64_t)(share * (double)(n - 1));
    for (int level = 0; level < KUNI_QC_CURVE_LEVELS; level++) {
        sum += band[level];
        if (sum > rank) return (uint16_t)level;
    }
    return KUNI_QC_CURVE_LEVELS - 1;
}

static void put_curve(kuni_json *json, const char *id, const uint16_t *levels)
{
    const kuni_qc_curve_shape *shape = &kuni_qc_curve_shapes[KUNI_QC_CURVE_COVERAGE];
    kuni_json_object(json, id, KUNI_JSON_INLINE);
    for (int x = 0; x < shape->n_points; x++) {
        char at[16];
        if (levels[x] == KUNI_QC_CURVE_ABSENT) continue;
        (void)snprintf(at, sizeof(at), "%d", x);
        kuni_json_fixed(json, at, levels[x] * shape->most / (KUNI_QC_CURVE_LEVELS - 1), 1);
    }
    kuni_json_end(json);
}

static void put_multiqc(const kuni_qc_curves *curves, const kuni_qc_cohort *cohort, kuni_json *json)
{
    const kuni_qc_curve_shape *shape = &kuni_qc_curve_shapes[KUNI_QC_CURVE_COVERAGE];
    char description[128];
    (void)snprintf(description, sizeof(description),
                   "GA4GH coverage; samples in trouble first, at most %d samples",
                   KUNI_QC_CURVES_KEPT);
    kuni_json_object(json, NULL, KUNI_JSON_INLINE);
    kuni_json_text(json, "id", "kuni_coverage");
    kuni_json_text(json, "section_name", "Autosomes covered (kuni)");
    kuni_json_text(json, "description", description);
    kuni_json_text(json, "plot_type", "linegraph");
    kuni_json_object(json, "pconfig", KUNI_JSON_INLINE);
    kuni_json_text(json, "id", "kuni_coverage_plot");
    kuni_json_text(json, "title", "kuni: autosomes covered");
    kuni_json_text(json, "xlab", shape->x_label);
    kuni_json_text(json, "ylab", shape->y_label);
    kuni_json_int(json, "ymin", 0);
    kuni_json_int(json, "ymax", 100);
    kuni_json_end(json);
    kuni_json_object(json, "data", KUNI_JSON_LINES);
    for (size_t i = 0; i < curves->n_kept; i++)
        put_curve(json, cohort->rows[curves->kept[i].row].sample->id,
                  curves->kept[i].levels[KUNI_QC_CURVE_COVERAGE]);
    kuni_json_end(json);
    kuni_json_end(json);
}

kuni_status kuni_qc_curves_write(const kuni_qc_curves *curves, const kuni_qc_cohort *cohort,
                                 const char *path, kuni_error *err)
{
    kuni_file *file = NULL;
    kuni_json json;
    kuni_status status = kuni_file_create(&file, path, err);
    if (status) return status;
    kuni_json_start(&json, file, KUNI_JSON_SPACED, err);
    put_multiqc(curves, cohort, &json);
    status = kuni_json_finish(&json);
    if (!status) status = kuni_file_write(file, "\n", 1, err);
    if (!status) return kuni_file_commit(file, err);
    kuni_file_discard(file);
    return status;
}
