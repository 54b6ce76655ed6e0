/* SPDX-License-Identifier: MIT */
/* The published tables of the cohort step. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cohort.h"
#include "kuni/json.h"

const char *kuni_qc_sex_name(kuni_sex sex)
{
    return sex == KUNI_SEX_MALE ? "male" : sex == KUNI_SEX_FEMALE ? "female" : "unknown";
}

static const char *or_na(const char *text)
{
    return text && *text ? text : "NA";
}

static kuni_status finish(kuni_file *file, kuni_status status, kuni_error *err)
{
    if (status == KUNI_OK) return kuni_file_commit(file, err);
    kuni_file_discard(file);
    return status;
}

static kuni_status write_estimates(kuni_file *file, const kuni_qc_estimates *estimates,
                                   kuni_error *err)
{
    static const char *const models[] = {"none", "too_few_sites", "same_ancestry",
                                         "other_ancestry"};
    const double rate = KUNI_QC_RATE_SCALE, micro = KUNI_QC_MICRO;
    kuni_status status = kuni_file_printf(file, err, "\t%lld\t%s", (long long)estimates->n_sites,
                                          models[estimates->fit & 3]);
    if (status) return status;
    if (estimates->fit < KUNI_QC_FIT_SAME)
        return kuni_file_printf(file, err, "\tNA\tNA\tNA\tNA\tNA\tNA");
    status = kuni_file_printf(file, err, "\t%.5f\t%.5f", (double)estimates->rate_low / rate,
                              (double)estimates->rate_high / rate);
    for (int i = 0; i < 4 && !status; i++)
        status = i < estimates->n_pcs
                     ? kuni_file_printf(file, err, "\t%.5f", (double)estimates->pcs[i] / micro)
                     : kuni_file_printf(file, err, "\tNA");
    return status;
}

kuni_status kuni_qc_write_samples(const kuni_qc_cohort *cohort, const char *path, kuni_error *err)
{
    kuni_file *file = NULL;
    kuni_status status = kuni_file_create(&file, path, err);
    if (status) return status;
    status = kuni_file_printf(
        file, err,
        "sample_id\tparticipant_id\tsite\tgroup\tprofile\toutcome\tn_fail\tn_flag\tscope\t"
        "sex_declared\tkaryotype\tkaryotype_basis\tsex_check\tidentity_check");
    for (size_t i = 0; i < kuni_qc_n_metrics && !status; i++)
        status = kuni_file_printf(file, err, "\t%s", kuni_qc_metrics[i].name);
    if (!status)
        status = kuni_file_printf(file, err,
                                  "\tpanel_sites\tcontamination_model\tcontamination_low\t"
                                  "contamination_high\tpc1\tpc2\tpc3\tpc4\n");
    for (size_t i = 0; i < cohort->n_rows && !status; i++) {
        const kuni_qc_row *row = &cohort->rows[i];
        char text[64];
        status = kuni_file_printf(
            file, err, "%s\t%s\t%s\t%s\t%s\t%s\t%u\t%u\t%s\t%s\t%s\t%s\t%s\t%s", row->sample->id,
            or_na(row->sample->participant), or_na(row->sample->site), or_na(row->sample->group),
            cohort->profile->name, kuni_qc_outcome_name(row->outcome), row->n_fail, row->n_flag,
            row->whole_genome ? "genome" : "regions", kuni_qc_sex_name(row->sample->sex),
            row->karyotype.name, row->karyotype.basis, row->sex_check,
            !cohort->has_fingerprints ? "not_checked"
            : row->identity_conflict  ? "conflict"
                                      : "ok");
        for (size_t k = 0; k < kuni_qc_n_metrics && !status; k++) {
            (void)kuni_qc_metric_print(text, sizeof(text), &kuni_qc_metrics[k], row->values[k]);
            status = kuni_file_printf(file, err, "\t%s", text);
        }
        if (!status) status = write_estimates(file, &row->estimates, err);
        if (!status) status = kuni_file_printf(file, err, "\n");
    }
    return finish(file, status, err);
}

kuni_status kuni_qc_write_ga4gh(const kuni_qc_cohort *cohort, const char *path, kuni_error *err)
{
    kuni_file *file = NULL;
    kuni_json json;
    kuni_status status = kuni_file_create(&file, path, err);
    if (status) return status;
    kuni_json_start(&json, file, KUNI_JSON_SPACED, err);
    kuni_json_array(&json, NULL, KUNI_JSON_LINES);
    for (size_t i = 0; i < cohort->n_rows; i++) {
        kuni_json_object(&json, NULL, KUNI_JSON_INLINE);
        kuni_json_object(&json, "biosample", KUNI_JSON_INLINE);
        kuni_json_text(&json, "id", cohort->rows[i].sample->id);
        kuni_json_end(&json);
        kuni_json_object(&json, "wgs_qc_metrics", KUNI_JSON_INLINE);
        for (size_t k = 0; k < kuni_qc_n_metrics; k++)
            if (kuni_qc_metrics[k].ga4gh)
                kuni_json_fixed(&json, kuni_qc_metrics[k].name, cohort->rows[i].values[k],
                                kuni_qc_metrics[k].decimals);
        kuni_json_end(&json);
        kuni_json_end(&json);
    }
    kuni_json_end(&json);
    status = kuni_json_finish(&json);
    if (!status) status = kuni_file_write(file, "\n", 1, err);
    return finish(file, status, err);
}

static kuni_status write_reason(void *context, const kuni_qc_row *row, const kuni_qc_rule *rule,
                                kuni_qc_outcome outcome, const char *name, const char *value,
                                const char *limit, kuni_error *err)
{
    return kuni_file_printf(context, err, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n",
                            or_na(row->sample->site), row->sample->id,
                            or_na(row->sample->participant), kuni_qc_outcome_name(outcome), name,
                            value, limit, or_na(rule->advice), rule->source);
}

static int by_site_then_column(const void *a, const void *b)
{
    const kuni_qc_row *x = *(kuni_qc_row *const *)a, *y = *(kuni_qc_row *const *)b;
    int order = strcmp(or_na(x->sample->site), or_na(y->sample->site));
    return order ? order : x < y ? -1 : x > y;
}

kuni_status kuni_qc_write_failures(const kuni_qc_cohort *cohort, const char *path, kuni_error *err)
{
    kuni_file *file = NULL;
    kuni_status status = kuni_file_create(&file, path, err);
    if (status) return status;
    kuni_qc_row **rows = kuni_alloc(cohort->n_rows + 1, sizeof(*rows), err);
    if (!rows) {
        kuni_file_discard(file);
        return KUNI_MEMORY;
    }
    for (size_t i = 0; i < cohort->n_rows; i++) rows[i] = &cohort->rows[i];
    if (cohort->n_rows) qsort(rows, cohort->n_rows, sizeof(*rows), by_site_then_column);
    status = kuni_file_printf(
        file, err,
        "site\tsample_id\tparticipant_id\toutcome\tmetric\tvalue\tlimit\tadvice\tsource\n");
    for (size_t i = 0; i < cohort->n_rows && !status; i++) {
        if (rows[i]->outcome <= KUNI_QC_PASS) continue;
        kuni_qc_row row = *rows[i];
        status = kuni_qc_judge_row(cohort->profile, &row, write_reason, file, err);
    }
    free(rows);
    return finish(file, status, err);
}

kuni_status kuni_qc_write_related(const kuni_qc_cohort *cohort, const char *path, kuni_error *err)
{
    kuni_file *file = NULL;
    const kuni_sample **samples = kuni_alloc(cohort->n_rows + 1, sizeof(*samples), err);
    kuni_status status = samples ? kuni_file_create(&file, path, err) : KUNI_MEMORY;
    if (status) {
        free(samples);
        return status;
    }
    const char *panel = kuni_params_text(cohort->task->params, "contamination_panel");
    for (size_t i = 0; i < cohort->n_rows; i++) samples[i] = cohort->rows[i].sample;
    if (!cohort->has_fingerprints)
        status = kuni_file_printf(file, err, "# not compared: %s\n",
                                  panel && *panel
                                      ? "relatives is none"
                                      : "no contamination_panel; merge compares by the call set");
    if (!status) status = kuni_file_printf(file, err, KUNI_KIN_HEADER);
    for (size_t i = 0; i < cohort->n_kin && !status; i++)
        status = kuni_kin_print(&cohort->kin[i], samples, file, err);
    free(samples);
    return finish(file, status, err);
}

kuni_status kuni_qc_write_multiqc(const kuni_qc_cohort *cohort, const char *path, kuni_error *err)
{
    kuni_file *file = NULL;
    kuni_status status = kuni_file_create(&file, path, err);
    if (status) return status;
    status = kuni_file_printf(file, err,
                              "# id: kuni_alignment_qc\n# section_name: kuni alignment QC\n"
                              "# description: GA4GH WGS-QC v1 metrics\n# plot_type: table\n"
                              "# pconfig:\n#     id: kuni_alignment_qc_table\n"
                              "#     namespace: kuni\nSample\toutcome\tkaryotype");
    for (size_t i = 0; i < kuni_qc_n_metrics && !status; i++)
        if (kuni_qc_metrics[i].ga4gh)
            status = kuni_file_printf(file, err, "\t%s", kuni_qc_metrics[i].name);
    if (!status) status = kuni_file_printf(file, err, "\n");
    for (size_t i = 0; i < cohort->n_rows && !status; i++) {
        const kuni_qc_row *row = &cohort->rows[i];
        status = kuni_file_printf(file, err, "%s\t%s\t%s", row->sample->id,
                                  kuni_qc_outcome_name(row->outcome), row->karyotype.name);
        for (size_t k = 0; k < kuni_qc_n_metrics && !status; k++) {
            char text[64];
            if (!kuni_qc_metrics[k].ga4gh) continue;
            (void)kuni_qc_metric_print(text, sizeof(text), &kuni_qc_metrics[k], row->values[k]);
            status = kuni_file_printf(file, err, "\t%s", isfinite(row->values[k]) ? text : "");
        }
        if (!status) status = kuni_file_printf(file, err, "\n");
    }
    return finish(file, status, err);
}

static int by_number(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static kuni_status put_median(const kuni_qc_cohort *cohort, size_t metric, double *scratch,
                              kuni_file *file, kuni_error *err)
{
    char text[64];
    size_t n = 0;
    for (size_t i = 0; i < cohort->n_rows; i++)
        if (isfinite(cohort->rows[i].values[metric])) scratch[n++] = cohort->rows[i].values[metric];
    if (n) qsort(scratch, n, sizeof(*scratch), by_number);
    (void)kuni_qc_metric_print(text, sizeof(text), &kuni_qc_metrics[metric],
                               n ? scratch[n / 2] : NAN);
    return kuni_file_printf(file, err, "median_%s\t%s\n", kuni_qc_metrics[metric].name, text);
}

kuni_status kuni_qc_write_summary(const kuni_qc_cohort *cohort, const char *path, kuni_error *err)
{
    static const char *const names[] = {"not_judged", "pass", "flag", "fail"};
    kuni_file *file = NULL;
    size_t outcomes[4] = {0}, conflicts = 0;
    double *scratch = kuni_alloc(cohort->n_rows + 1, sizeof(*scratch), err);
    kuni_status status = scratch ? kuni_file_create(&file, path, err) : KUNI_MEMORY;
    if (status) {
        free(scratch);
        return status;
    }
    for (size_t i = 0; i < cohort->n_rows; i++) {
        outcomes[cohort->rows[i].outcome]++;
        conflicts += cohort->rows[i].identity_conflict;
    }
    status = kuni_file_printf(file, err, "metric\tvalue\nsamples\t%zu\n", cohort->n_rows);
    for (int i = 0; i < 4 && !status; i++)
        status = kuni_file_printf(file, err, "samples_%s\t%zu\n", names[i], outcomes[i]);
    if (!status && cohort->has_fingerprints)
        status = kuni_file_printf(file, err, "identity_conflicts\t%zu\n", conflicts);
    for (size_t i = 0; i < kuni_qc_n_metrics && !status; i++)
        status = put_median(cohort, i, scratch, file, err);
    free(scratch);
    return finish(file, status, err);
}
