/* SPDX-License-Identifier: MIT */
/* The page of a call set's numbers: what report.js draws. */
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "callset.h"
#include "distribution.h"
#include "kuni/json.h"
#include "page.h"

extern const char kuni_callset_app[];

enum { ROWS_MOST = 30000, KIN_MOST = 20000, TRIOS_MOST = 5000, MEDIAN_DECIMALS = 2 };

typedef struct writer {
    const callset *set;
    kuni_json json;
    kuni_error *err;
    double *scratch;
    uint32_t *rows; /* columns in page order */
    uint32_t n_rows;
} writer;

/* Outliers first, then the rest, until the page is full. */
static void choose_rows(writer *out)
{
    const callset *set = out->set;
    uint32_t last = UINT32_MAX;
    for (size_t i = 0; i < set->n_outliers && out->n_rows < ROWS_MOST; i++) {
        if (set->outliers[i].column != last) out->rows[out->n_rows++] = set->outliers[i].column;
        last = set->outliers[i].column;
    }
    uint32_t n_outliers = out->n_rows, at = 0;
    for (uint32_t c = 0; c < set->totals.n_columns && out->n_rows < ROWS_MOST; c++) {
        if (at < n_outliers && out->rows[at] == c)
            at++;
        else
            out->rows[out->n_rows++] = c;
    }
}

static void put_distribution(writer *out, const callset_measure *measure)
{
    static const double shares[] = {0.05, 0.5, 0.95};
    size_t n = 0;
    for (uint32_t c = 0; c < out->set->totals.n_columns; c++) {
        double value = measure->value(&out->set->totals, c);
        if (isfinite(value)) out->scratch[n++] = value;
    }
    kuni_distribution_put(&out->json, "dist", out->scratch, n, shares,
                          sizeof(shares) / sizeof(shares[0]), measure->decimals + MEDIAN_DECIMALS);
}

static void put_measures(writer *out)
{
    kuni_json *json = &out->json;
    kuni_json_array(json, "measures", KUNI_JSON_ITEMS);
    for (size_t m = 0; m < callset_n_measures; m++) {
        const callset_measure *measure = &callset_measures[m];
        kuni_json_object(json, NULL, KUNI_JSON_INLINE);
        kuni_json_text(json, "name", measure->name);
        kuni_json_text(json, "unit", measure->unit);
        kuni_json_int(json, "decimals", measure->decimals);
        kuni_json_bool(json, "watched", measure->watched);
        kuni_json_text(json, "definition", measure->definition);
        put_distribution(out, measure);
        kuni_json_end(json);
    }
    kuni_json_end(json);
}

static void put_texts(writer *out, const char *key, size_t offset)
{
    kuni_json_array(&out->json, key, KUNI_JSON_INLINE);
    for (uint32_t i = 0; i < out->n_rows; i++) {
        const char *sample = (const char *)out->set->samples[out->rows[i]];
        kuni_json_text(&out->json, NULL, *(const char *const *)(const void *)(sample + offset));
    }
    kuni_json_end(&out->json);
}

static void put_samples(writer *out)
{
    const callset *set = out->set;
    kuni_json *json = &out->json;
    kuni_json_object(json, "samples", KUNI_JSON_ITEMS);
    put_texts(out, "id", offsetof(kuni_sample, id));
    put_texts(out, "participant", offsetof(kuni_sample, participant));
    put_texts(out, "site", offsetof(kuni_sample, site));
    put_texts(out, "group", offsetof(kuni_sample, group));
    kuni_json_array(json, "values", KUNI_JSON_ITEMS);
    for (size_t m = 0; m < callset_n_measures; m++) {
        kuni_json_array(json, NULL, KUNI_JSON_INLINE);
        for (uint32_t i = 0; i < out->n_rows; i++)
            kuni_json_fixed(json, NULL, callset_measures[m].value(&set->totals, out->rows[i]),
                            callset_measures[m].decimals);
        kuni_json_end(json);
    }
    kuni_json_end(json);
    kuni_json_array(json, "pcs", KUNI_JSON_ITEMS);
    for (uint32_t k = 0; k < set->n_components && k < 4; k++) {
        kuni_json_array(json, NULL, KUNI_JSON_INLINE);
        for (uint32_t i = 0; i < out->n_rows; i++)
            kuni_json_fixed(json, NULL,
                            set->components[(size_t)out->rows[i] * set->n_components + k], 3);
        kuni_json_end(json);
    }
    kuni_json_end(json);
    kuni_json_end(json);
}

static void put_outliers(writer *out)
{
    uint32_t row = 0;
    kuni_json *json = &out->json;
    kuni_json_array(json, "outliers", KUNI_JSON_ITEMS);
    for (size_t i = 0; i < out->set->n_outliers; i++) {
        const callset_outlier *o = &out->set->outliers[i];
        while (row < out->n_rows && out->rows[row] != o->column) row++;
        if (row == out->n_rows) break;
        kuni_json_array(json, NULL, KUNI_JSON_INLINE);
        kuni_json_uint(json, NULL, row);
        kuni_json_uint(json, NULL, o->measure);
        kuni_json_fixed(json, NULL, o->deviations, 1);
        kuni_json_end(json);
    }
    kuni_json_end(json);
}

