/* SPDX-License-Identifier: MIT */
/* Judging rows by a profile, and kin by the manifest. */
#include <math.h>
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

/* Rows by some text of their sample, for lookups. */
typedef struct named {
    const char *name;
    uint32_t row;
} named;

static int by_name(const void *a, const void *b)
{
    const named *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    return order ? order : x->row < y->row ? -1 : x->row > y->row;
}

static int64_t find_row(const named *ids, size_t n, const char *id)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(ids[middle].name, id);
        if (order == 0) return ids[middle].row;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return -1;
}

static bool same(const char *a, const char *b)
{
    return a && b && strcmp(a, b) == 0;
}

static const char *declared_relation(const kuni_sample *a, const kuni_sample *b)
{
    if (same(a->participant, b->participant)) return "same_participant";
    if (same(a->father, b->id) || same(a->mother, b->id) || same(b->father, a->id) ||
        same(b->mother, a->id))
        return "parent_child";
    if (same(a->father, b->father) && same(a->mother, b->mother)) return "full_siblings";
    return "none";
}

/*
 * Two samples of a person must be duplicates, and samples of two persons must not (identical twins
 * apart); a declared parent must be one. Anything else that was found but not declared is news, not
 * a conflict.
 */
static const char *verdict_of(const kuni_qc_relation *relation, const char *declared)
{
    const char *found = kuni_qc_relation_name(relation);
    bool duplicate = strcmp(found, "duplicate") == 0;
    if (strcmp(declared, "same_participant") == 0) return duplicate ? "expected" : "conflict";
    if (duplicate) return "conflict";
    bool first_degree = strcmp(found, "parent_child") == 0 || strcmp(found, "full_siblings") == 0;
    if (strcmp(declared, "parent_child") == 0 || strcmp(declared, "full_siblings") == 0)
        return first_degree ? "expected" : "conflict";
    return "undeclared";
}

typedef struct kin_list {
    kuni_qc_cohort *cohort;
    size_t capacity;
} kin_list;

static kuni_status add_kin(kin_list *list, kuni_qc_relation relation, kuni_error *err)
{
    kuni_qc_cohort *cohort = list->cohort;
    kuni_status status = kuni_grow((void **)&cohort->kin, &list->capacity, cohort->n_kin + 1,
                                   sizeof(*cohort->kin), err);
    if (status) return status;
    const char *declared =
        declared_relation(cohort->rows[relation.a].sample, cohort->rows[relation.b].sample);
    cohort->kin[cohort->n_kin++] = (kuni_qc_kin){
        .relation = relation, .declared = declared, .verdict = verdict_of(&relation, declared)};
    return KUNI_OK;
}

/*
 * A declared pair is compared whether or not the search would find it; those below `least` are
 * added here.
 */
static kuni_status add_declared(kin_list *list, const kuni_qc_kinship *kinship, uint32_t a,
                                uint32_t b, double least, uint32_t min_sites, kuni_error *err)
{
    if (a > b) {
        uint32_t swap = a;
        a = b;
        b = swap;
    }
    kuni_qc_relation relation = kuni_qc_kinship_compare(kinship, a, b);
    if (relation.kinship >= least || relation.n_sites < min_sites || isnan(relation.kinship))
        return KUNI_OK;
    return add_kin(list, relation, err);
}

static kuni_status add_all_declared(kin_list *list, const kuni_qc_kinship *kinship, double least,
                                    uint32_t min_sites, kuni_error *err)
{
    const kuni_qc_cohort *cohort = list->cohort;
    kuni_status status = KUNI_MEMORY;
    named *ids = kuni_alloc(cohort->n_rows, sizeof(*ids), err);
    named *people = kuni_alloc(cohort->n_rows, sizeof(*people), err);
    if (!ids || !people) goto done;
    for (size_t i = 0; i < cohort->n_rows; i++) {
        ids[i] = (named){cohort->rows[i].sample->id, (uint32_t)i};
        people[i] = (named){cohort->rows[i].sample->participant, (uint32_t)i};
        if (!people[i].name) people[i].name = ids[i].name;
    }
    qsort(ids, cohort->n_rows, sizeof(*ids), by_name);
    qsort(people, cohort->n_rows, sizeof(*people), by_name);
    status = KUNI_OK;
    for (size_t i = 0; i < cohort->n_rows && !status; i++) /* samples of one person: all pairs */
        for (size_t k = i + 1;
             k < cohort->n_rows && strcmp(people[k].name, people[i].name) == 0 && !status; k++)
            status =
                add_declared(list, kinship, people[i].row, people[k].row, least, min_sites, err);
    for (size_t i = 0; i < cohort->n_rows && !status; i++) {
        const char *parents[2] = {cohort->rows[i].sample->father, cohort->rows[i].sample->mother};
        for (int p = 0; p < 2 && !status; p++) {
            int64_t row = parents[p] ? find_row(ids, cohort->n_rows, parents[p]) : -1;
            if (row >= 0 && (size_t)row != i)
                status =
                    add_declared(list, kinship, (uint32_t)i, (uint32_t)row, least, min_sites, err);
        }
    }
done:
    free(ids);
    free(people);
    return status;
}

static int by_rows(const void *a, const void *b)
{
    const kuni_qc_kin *x = a, *y = b;
    if (x->relation.a != y->relation.a) return x->relation.a < y->relation.a ? -1 : 1;
    return x->relation.b < y->relation.b ? -1 : x->relation.b > y->relation.b;
}

kuni_status kuni_qc_find_kin(kuni_qc_cohort *cohort, const kuni_qc_kinship *kinship,
                             kuni_error *err)
{
    const kuni_params *params = cohort->task->params;
    double least = kuni_params_float(params, "kinship_least");
    uint32_t min_sites = (uint32_t)kuni_params_int(params, "kinship_min_sites");
    kin_list list = {.cohort = cohort};
    kuni_qc_relation *found = NULL;
    size_t n_found = 0;
    kuni_status status = KUNI_OK;
    if (strcmp(kuni_params_text(params, "relatives"), "all") == 0)
        status = kuni_qc_kinship_search(kinship, least, min_sites, cohort->task->heartbeat, &found,
                                        &n_found, err);
    else
        least = INFINITY; /* all declared pairs are added below */
    for (size_t i = 0; i < n_found && !status; i++) status = add_kin(&list, found[i], err);
    free(found);
    if (!status && cohort->n_rows) status = add_all_declared(&list, kinship, least, min_sites, err);
    if (status) return status;
    if (cohort->n_kin) qsort(cohort->kin, cohort->n_kin, sizeof(*cohort->kin), by_rows);
    for (size_t i = 0; i < cohort->n_kin; i++) {
        if (strcmp(cohort->kin[i].verdict, "conflict") != 0) continue;
        cohort->rows[cohort->kin[i].relation.a].identity_conflict = true;
        cohort->rows[cohort->kin[i].relation.b].identity_conflict = true;
    }
    return KUNI_OK;
}
