/* SPDX-License-Identifier: MIT */
#include "model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kuni/file.h"

enum { MODEL_BYTES_MAX = 1 << 20 };

static const double x_most = 8;
static const char magic[] = "#kuni variant quality 1\n";

const char *const quality_types[QUALITY_TYPES] = {"snp", "indel"};
const double quality_tranches[QUALITY_TRANCHES] = {90, 95, 97, 99, 99.5, 99.9, 100};

const quality_feature_info quality_features[QUALITY_FEATURES] = {
    [QUALITY_DEPTH_QUAL] =
        {"depth_quality", 0.05, QUALITY_LOW,
         "ln of QUAL a read of carriers, as if all were heterozygous and common"},
    [QUALITY_STRAND_BIAS] = {"strand_bias", 0.05, QUALITY_BOTH,
                             "ln odds ratio of REF and ALT reads by strand"},
    [QUALITY_STRAND_SHARE] = {"strand_share", 0.02, QUALITY_NEITHER, "forward share of ALT reads"},
    [QUALITY_MQ] = {"mapping_quality", 1.0, QUALITY_NEITHER, "INFO/MQ"},
    [QUALITY_MQ_RANK] = {"mapping_quality_rank", 0.1, QUALITY_BOTH, "INFO/MQRankSum"},
    [QUALITY_POSITION_RANK] = {"position_rank", 0.1, QUALITY_BOTH, "INFO/ReadPosRankSum"},
    [QUALITY_BASE_RANK] = {"base_quality_rank", 0.1, QUALITY_LOW, "INFO/BaseQRankSum"},
    [QUALITY_BALANCE] = {"allele_balance", 0.01, QUALITY_BOTH, "ALT share of heterozygotes' reads"},
    [QUALITY_DEPTH] = {"depth", 0.03, QUALITY_HIGH,
                       "ln of carriers' mean depth, by the copies of the contig"},
    [QUALITY_CALL_RATE] = {"no_calls", 0.3, QUALITY_NEITHER,
                           "ln of the share of samples without call"},
    [QUALITY_EXPECTED_COPIES] = {"expected_copies", 0.05, QUALITY_HIGH,
                                 "ln of the ALT copies that likelihoods suggest over those called"},
    [QUALITY_REPEAT] = {"repeat", 0.3, QUALITY_NEITHER, "ln of the tandem repeat's length in bp"},
    [QUALITY_LENGTH] = {"length", 0.3, QUALITY_NEITHER, "ln of 1 + the longest change of length"},
    [QUALITY_ALLELES] = {"alleles", 0.3, QUALITY_NEITHER, "ln of the number of ALTs"},
};

void quality_standardise(const quality_model *model, const quality_site *site,
                         double x[QUALITY_FEATURES])
{
    for (int k = 0; k < QUALITY_FEATURES; k++) {
        x[k] = 0;
        if (isnan(site->value[k])) continue;
        double spread = model->spread[k];
        x[k] = ((double)site->value[k] - model->centre[k]) /
               sqrt(spread * spread + (double)site->noise[k]);
        if (x[k] > x_most) x[k] = x_most;
        if (x[k] < -x_most) x[k] = -x_most;
    }
}

void quality_expand(const double x[QUALITY_FEATURES], double terms[QUALITY_WEIGHTS])
{
    *terms++ = 1;
    for (int k = 0; k < QUALITY_FEATURES; k++, terms += QUALITY_PIECES) {
        terms[0] = x[k];
        terms[1] = x[k] < -1 ? -1 - x[k] : 0;
        terms[2] = x[k] > 1 ? x[k] - 1 : 0;
        terms[3] = x[k] < -3 ? -3 - x[k] : 0;
        terms[4] = x[k] > 3 ? x[k] - 3 : 0;
    }
}

double quality_score(const quality_model *model, const quality_site *site)
{
    double x[QUALITY_FEATURES], terms[QUALITY_WEIGHTS], sum = 0;
    quality_standardise(model, site, x);
    quality_expand(x, terms);
    for (int i = 0; i < QUALITY_WEIGHTS; i++) sum += model->weight[i] * terms[i];
    /* false by being an artefact, or by chance */
    double odds = exp(-sum) + pow(10, -(double)site->qual / 10);
    return -10 * log10(odds);
}

/* The scale of a feature is its spread: it counts linearly, and anew beyond the bends. */
const kuni_column quality_columns[] = {
    {QUALITY_REPORT_TABLE, "#type", "", "snp, indel"},
    {QUALITY_REPORT_TABLE, "kept_true_percent", "%",
     "share of the sites held for true that the row keeps"},
    {QUALITY_REPORT_TABLE, "VQ", "", "least VQ of what is kept"},
    {QUALITY_REPORT_TABLE, "kept_true", "fraction",
     "of the sites held for true, those kept when they were not trained on; .: not known"},
    {QUALITY_REPORT_TABLE, "kept_false", "fraction", "of the sites held for false, likewise"},
    {QUALITY_REPORT_TABLE, "kept_unknown", "fraction", "of the other sites"},
    {QUALITY_REPORT_TABLE, "ti_tv_kept", "ratio", "transitions over transversions of what is kept"},
    {QUALITY_REPORT_TABLE, "ti_tv_lost", "ratio", "of what is not"},
    {QUALITY_MODEL_TABLE, "#type", "", "snp, indel"},
    {QUALITY_MODEL_TABLE, "feature", "",
     "of a site; threshold, intercept: numbers of the model, in the next column"},
    {QUALITY_MODEL_TABLE, "centre", "", "value of the feature that counts as 0"},
    {QUALITY_MODEL_TABLE, "spread", "", "difference that counts as 1"},
    {QUALITY_MODEL_TABLE, "below1", "", "weight of how far it lies more than 1 below"},
    {QUALITY_MODEL_TABLE, "slope", "", "weight of the feature itself"},
    {QUALITY_MODEL_TABLE, "above1", "", "weight of how far it lies more than 1 above"},
    {QUALITY_MODEL_TABLE, "below3", "", "weight of how far it lies more than 3 below"},
    {QUALITY_MODEL_TABLE, "above3", "", "weight of how far it lies more than 3 above"},
    {0}};

