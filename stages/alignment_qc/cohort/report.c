/* SPDX-License-Identifier: MIT */
#include "report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "distribution.h"
#include "kuni/json.h"
#include "page.h"

/* Compiled in from report/: the program that draws the page. */
extern const char kuni_qc_report_app[];

enum {
    MORE_DECIMALS = 2, /* of a distribution than of a value */
    RATIO_DECIMALS = 4
};

typedef struct writer {
    const kuni_qc_cohort *cohort;
    const kuni_qc_curves *curves;
    kuni_json json;
    int64_t *shown;        /* of each row: its place in the page, or -1 */
    size_t n_shown, *rows; /* rows in page order */
} writer;

/* Those in trouble, then the rest, until the page is full; kept in column order within each. */
static kuni_status choose_rows(writer *out, kuni_error *err)
{
    size_t n = out->cohort->n_rows;
    out->shown = kuni_alloc(n + 1, sizeof(*out->shown), err);
    out->rows = kuni_alloc(n + 1, sizeof(*out->rows), err);
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

/* Of a metric over all samples. */
static void put_distribution(writer *out, size_t metric, double *scratch)
{
    static const double shares[] = {0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1};
    size_t n = 0;
    for (size_t i = 0; i < out->cohort->n_rows; i++)
        if (isfinite(out->cohort->rows[i].values[metric]))
            scratch[n++] = out->cohort->rows[i].values[metric];
    kuni_distribution_put(&out->json, "dist", scratch, n, shares,
                          sizeof(shares) / sizeof(shares[0]),
                          kuni_qc_metrics[metric].decimals + MORE_DECIMALS);
}

static void put_limit(kuni_json *json, const char *key, double value)
{
    if (!isnan(value)) kuni_json_double(json, key, value, 12);
}

static void put_rule(kuni_json *json, const char *key, const kuni_qc_rule *rule)
{
    kuni_json_object(json, key, KUNI_JSON_INLINE);
    kuni_json_text(json, "scope", rule->whole_genome ? "genome" : "any");
    kuni_json_text(json, "outcome", kuni_qc_outcome_name(rule->outcome));
    put_limit(json, "failBelow", rule->fail_below);
    put_limit(json, "failAbove", rule->fail_above);
    put_limit(json, "flagBelow", rule->flag_below);
    put_limit(json, "flagAbove", rule->flag_above);
    kuni_json_text(json, "advice", rule->advice);
    kuni_json_text(json, "source", rule->source);
    kuni_json_end(json);
}

static kuni_status put_metrics(writer *out, kuni_error *err)
{
    double *scratch = kuni_alloc(out->cohort->n_rows + 1, sizeof(*scratch), err);
    if (!scratch) return KUNI_MEMORY;
    kuni_json *json = &out->json;
    kuni_json_array(json, "metrics", KUNI_JSON_ITEMS);
    for (size_t i = 0; i < kuni_qc_n_metrics; i++) {
        const kuni_qc_metric *metric = &kuni_qc_metrics[i];
        const kuni_qc_rule *rule = NULL;
        for (size_t k = 0; k < out->cohort->profile->n_rules; k++)
            if (out->cohort->profile->rules[k].metric == (int)i)
                rule = &out->cohort->profile->rules[k];
        kuni_json_object(json, NULL, KUNI_JSON_INLINE);
        kuni_json_text(json, "name", metric->name);
        kuni_json_text(json, "unit", metric->unit);
        kuni_json_int(json, "decimals", metric->decimals);
        kuni_json_bool(json, "ga4gh", metric->ga4gh);
        kuni_json_text(json, "definition", metric->definition);
        if (rule)
            put_rule(json, "rule", rule);
        else
            kuni_json_null(json, "rule");
        put_distribution(out, i, scratch);
        kuni_json_end(json);
    }
    kuni_json_end(json);
    free(scratch);
    return KUNI_OK;
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

static void put_values(writer *out)
{
    kuni_json *json = &out->json;
    kuni_json_array(json, "values", KUNI_JSON_BREAK_BETWEEN);
    for (size_t m = 0; m < kuni_qc_n_metrics; m++) {
        kuni_json_array(json, NULL, KUNI_JSON_INLINE);
        for (size_t i = 0; i < out->n_shown; i++)
            kuni_json_fixed(json, NULL, out->cohort->rows[out->rows[i]].values[m],
                            kuni_qc_metrics[m].decimals);
        kuni_json_end(json);
    }
    kuni_json_end(json);
}

static void put_pcs(writer *out)
{
    kuni_json *json = &out->json;
    kuni_json_array(json, "pcs", KUNI_JSON_INLINE);
    for (int pc = 0; pc < 2; pc++) {
        kuni_json_array(json, NULL, KUNI_JSON_INLINE);
        for (size_t i = 0; i < out->n_shown; i++) {
            const kuni_qc_estimates *fit = &out->cohort->rows[out->rows[i]].estimates;
            bool known = fit->fit >= KUNI_QC_FIT_SAME && fit->n_pcs > pc;
            kuni_json_fixed(json, NULL, known ? (double)fit->pcs[pc] / KUNI_QC_MICRO : NAN, 5);
        }
        kuni_json_end(json);
    }
    kuni_json_end(json);
}

static void put_samples(writer *out)
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
    kuni_json *json = &out->json;
    kuni_json_object(json, "samples", KUNI_JSON_BREAK_BETWEEN);
    for (size_t k = 0; k < sizeof(texts) / sizeof(texts[0]); k++) {
        kuni_json_array(json, texts[k].name, KUNI_JSON_INLINE);
        for (size_t i = 0; i < out->n_shown; i++)
            kuni_json_text(json, NULL, texts[k].text(&out->cohort->rows[out->rows[i]]));
        kuni_json_end(json);
    }
    kuni_json_array(json, "column", KUNI_JSON_INLINE);
    for (size_t i = 0; i < out->n_shown; i++) kuni_json_uint(json, NULL, out->rows[i]);
    kuni_json_end(json);
    kuni_json_array(json, "outcome", KUNI_JSON_INLINE);
    for (size_t i = 0; i < out->n_shown; i++)
        kuni_json_int(json, NULL, (int)out->cohort->rows[out->rows[i]].outcome);
    kuni_json_end(json);
    put_values(out);
    put_pcs(out);
    kuni_json_end(json);
}

typedef struct reason_context {
    kuni_json *json;
    size_t place;
} reason_context;

static kuni_status put_reason(void *opaque, const kuni_qc_row *row, const kuni_qc_rule *rule,
                              kuni_qc_outcome outcome, const char *name, const char *value,
                              const char *limit, kuni_error *err)
{
    const reason_context *context = opaque;
    kuni_json *json = context->json;
    (void)row;
    (void)err; /* the writer has it */
    kuni_json_array(json, NULL, KUNI_JSON_INLINE);
    kuni_json_uint(json, NULL, context->place);
    kuni_json_int(json, NULL, (int)outcome);
    kuni_json_text(json, NULL, name);
    kuni_json_text(json, NULL, value);
    kuni_json_text(json, NULL, limit);
    kuni_json_text(json, NULL, rule->advice);
    kuni_json_end(json);
    return json->status;
}

static kuni_status put_reasons(writer *out, kuni_error *err)
{
    reason_context context = {.json = &out->json};
    kuni_status status = KUNI_OK;
    kuni_json_array(&out->json, "reasons", KUNI_JSON_ITEMS);
    for (size_t i = 0; i < out->n_shown && !status; i++) {
        kuni_qc_row row = out->cohort->rows[out->rows[i]];
        if (row.outcome <= KUNI_QC_PASS) break; /* those in trouble come first */
        context.place = i;
        status = kuni_qc_judge_row(out->cohort->profile, &row, put_reason, &context, err);
    }
    kuni_json_end(&out->json);
    return status;
}

/* Two digits of base 64 a level; absent ones are "__". */
static void put_levels(kuni_json *json, const uint16_t *levels, int n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    char text[2 * KUNI_QC_CURVE_POINTS + 1];
    for (int i = 0; i < n; i++) {
        unsigned level = levels[i] == KUNI_QC_CURVE_ABSENT ? 4095 : levels[i];
        text[2 * i] = digits[level / 64];
        text[2 * i + 1] = digits[level % 64];
    }
    text[2 * n] = '\0';
    kuni_json_text(json, NULL, text);
}

static int points_of(int curve)
{
    return kuni_qc_curve_shapes[curve].n_points * kuni_qc_curve_shapes[curve].n_lines;
}

/* What a curve is, and its bands over all samples. */
static void put_curve(kuni_json *json, const kuni_qc_curves *curves, int curve)
{
    static const double shares[] = {0.05, 0.25, 0.5, 0.75, 0.95};
    const kuni_qc_curve_shape *shape = &kuni_qc_curve_shapes[curve];
    kuni_json_object(json, NULL, KUNI_JSON_INLINE);
    kuni_json_text(json, "name", shape->name);
    kuni_json_text(json, "title", shape->title);
    kuni_json_text(json, "xLabel", shape->x_label);
    kuni_json_text(json, "yLabel", shape->y_label);
    kuni_json_int(json, "points", shape->n_points);
    kuni_json_int(json, "lines", shape->n_lines);
    kuni_json_double(json, "xFirst", shape->x_first, 6);
    kuni_json_double(json, "xStep", shape->x_step, 6);
    kuni_json_double(json, "unit", shape->most / (KUNI_QC_CURVE_LEVELS - 1), 8);
    kuni_json_array(json, "bands", KUNI_JSON_INLINE);
    for (size_t s = 0; s < sizeof(shares) / sizeof(shares[0]); s++) {
        uint16_t levels[KUNI_QC_CURVE_POINTS] = {0};
        for (int i = 0; i < points_of(curve); i++)
            levels[i] = kuni_qc_curves_quantile(curves, (kuni_qc_curve)curve, i, shares[s]);
        put_levels(json, levels, points_of(curve));
    }
    kuni_json_end(json);
    kuni_json_end(json);
}

static void put_curves(writer *out)
{
    kuni_json *json = &out->json;
    kuni_json_array(json, "curves", KUNI_JSON_ITEMS);
    for (int curve = 0; curve < KUNI_QC_CURVES; curve++) put_curve(json, out->curves, curve);
    kuni_json_end(json);
    kuni_json_object(json, "own", KUNI_JSON_ITEMS);
    for (size_t i = 0; i < out->curves->n_kept; i++) {
        const kuni_qc_own_curves *own = &out->curves->kept[i];
        char place[24];
        if (out->shown[own->row] < 0) continue;
        (void)snprintf(place, sizeof(place), "%lld", (long long)out->shown[own->row]);
        kuni_json_array(json, place, KUNI_JSON_INLINE);
        for (int curve = 0; curve < KUNI_QC_CURVES; curve++)
            put_levels(json, own->levels[curve], points_of(curve));
        kuni_json_end(json);
    }
    kuni_json_end(json);
}

static void put_kin(writer *out)
{
    kuni_json *json = &out->json;
    kuni_json_array(json, "kin", KUNI_JSON_ITEMS);
    for (size_t i = 0; i < out->cohort->n_kin; i++) {
        const kuni_kin *kin = &out->cohort->kin[i];
        const kuni_relation *relation = &kin->relation;
        kuni_json_array(json, NULL, KUNI_JSON_INLINE);
        kuni_json_text(json, NULL, out->cohort->rows[relation->a].sample->id);
        kuni_json_text(json, NULL, out->cohort->rows[relation->b].sample->id);
        kuni_json_fixed(json, NULL, relation->kinship, 4);
        kuni_json_text(json, NULL, kuni_relation_name(relation));
        kuni_json_fixed(json, NULL,
                        relation->n_sites ? (double)relation->n_opposite / relation->n_sites : 0,
                        5);
        kuni_json_uint(json, NULL, relation->n_sites);
        kuni_json_text(json, NULL, kin->declared);
        kuni_json_text(json, NULL, kin->verdict);
        kuni_json_end(json);
    }
    kuni_json_end(json);
}

static void put_checks(writer *out)
{
    const kuni_qc_profile *profile = out->cohort->profile;
    kuni_json_object(&out->json, "checks", KUNI_JSON_INLINE);
    for (size_t i = 0; i < profile->n_rules; i++)
        if (profile->rules[i].check >= 0)
            put_rule(&out->json, kuni_qc_check_name((kuni_qc_check)profile->rules[i].check),
                     &profile->rules[i]);
    kuni_json_end(&out->json);
}

/* Coverage of each contig over that of the autosomes: five quantiles over the samples. */
static kuni_status put_contigs(writer *out, kuni_error *err)
{
    static const double shares[] = {0.05, 0.25, 0.5, 0.75, 0.95};
    const kuni_qc_cohort *cohort = out->cohort;
    double *scratch = kuni_alloc(cohort->n_rows + 1, sizeof(*scratch), err);
    if (!scratch) return KUNI_MEMORY;
    kuni_json *json = &out->json;
    kuni_json_array(json, "contigs", KUNI_JSON_ITEMS);
    for (size_t k = 0; k < cohort->n_contigs; k++) {
        size_t n = 0;
        for (size_t i = 0; i < cohort->n_rows; i++) {
            float ratio = cohort->contig_ratios[i * cohort->n_contigs + k];
            if (isfinite(ratio)) scratch[n++] = ratio;
        }
        if (!n) continue;
        kuni_json_object(json, NULL, KUNI_JSON_INLINE);
        kuni_json_text(json, "name", cohort->contig_names[k]);
        kuni_distribution_put_quantiles(json, "q", scratch, n, shares,
                                        sizeof(shares) / sizeof(shares[0]), RATIO_DECIMALS);
        kuni_json_end(json);
    }
    kuni_json_end(json);
    free(scratch);
    return KUNI_OK;
}

static void put_meta(writer *out)
{
    const kuni_qc_cohort *cohort = out->cohort;
    kuni_json *json = &out->json;
    size_t counts[4] = {0};
    bool whole = cohort->n_rows > 0;
    for (size_t i = 0; i < cohort->n_rows; i++) {
        counts[cohort->rows[i].outcome]++;
        whole &= cohort->rows[i].whole_genome;
    }
    kuni_json_object(json, "meta", KUNI_JSON_INLINE);
    kuni_json_text(json, "profile", cohort->profile->name);
    kuni_json_text(json, "stage", cohort->task->stage_id);
    kuni_json_uint(json, "samples", cohort->n_rows);
    kuni_json_uint(json, "absent", cohort->n_absent);
    kuni_json_uint(json, "notJudged", counts[0]);
    kuni_json_uint(json, "pass", counts[1]);
    kuni_json_uint(json, "flag", counts[2]);
    kuni_json_uint(json, "fail", counts[3]);
    kuni_json_bool(json, "whole", whole);
    kuni_json_uint(json, "shown", out->n_shown);
    kuni_json_bool(json, "fingerprints", cohort->has_fingerprints);
    kuni_json_end(json);
}

static kuni_status put_data(writer *out, kuni_file *file, kuni_error *err)
{
    kuni_json_start(&out->json, file, KUNI_JSON_TIGHT, err);
    kuni_json_object(&out->json, NULL, KUNI_JSON_BREAK_BETWEEN | KUNI_JSON_BREAK_END);
    kuni_status status = put_metrics(out, err);
    put_checks(out);
    put_samples(out);
    if (!status) status = put_reasons(out, err);
    put_curves(out);
    if (!status) status = put_contigs(out, err);
    put_kin(out);
    put_meta(out);
    kuni_json_end(&out->json);
    kuni_status written = kuni_json_finish(&out->json);
    return status ? status : written;
}

static kuni_status put_report(void *context, kuni_file *file, kuni_error *err)
{
    return put_data(context, file, err);
}

kuni_status kuni_qc_write_report(const kuni_qc_cohort *cohort, const kuni_qc_curves *curves,
                                 const char *path, kuni_error *err)
{
    writer out = {.cohort = cohort, .curves = curves};
    kuni_status status = choose_rows(&out, err);
    if (!status)
        status = kuni_page_write(path, "Alignment QC", "../../", kuni_qc_report_app, put_report,
                                 &out, err);
    free(out.shown);
    free(out.rows);
    return status;
}