static void put_sums(writer *out, const char *key, size_t at, size_t n)
{
    kuni_json_array(&out->json, key, KUNI_JSON_INLINE);
    for (size_t i = 0; i < n; i++) kuni_json_uint(&out->json, NULL, out->set->totals.sums[at + i]);
    kuni_json_end(&out->json);
}

static void put_counts(writer *out)
{
    kuni_json *json = &out->json;
    kuni_json_object(json, "counts", KUNI_JSON_ITEMS);
    put_sums(out, "records", CALLSET_AT_RECORDS, CALLSET_SETS * CALLSET_RECORD_COUNTS);
    put_sums(out, "alleles", CALLSET_AT_ALLELES, CALLSET_SETS * CALLSET_KINDS);
    put_sums(out, "substitutions", CALLSET_AT_SUBSTITUTIONS + CALLSET_SUBSTITUTIONS,
             CALLSET_SUBSTITUTIONS);
    put_sums(out, "lengths", CALLSET_AT_LENGTHS + CALLSET_LENGTHS, CALLSET_LENGTHS);
    put_sums(out, "frequencies",
             (size_t)CALLSET_AT_FREQUENCIES + (size_t)CALLSET_KINDS * CALLSET_FREQUENCIES,
             (size_t)CALLSET_KINDS * CALLSET_FREQUENCIES);
    put_sums(out, "missing", CALLSET_AT_MISSING, CALLSET_MISSING_BINS);
    put_sums(out, "gq", CALLSET_AT_GQ, CALLSET_GQS);
    put_sums(out, "depth", CALLSET_AT_DEPTH, CALLSET_DEPTHS);
    put_sums(out, "hwe", CALLSET_AT_HWE, (size_t)2 * CALLSET_HWE_BINS);
    put_sums(out, "counted", CALLSET_AT_COUNTED, 1);
    kuni_json_array(json, "frequencyNames", KUNI_JSON_INLINE);
    for (int bin = 0; bin < CALLSET_FREQUENCIES; bin++) {
        char text[32];
        callset_frequency_text(bin, text);
        kuni_json_text(json, NULL, text);
    }
    kuni_json_end(json);
    kuni_json_array(json, "missingEdges", KUNI_JSON_INLINE);
    for (int bin = 0; bin < CALLSET_MISSING_BINS; bin++)
        kuni_json_double(json, NULL, (double)callset_missing_edges[bin] / CALLSET_EDGE_SCALE, 6);
    kuni_json_end(json);
    kuni_json_array(json, "filters", KUNI_JSON_INLINE);
    for (size_t i = 0; i < out->set->totals.n_filters; i++) {
        const callset_filter *filter = &out->set->totals.filters[i];
        kuni_json_array(json, NULL, KUNI_JSON_INLINE);
        kuni_json_text(json, NULL, filter->name);
        kuni_json_uint(json, NULL, filter->records);
        kuni_json_uint(json, NULL, filter->alone);
        kuni_json_end(json);
    }
    kuni_json_end(json);
    kuni_json_end(json);
}

static void put_windows(writer *out)
{
    const callset_totals *totals = &out->set->totals;
    kuni_json *json = &out->json;
    int32_t tid = -1, number = -1;
    kuni_json_array(json, "contigs", KUNI_JSON_INLINE);
    for (size_t i = 0; i < totals->n_windows; i++) {
        if (totals->windows[i].tid == tid) continue;
        tid = totals->windows[i].tid;
        const kuni_contig *contig = kuni_genome_contig(out->set->task->genome, tid);
        kuni_json_object(json, NULL, KUNI_JSON_INLINE);
        kuni_json_text(json, "name", contig->name);
        kuni_json_int(json, "length", contig->length_bp);
        kuni_json_end(json);
    }
    kuni_json_end(json);
    tid = -1;
    kuni_json_array(json, "windows", KUNI_JSON_INLINE);
    for (size_t i = 0; i < totals->n_windows; i++) {
        const callset_window *w = &totals->windows[i];
        if (w->tid != tid) number++;
        tid = w->tid;
        double cells = (double)w->counted * totals->n_columns;
        kuni_json_array(json, NULL, KUNI_JSON_INLINE);
        kuni_json_int(json, NULL, number);
        kuni_json_int(json, NULL, w->number * totals->window_bp);
        kuni_json_uint(json, NULL, w->records);
        kuni_json_uint(json, NULL, w->passed);
        kuni_json_fixed(json, NULL, cells > 0 ? (double)w->missing / cells : NAN, 6);
        kuni_json_fixed(json, NULL,
                        cells > (double)w->missing && callset_sees_genotypes(totals)
                            ? (double)w->het / (cells - (double)w->missing)
                            : NAN,
                        5);
        kuni_json_end(json);
    }
    kuni_json_end(json);
}