kuni_status quality_models_write(const quality_model models[QUALITY_TYPES], const char *path,
                                 kuni_error *err)
{
    kuni_buffer text = KUNI_BUFFER_INIT;
    kuni_status status = kuni_buffer_printf(&text, err, "%s", magic);
    if (!status) status = kuni_columns_put_head(quality_columns, QUALITY_MODEL_TABLE, &text, err);
    for (int t = 0; t < QUALITY_TYPES && !status; t++) {
        const quality_model *m = &models[t];
        if (!m->present) continue;
        status = kuni_buffer_printf(&text, err, "%s\tthreshold\t%.4f\n%s\tintercept\t%.6g\n",
                                    quality_types[t], m->threshold, quality_types[t], m->weight[0]);
        for (int k = 0; k < QUALITY_FEATURES && !status; k++) {
            const double *w = m->weight + 1 + k * QUALITY_PIECES;
            status = kuni_buffer_printf(
                &text, err, "%s\t%s\t%.6g\t%.6g\t%.6g\t%.6g\t%.6g\t%.6g\t%.6g\n", quality_types[t],
                quality_features[k].name, m->centre[k], m->spread[k], w[1], w[0], w[2], w[3], w[4]);
        }
    }
    if (!status) status = kuni_file_put(path, text.data, text.length, err);
    kuni_buffer_fini(&text);
    return status;
}

/* The n numbers of a line after its names; false where there are not so many. */
static bool read_values(char *at, double *values, int n)
{
    for (int i = 0; i < n; i++) {
        char *end;
        if (*at != '\t') return false;
        values[i] = strtod(at + 1, &end);
        if (end == at + 1 || !isfinite(values[i])) return false;
        at = end;
    }
    return *at == '\0';
}

static bool read_line(char *line, quality_model models[QUALITY_TYPES])
{
    char *tab = strchr(line, '\t'), *second = tab ? strchr(tab + 1, '\t') : NULL;
    if (!second) return false;
    int type = -1;
    double v[7];
    for (int t = 0; t < QUALITY_TYPES; t++)
        if (strlen(quality_types[t]) == (size_t)(tab - line) &&
            memcmp(line, quality_types[t], (size_t)(tab - line)) == 0)
            type = t;
    if (type < 0) return false;
    quality_model *m = &models[type];
    const char *name = tab + 1;
    size_t length = (size_t)(second - name);
    m->present = true;
    if (length == 9 && memcmp(name, "threshold", 9) == 0)
        return read_values(second, &m->threshold, 1);
    if (length == 9 && memcmp(name, "intercept", 9) == 0)
        return read_values(second, &m->weight[0], 1);
    for (int k = 0; k < QUALITY_FEATURES; k++) {
        if (strlen(quality_features[k].name) != length ||
            memcmp(name, quality_features[k].name, length) != 0)
            continue;
        if (!read_values(second, v, 7) || v[1] <= 0) return false;
        double *w = m->weight + 1 + k * QUALITY_PIECES;
        m->centre[k] = v[0];
        m->spread[k] = v[1];
        w[1] = v[2];
        w[0] = v[3];
        w[2] = v[4];
        w[3] = v[5];
        w[4] = v[6];
        return true;
    }
    return false;
}

kuni_status quality_models_read(quality_model models[QUALITY_TYPES], const char *path,
                                kuni_error *err)
{
    kuni_buffer text = KUNI_BUFFER_INIT;
    memset(models, 0, QUALITY_TYPES * sizeof(*models));
    for (int t = 0; t < QUALITY_TYPES; t++)
        for (int k = 0; k < QUALITY_FEATURES; k++) models[t].spread[k] = 1;
    kuni_status status = kuni_file_get(path, MODEL_BYTES_MAX, &text, err);
    if (!status && (!text.length || strncmp(text.data, magic, strlen(magic)) != 0))
        status = kuni_fail(err, KUNI_DATA, "%s: no model of variant-quality", path);
    for (char *line = text.data; line && *line && !status;) {
        char *end = strchr(line, '\n');
        if (end) *end = '\0';
        if (line[0] != '#' && !read_line(line, models))
            status = kuni_fail(err, KUNI_DATA, "%s: '%.60s' is no line of a model", path, line);
        line = end ? end + 1 : NULL;
    }
    kuni_buffer_fini(&text);
    return status;
}
