/* SPDX-License-Identifier: MIT */
/* Judging rows by a profile, and kin by the manifest. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cohort.h"

/* Whether a check without a number applies to the row, and what it found. */
static bool check_applies(const kuni_qc_row *row, int check, const char **found)
{
    switch ((kuni_qc_check)check) {
    case KUNI_QC_SEX_MISMATCH:
        *found = row->karyotype.name;
        return strcmp(row->sex_check, "mismatch") == 0;
    case KUNI_QC_KARYOTYPE_AMBIGUOUS:
        *found = row->karyotype.name;
        return strcmp(row->karyotype.name, "ambiguous") == 0;
    case KUNI_QC_KARYOTYPE_UNUSUAL:
        *found = row->karyotype.name;
        return row->karyotype.unusual;
    case KUNI_QC_IDENTITY:
        *found = "see related.tsv";
        return row->identity_conflict;
    case KUNI_QC_CHECKS:
        break;
    }
    return false;
}

kuni_status kuni_qc_judge_row(const kuni_qc_profile *profile, kuni_qc_row *row,
                              kuni_qc_reason *reason, void *context, kuni_error *err)
{
    row->n_fail = row->n_flag = 0;
    bool judged = false;
    for (size_t i = 0; i < profile->n_rules; i++) {
        const kuni_qc_rule *rule = &profile->rules[i];
        char limit[32] = "NA", value[64];
        const char *name = NULL, *found = value;
        kuni_qc_outcome outcome = KUNI_QC_PASS;
        if (rule->metric >= 0) {
            const kuni_qc_metric *metric = &kuni_qc_metrics[rule->metric];
            outcome = kuni_qc_judge(rule, row->values[rule->metric], row->whole_genome, limit);
            (void)kuni_qc_metric_print(value, sizeof(value), metric, row->values[rule->metric]);
            name = metric->name;
            judged |= outcome != KUNI_QC_NOT_JUDGED;
        } else {
            name = kuni_qc_check_name((kuni_qc_check)rule->check);
            if (check_applies(row, rule->check, &found)) outcome = rule->outcome;
        }
        row->n_fail += outcome == KUNI_QC_FAIL;
        row->n_flag += outcome == KUNI_QC_FLAG;
        if (outcome <= KUNI_QC_PASS || !reason) continue;
        kuni_status status = reason(context, row, rule, outcome, name, found, limit, err);
        if (status) return status;
    }
    row->outcome = row->n_fail   ? KUNI_QC_FAIL
                   : row->n_flag ? KUNI_QC_FLAG
                   : judged      ? KUNI_QC_PASS
                                 : KUNI_QC_NOT_JUDGED;
    return KUNI_OK;
}

kuni_status kuni_qc_find_kin(kuni_qc_cohort *cohort, const kuni_fingerprints *prints,
                             kuni_error *err)
{
    const kuni_params *params = cohort->task->params;
    const kuni_kin_options options = {
        .all = strcmp(kuni_params_text(params, "relatives"), "all") == 0,
        .least = kuni_params_float(params, "kinship_least"),
        .min_sites = (uint32_t)kuni_params_int(params, "kinship_min_sites")};
    const kuni_sample **samples = kuni_alloc(cohort->n_rows + 1, sizeof(*samples), err);
    if (!samples) return KUNI_MEMORY;
    for (size_t i = 0; i < cohort->n_rows; i++) samples[i] = cohort->rows[i].sample;
    kuni_status status = kuni_kin_find(samples, cohort->n_rows, prints, &options,
                                       cohort->task->heartbeat, &cohort->kin, &cohort->n_kin, err);
    free(samples);
    for (size_t i = 0; i < cohort->n_kin && !status; i++) {
        if (strcmp(cohort->kin[i].verdict, "conflict") != 0) continue;
        cohort->rows[cohort->kin[i].relation.a].identity_conflict = true;
        cohort->rows[cohort->kin[i].relation.b].identity_conflict = true;
    }
    return status;
}