static void put_families(writer *out)
{
    const callset *set = out->set;
    kuni_json *json = &out->json;
    kuni_json_array(json, "trios", KUNI_JSON_ITEMS);
    size_t n_trios = callset_sees_genotypes(&set->totals) ? set->totals.n_trios : 0;
    for (size_t i = 0; i < n_trios && i < TRIOS_MOST; i++) {
        const callset_trio *trio = &set->totals.trios[i];
        kuni_json_array(json, NULL, KUNI_JSON_INLINE);
        kuni_json_text(json, NULL, set->samples[trio->child]->id);
        kuni_json_text(json, NULL, set->samples[trio->father]->id);
        kuni_json_text(json, NULL, set->samples[trio->mother]->id);
        for (int k = 0; k < CALLSET_TRIO_COUNTS; k++) kuni_json_uint(json, NULL, trio->counts[k]);
        kuni_json_end(json);
    }
    kuni_json_end(json);
    kuni_json_array(json, "kin", KUNI_JSON_ITEMS);
    for (size_t i = 0; i < set->n_kin && i < KIN_MOST; i++) {
        const kuni_kin *kin = &set->kin[i];
        const kuni_relation *relation = &kin->relation;
        kuni_json_array(json, NULL, KUNI_JSON_INLINE);
        kuni_json_text(json, NULL, set->samples[relation->a]->id);
        kuni_json_text(json, NULL, set->samples[relation->b]->id);
        kuni_json_fixed(json, NULL, relation->kinship, 4);
        kuni_json_text(json, NULL, kuni_relation_name(relation));
        kuni_json_fixed(
            json, NULL,
            relation->n_sites ? (double)relation->n_opposite / (double)relation->n_sites : NAN, 5);
        kuni_json_uint(json, NULL, relation->n_sites);
        kuni_json_text(json, NULL, kin->declared);
        kuni_json_text(json, NULL, kin->verdict);
        kuni_json_end(json);
    }
    kuni_json_end(json);
}

static void put_meta(writer *out)
{
    const callset *set = out->set;
    kuni_json *json = &out->json;
    kuni_json_object(json, "meta", KUNI_JSON_INLINE);
    kuni_json_text(json, "stage", set->task->stage_id);
    kuni_json_uint(json, "samples", set->totals.n_columns);
    kuni_json_uint(json, "shown", out->n_rows);
    kuni_json_uint(json, "outliers", callset_n_outlier_samples(set));
    kuni_json_bool(json, "genotypes", callset_sees_genotypes(&set->totals));
    kuni_json_uint(json, "trios", callset_sees_genotypes(&set->totals) ? set->totals.n_trios : 0);
    kuni_json_uint(json, "kin", set->n_kin);
    kuni_json_uint(json, "conflicts", set->n_conflicts);
    kuni_json_uint(json, "undeclared", set->n_undeclared);
    kuni_json_bool(json, "compared", set->compared);
    kuni_json_text(json, "kinNote", set->kin_note);
    kuni_json_uint(json, "commonSites", set->common.n);
    kuni_json_int(json, "windowBp", set->totals.window_bp);
    kuni_json_array(json, "shares", KUNI_JSON_INLINE);
    for (uint32_t k = 0; k < set->n_components; k++) kuni_json_fixed(json, NULL, set->shares[k], 5);
    kuni_json_end(json);
    kuni_json_end(json);
}

static kuni_status put_data(void *context, kuni_file *file, kuni_error *err)
{
    writer *out = context;
    kuni_json_start(&out->json, file, KUNI_JSON_TIGHT, err);
    kuni_json_object(&out->json, NULL, KUNI_JSON_BREAK_BETWEEN | KUNI_JSON_BREAK_END);
    put_meta(out);
    put_counts(out);
    put_measures(out);
    put_samples(out);
    put_outliers(out);
    put_windows(out);
    put_families(out);
    kuni_json_end(&out->json);
    return kuni_json_finish(&out->json);
}

kuni_status callset_write_page(const callset *set, const char *path, kuni_error *err)
{
    writer out = {.set = set};
    out.scratch = kuni_alloc((size_t)set->totals.n_columns + 1, sizeof(double), err);
    out.rows = kuni_alloc((size_t)set->totals.n_columns + 1, sizeof(*out.rows), err);
    kuni_status status = out.scratch && out.rows ? KUNI_OK : KUNI_MEMORY;
    if (!status) {
        choose_rows(&out);
        status = kuni_page_write(path, "Call set", "../", kuni_callset_app, put_data, &out, err);
    }
    free(out.scratch);
    free(out.rows);
    return status;
}
