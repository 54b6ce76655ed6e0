/* SPDX-License-Identifier: MIT */
#include "report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

/*
 * Compiled in from report/: the page with its three markers, the program, and the charts (or why
 * there are none).
 */
extern const char kuni_qc_report_page[];
extern const char kuni_qc_report_app[];
extern const char kuni_qc_report_charts[];

enum { BINS = 48, PIECE_BYTES = 1 << 16 };
/*
 * Histograms reach this many interquartile ranges beyond the quartiles; what lies further is in the
 * end bins.
 */
static const double reach_iqr = 4;

typedef struct writer {
    const kuni_qc_cohort *cohort;
    const kuni_qc_curves *curves;
    kuni_file *file;
    kuni_buffer text;
    int64_t *shown;        /* of each row: its place in the page, or -1 */
    size_t n_shown, *rows; /* rows in page order */
    kuni_error *err;
} writer;

static kuni_status flush(writer *out, bool always)
{
    if (!always && out->text.length < PIECE_BYTES) return KUNI_OK;
    kuni_status status = kuni_file_write(out->file, out->text.data, out->text.length, out->err);
    kuni_buffer_clear(&out->text);
    return status;
}

static kuni_status put(writer *out, const char *text)
{
    return kuni_buffer_append(&out->text, text, strlen(text), out->err);
}

static kuni_status put_string(writer *out, const char *text)
{
    return kuni_qc_put_json(&out->text, text ? text : "", out->err);
}

static kuni_status put_number(writer *out, double value, int decimals)
{
    if (!isfinite(value)) return put(out, "null");
    return kuni_buffer_printf(&out->text, out->err, "%.*f", decimals, value);
}

/* Those in trouble, then the rest, until the page is full; kept in column order within each. */
static kuni_status choose_rows(writer *out)
{
    size_t n = out->cohort->n_rows;
    out->shown = kuni_alloc(n + 1, sizeof(*out->shown), out->err);
    out->rows = kuni_alloc(n + 1, sizeof(*out->rows), out->err);
    if (!out->shown || !out->rows) return KUNI_MEMORY;
    for (int calm = 0; calm < 2; calm++)
        for (size_t i = 0; i < n; i++) {
            bool trouble = out->cohort->rows[i].outcome > KUNI_QC_PASS;
            if (trouble == (calm == 1)) continue;
            out->shown[i] = out->n_shown < KUNI_QC_REPORT_ROWS ? (int64_t)out->n_shown : -1;
            if (out->shown[i] >= 0) out->rows[out->n_shown++] = i;
        }
    return KUNI_OK;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double quantile(const double *sorted, size_t n, double share)
{
    return sorted[(size_t)(share * (double)(n - 1) + 0.5)];
}

/* The distribution of a metric over all samples: quantiles and bins. */
static kuni_status put_distribution(writer *out, size_t metric, double *scratch)
{
    static const double shares[] = {0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1};
    uint64_t bins[BINS] = {0};
    size_t n = 0;
    for (size_t i = 0; i < out->cohort->n_rows; i++)
        if (isfinite(out->cohort->rows[i].values[metric]))
            scratch[n++] = out->cohort->rows[i].values[metric];
    if (n == 0) return put(out, "null");
    qsort(scratch, n, sizeof(*scratch), by_value);
    double q1 = quantile(scratch, n, 0.25), q3 = quantile(scratch, n, 0.75);
    double low = fmax(scratch[0], q1 - reach_iqr * (q3 - q1));
    double high = fmin(scratch[n - 1], q3 + reach_iqr * (q3 - q1));
    if (!(high > low)) {
        low = scratch[0];
        high = scratch[n - 1];
    }
    int n_bins = high > low ? BINS : 1;
    for (size_t i = 0; i < n; i++) {
        double at = high > low ? (scratch[i] - low) / (high - low) * n_bins : 0;
        int bin = at < 0 ? 0 : at >= n_bins ? n_bins - 1 : (int)at;
        bins[bin]++;
    }
    int decimals = kuni_qc_metrics[metric].decimals + 2;
    kuni_status status = kuni_buffer_printf(&out->text, out->err, "{\"n\":%zu,\"q\":[", n);
    for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]) && !status; i++) {
        if (i) status = put(out, ",");
        if (!status) status = put_number(out, quantile(scratch, n, shares[i]), decimals);
    }
    if (!status)
        status = kuni_buffer_printf(&out->text, out->err, "],\"low\":%.*f,\"high\":%.*f,\"bins\":[",
                                    decimals, low, decimals, high);
    for (int i = 0; i < n_bins && !status; i++)
        status = kuni_buffer_printf(&out->text, out->err, "%s%llu", i ? "," : "",
                                    (unsigned long long)bins[i]);
    return status ? status : put(out, "]}");
}

static kuni_status put_limit(writer *out, const char *key, double value)
{
    if (isnan(value)) return KUNI_OK;
    return kuni_buffer_printf(&out->text, out->err, ",\"%s\":%.12g", key, value);
}

static kuni_status put_rule(writer *out, const kuni_qc_rule *rule)
{
    kuni_status status = kuni_buffer_printf(
        &out->text, out->err, "{\"scope\":\"%s\",\"outcome\":\"%s\"",
        rule->whole_genome ? "genome" : "any", kuni_qc_outcome_name(rule->outcome));
    if (!status) status = put_limit(out, "failBelow", rule->fail_below);
    if (!status) status = put_limit(out, "failAbove", rule->fail_above);
    if (!status) status = put_limit(out, "flagBelow", rule->flag_below);
    if (!status) status = put_limit(out, "flagAbove", rule->flag_above);
    if (!status) status = put(out, ",\"advice\":");
    if (!status) status = put_string(out, rule->advice);
    if (!status) status = put(out, ",\"source\":");
    if (!status) status = put_string(out, rule->source);
    return status ? status : put(out, "}");
}

static kuni_status put_metrics(writer *out)
{
    double *scratch = kuni_alloc(out->cohort->n_rows + 1, sizeof(*scratch), out->err);
    if (!scratch) return KUNI_MEMORY;
    kuni_status status = put(out, "\"metrics\":[");
    for (size_t i = 0; i < kuni_qc_n_metrics && !status; i++) {
        const kuni_qc_metric *metric = &kuni_qc_metrics[i];
        const kuni_qc_rule *rule = NULL;
        for (size_t k = 0; k < out->cohort->profile->n_rules; k++)
            if (out->cohort->profile->rules[k].metric == (int)i)
                rule = &out->cohort->profile->rules[k];
        status = kuni_buffer_printf(
            &out->text, out->err,
            "%s\n{\"name\":\"%s\",\"unit\":\"%s\",\"decimals\":%d,\"ga4gh\":%s,\"definition\":",
            i ? "," : "", metric->name, metric->unit, metric->decimals,
            metric->ga4gh ? "true" : "false");
        if (!status) status = put_string(out, metric->definition);
        if (!status) status = put(out, ",\"rule\":");
        if (!status) status = rule ? put_rule(out, rule) : put(out, "null");
        if (!status) status = put(out, ",\"dist\":");
        if (!status) status = put_distribution(out, i, scratch);
        if (!status) status = put(out, "}");
    }
    free(scratch);
    return status ? status : put(out, "],\n");
}

typedef const char *text_of(const kuni_qc_row *row);

static const char *id_of(const kuni_qc_row *row)
{
    return row->sample->id;
}

static const char *participant_of(const kuni_qc_row *row)
{
    return row->sample->participant;
}

static const char *site_of(const kuni_qc_row *row)
{
    return row->sample->site;
}

static const char *group_of(const kuni_qc_row *row)
{
    return row->sample->group;
}

static const char *declared_of(const kuni_qc_row *row)
{
    return kuni_qc_sex_name(row->sample->sex);
}

static const char *karyotype_of(const kuni_qc_row *row)
{
    return row->karyotype.name;
}

static const char *sex_check_of(const kuni_qc_row *row)
{
    return row->sex_check;
}

static kuni_status put_texts(writer *out, const char *name, text_of *text)
{
    kuni_status status = kuni_buffer_printf(&out->text, out->err, "\"%s\":[", name);
    for (size_t i = 0; i < out->n_shown && !status; i++) {
        if (i) status = put(out, ",");
        if (!status) status = put_string(out, text(&out->cohort->rows[out->rows[i]]));
        if (!status) status = flush(out, false);
    }
    return status ? status : put(out, "],\n");
}

static kuni_status put_samples(writer *out)
{
    static const struct {
        const char *name;
        text_of *text;
    } texts[] = {{"id", id_of},
                 {"participant", participant_of},
                 {"site", site_of},
                 {"group", group_of},
                 {"declared", declared_of},
                 {"karyotype", karyotype_of},
                 {"sexCheck", sex_check_of}};
    kuni_status status = put(out, "\"samples\":{");
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]) && !status; i++)
        status = put_texts(out, texts[i].name, texts[i].text);
    if (!status) status = put(out, "\"outcome\":[");
    for (size_t i = 0; i < out->n_shown && !status; i++)
        status = kuni_buffer_printf(&out->text, out->err, "%s%d", i ? "," : "",
                                    (int)out->cohort->rows[out->rows[i]].outcome);
    if (!status) status = put(out, "],\n\"values\":[");
    for (size_t m = 0; m < kuni_qc_n_metrics && !status; m++) {
        status = put(out, m ? ",\n[" : "[");
        for (size_t i = 0; i < out->n_shown && !status; i++) {
            if (i) status = put(out, ",");
            if (!status)
                status = put_number(out, out->cohort->rows[out->rows[i]].values[m],
                                    kuni_qc_metrics[m].decimals);
            if (!status) status = flush(out, false);
        }
        if (!status) status = put(out, "]");
    }
    if (!status) status = put(out, "],\n\"pcs\":[");
    for (int pc = 0; pc < 2 && !status; pc++) {
        status = put(out, pc ? ",[" : "[");
        for (size_t i = 0; i < out->n_shown && !status; i++) {
            const kuni_qc_estimates *fit = &out->cohort->rows[out->rows[i]].estimates;
            bool known = fit->fit >= KUNI_QC_FIT_SAME && fit->n_pcs > pc;
            if (i) status = put(out, ",");
            if (!status)
                status = put_number(out, known ? (double)fit->pcs[pc] / KUNI_QC_MICRO : NAN, 5);
        }
        if (!status) status = put(out, "]");
    }
    return status ? status : put(out, "]},\n");
}

typedef struct reason_context {
    writer *out;
    size_t place;
    bool first;
} reason_context;

static kuni_status put_reason(void *opaque, const kuni_qc_row *row, const kuni_qc_rule *rule,
                              kuni_qc_outcome outcome, const char *name, const char *value,
                              const char *limit, kuni_error *err)
{
    reason_context *context = opaque;
    writer *out = context->out;
    (void)row;
    kuni_status status =
        kuni_buffer_printf(&out->text, err, "%s\n[%zu,%d,\"%s\",", context->first ? "" : ",",
                           context->place, (int)outcome, name);
    context->first = false;
    if (!status) status = put_string(out, value);
    if (!status) status = put(out, ",");
    if (!status) status = put_string(out, limit);
    if (!status) status = put(out, ",");
    if (!status) status = put_string(out, rule->advice);
    if (!status) status = put(out, "]");
    return status ? status : flush(out, false);
}

static kuni_status put_reasons(writer *out)
{
    reason_context context = {.out = out, .first = true};
    kuni_status status = put(out, "\"reasons\":[");
    for (size_t i = 0; i < out->n_shown && !status; i++) {
        kuni_qc_row row = out->cohort->rows[out->rows[i]];
        if (row.outcome <= KUNI_QC_PASS) break; /* those in trouble come first */
        context.place = i;
        status = kuni_qc_judge_row(out->cohort->profile, &row, put_reason, &context, out->err);
    }
    return status ? status : put(out, "],\n");
}

/* Two digits of base 64 a level; absent ones are "__". */
static kuni_status put_levels(writer *out, const uint16_t *levels, int n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    char text[2 * KUNI_QC_CURVE_POINTS + 1];
    for (int i = 0; i < n; i++) {
        unsigned level = levels[i] == KUNI_QC_CURVE_ABSENT ? 4095 : levels[i];
        text[2 * i] = digits[level / 64];
        text[2 * i + 1] = digits[level % 64];
    }
    text[2 * n] = '\0';
    return kuni_buffer_printf(&out->text, out->err, "\"%s\"", text);
}

static int points_of(int curve)
{
    return kuni_qc_curve_shapes[curve].n_points * kuni_qc_curve_shapes[curve].n_lines;
}

static kuni_status put_curves(writer *out)
{
    static const double shares[] = {0.05, 0.25, 0.5, 0.75, 0.95};
    kuni_status status = put(out, "\"curves\":[");
    for (int curve = 0; curve < KUNI_QC_CURVES && !status; curve++) {
        const kuni_qc_curve_shape *shape = &kuni_qc_curve_shapes[curve];
        status =
            kuni_buffer_printf(&out->text, out->err,
                               "%s\n{\"name\":\"%s\",\"title\":\"%s\",\"xLabel\":\"%s\",\"yLabel\":"
                               "\"%s\",\"points\":%d,"
                               "\"lines\":%d,\"xFirst\":%g,\"xStep\":%g,\"unit\":%.8g,\"bands\":[",
                               curve ? "," : "", shape->name, shape->title, shape->x_label,
                               shape->y_label, shape->n_points, shape->n_lines, shape->x_first,
                               shape->x_step, shape->most / (KUNI_QC_CURVE_LEVELS - 1));
        for (size_t s = 0; s < sizeof(shares) / sizeof(shares[0]) && !status; s++) {
            uint16_t levels[KUNI_QC_CURVE_POINTS] = {0};
            for (int i = 0; i < points_of(curve); i++)
                levels[i] =
                    kuni_qc_curves_quantile(out->curves, (kuni_qc_curve)curve, i, shares[s]);
            if (s) status = put(out, ",");
            if (!status) status = put_levels(out, levels, points_of(curve));
        }
        if (!status) status = put(out, "]}");
    }
    if (!status) status = put(out, "],\n\"own\":{");
    bool first = true;
    for (size_t i = 0; i < out->curves->n_kept && !status; i++) {
        const kuni_qc_own_curves *own = &out->curves->kept[i];
        if (out->shown[own->row] < 0) continue;
        status = kuni_buffer_printf(&out->text, out->err, "%s\n\"%lld\":[", first ? "" : ",",
                                    (long long)out->shown[own->row]);
        first = false;
        for (int curve = 0; curve < KUNI_QC_CURVES && !status; curve++) {
            if (curve) status = put(out, ",");
            if (!status) status = put_levels(out, own->levels[curve], points_of(curve));
        }
        if (!status) status = put(out, "]");
        if (!status) status = flush(out, false);
    }
    return status ? status : put(out, "},\n");
}

static kuni_status put_kin(writer *out)
{
    kuni_status status = put(out, "\"kin\":[");
    bool first = true;
    for (size_t i = 0; i < out->cohort->n_kin && !status; i++) {
        const kuni_qc_kin *kin = &out->cohort->kin[i];
        const kuni_qc_relation *relation = &kin->relation;
        status = put(out, first ? "\n[" : ",\n[");
        first = false;
        if (!status) status = put_string(out, out->cohort->rows[relation->a].sample->id);
        if (!status) status = put(out, ",");
        if (!status) status = put_string(out, out->cohort->rows[relation->b].sample->id);
        if (!status)
            status = kuni_buffer_printf(
                &out->text, out->err, ",%.4f,\"%s\",%.5f,%u,\"%s\",\"%s\"]", relation->kinship,
                kuni_qc_relation_name(relation),
                relation->n_sites ? (double)relation->n_opposite / relation->n_sites : 0,
                relation->n_sites, kin->declared, kin->verdict);
        if (!status) status = flush(out, false);
    }
    return status ? status : put(out, "],\n");
}

static kuni_status put_checks(writer *out)
{
    const kuni_qc_profile *profile = out->cohort->profile;
    kuni_status status = put(out, "\"checks\":{");
    bool first = true;
    for (size_t i = 0; i < profile->n_rules && !status; i++) {
        if (profile->rules[i].check < 0) continue;
        status = kuni_buffer_printf(&out->text, out->err, "%s\"%s\":", first ? "" : ",",
                                    kuni_qc_check_name((kuni_qc_check)profile->rules[i].check));
        first = false;
        if (!status) status = put_rule(out, &profile->rules[i]);
    }
    return status ? status : put(out, "},\n");
}

static kuni_status put_meta(writer *out)
{
    const kuni_qc_cohort *cohort = out->cohort;
    size_t counts[4] = {0};
    bool whole = cohort->n_rows > 0;
    for (size_t i = 0; i < cohort->n_rows; i++) {
        counts[cohort->rows[i].outcome]++;
        whole &= cohort->rows[i].whole_genome;
    }
    kuni_status status = put(out, "\"meta\":{\"profile\":");
    if (!status) status = put_string(out, cohort->profile->name);
    if (!status) status = put(out, ",\"stage\":");
    if (!status) status = put_string(out, cohort->task->stage_id);
    return status
               ? status
               : kuni_buffer_printf(
                     &out->text, out->err,
                     ",\"samples\":%zu,\"absent\":%zu,\"notJudged\":%zu,\"pass\":%zu,\"flag\":%zu,"
                     "\"fail\":%zu,\"whole\":%s,\"shown\":%zu,\"fingerprints\":%s}\n",
                     cohort->n_rows, cohort->n_absent, counts[0], counts[1], counts[2], counts[3],
                     whole ? "true" : "false", out->n_shown,
                     cohort->has_fingerprints ? "true" : "false");
}

static kuni_status put_data(writer *out)
{
    kuni_status status = put(out, "{");
    if (!status) status = put_metrics(out);
    if (!status) status = put_checks(out);
    if (!status) status = put_samples(out);
    if (!status) status = put_reasons(out);
    if (!status) status = put_curves(out);
    if (!status) status = put_kin(out);
    if (!status) status = put_meta(out);
    if (!status) status = put(out, "}");
    return status ? status : flush(out, true);
}

/* Writes the page, and at each of its markers what belongs there. */
static kuni_status put_page(writer *out)
{
    static const char *const markers[] = {"/*KUNI-DATA*/", "/*KUNI-CHARTS*/", "/*KUNI-APP*/"};
    const char *at = kuni_qc_report_page;
    for (size_t i = 0; i < 3; i++) {
        const char *marker = strstr(at, markers[i]);
        if (!marker) return kuni_fail(out->err, KUNI_BUG, "report page lacks %s", markers[i]);
        kuni_status status = kuni_file_write(out->file, at, (size_t)(marker - at), out->err);
        if (status) return status;
        const char *piece = i == 1 ? kuni_qc_report_charts : kuni_qc_report_app;
        status =
            i == 0 ? put_data(out) : kuni_file_write(out->file, piece, strlen(piece), out->err);
        if (status) return status;
        at = marker + strlen(markers[i]);
    }
    return kuni_file_write(out->file, at, strlen(at), out->err);
}

kuni_status kuni_qc_write_report(const kuni_qc_cohort *cohort, const kuni_qc_curves *curves,
                                 const char *path, kuni_error *err)
{
    writer out = {.cohort = cohort, .curves = curves, .err = err};
    kuni_status status = kuni_file_create(&out.file, path, err);
    if (!status) status = choose_rows(&out);
    if (!status) status = put_page(&out);
    if (!status) {
        kuni_file *file = out.file;
        out.file = NULL;
        status = kuni_file_commit(file, err);
    }
    kuni_file_discard(out.file);
    kuni_buffer_fini(&out.text);
    free(out.shown);
    free(out.rows);
    return status;
}
