/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "deciding.h"

const char joint_reason_letters[JOINT_REASONS + 1] = ".DLCFAPSH";

static int compare_names(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

/* Collects the groups' names, sorted, once each; groups[0] is NULL. */
static kuni_status collect_groups(joint_cohort *cohort, const kuni_task *task, kuni_error *err)
{
    size_t capacity = 0;
    cohort->n_groups = 1;
    kuni_status status = kuni_grow((void **)&cohort->groups, &capacity, 1, sizeof(char *), err);
    if (status) return status;
    cohort->groups[0] = NULL;
    for (size_t i = 0; i < task->n_samples; i++) {
        const char *group = task->samples[i].group;
        if (task->columns[i] < 0 || !group || !*group) continue;
        if (cohort->n_groups > 1 && bsearch(&group, cohort->groups + 1, cohort->n_groups - 1,
                                            sizeof(char *), compare_names))
            continue;
        if (cohort->n_groups >= UINT16_MAX / JOINT_SEXES)
            return kuni_fail(err, KUNI_USAGE,
                             "more than %d declared groups: use fewer, larger ones",
                             UINT16_MAX / JOINT_SEXES - 1);
        status = kuni_grow((void **)&cohort->groups, &capacity, cohort->n_groups + 1,
                           sizeof(char *), err);
        if (status) return status;
        char *name = kuni_strdup(group, err);
        if (!name) return KUNI_MEMORY;
        cohort->groups[cohort->n_groups++] = name;
        qsort(cohort->groups + 1, cohort->n_groups - 1, sizeof(char *), compare_names);
    }
    return KUNI_OK;
}

static bool same_karyotype(kuni_karyotype a, kuni_karyotype b)
{
    return a.sex == b.sex && a.x == b.x && a.y == b.y;
}

/* The index of an answer; a new one is added. */
static kuni_status find_who(joint_cohort *cohort, const joint_who *wanted, uint8_t *found,
                            kuni_error *err)
{
    for (uint32_t i = 0; i < cohort->n_whos; i++) {
        const joint_who *w = &cohort->whos[i];
        if (!same_karyotype(w->karyotype, wanted->karyotype) || w->undecided != wanted->undecided ||
            (w->undecided && !same_karyotype(w->other, wanted->other)))
            continue;
        *found = (uint8_t)i;
        return KUNI_OK;
    }
    if (cohort->n_whos == JOINT_WHO_MAX)
        return kuni_fail(err, KUNI_BUG, "more than %d kinds of karyotypes", JOINT_WHO_MAX);
    *found = (uint8_t)cohort->n_whos;
    cohort->whos[cohort->n_whos++] = *wanted;
    return KUNI_OK;
}

static kuni_status add_column(joint_cohort *cohort, const joint_deciding *deciding,
                              const kuni_task *task, size_t i, kuni_error *err)
{
    const kuni_sample *sample = &task->samples[i];
    uint32_t column = (uint32_t)task->columns[i], g = 0;
    if (column >= cohort->n_columns)
        return kuni_fail(err, KUNI_BUG, "sample %s: column %u of %u", sample->id, column,
                         cohort->n_columns);
    if (sample->group && *sample->group) {
        char **found = bsearch(&sample->group, cohort->groups + 1, cohort->n_groups - 1,
                               sizeof(char *), compare_names);
        g = (uint32_t)(found - cohort->groups);
    }
    joint_decision decision = joint_decide(deciding, task, i);
    kuni_status status = find_who(cohort, &decision.who, &cohort->who[column], err);
    if (status) return status;
    cohort->who_columns[cohort->who[column]]++;
    cohort->sex[column] = (uint8_t)decision.sex;
    cohort->cell[column] = (uint16_t)(g * JOINT_SEXES + (uint32_t)decision.sex);
    cohort->cell_columns[cohort->cell[column]]++;
    return KUNI_OK;
}

kuni_status joint_cohort_init(joint_cohort *cohort, const kuni_task *task, kuni_error *err)
{
    *cohort = (joint_cohort){.n_whos = JOINT_SEXES};
    for (int sex = 0; sex < JOINT_SEXES; sex++)
        cohort->whos[sex].karyotype = joint_karyotype_of_sex((kuni_sex)sex);
    for (size_t i = 0; i < task->n_samples; i++)
        if (task->columns[i] >= 0) cohort->n_columns++;
    if (!cohort->n_columns)
        return kuni_fail(err, KUNI_DATA, "no sample is left to genotype: see the failures");
    kuni_status status = collect_groups(cohort, task, err);
    if (status) return status;
    cohort->n_cells = cohort->n_groups * JOINT_SEXES;
    cohort->sex = kuni_alloc(cohort->n_columns, sizeof(*cohort->sex), err);
    cohort->cell = kuni_alloc(cohort->n_columns, sizeof(*cohort->cell), err);
    cohort->cell_columns = kuni_alloc(cohort->n_cells, sizeof(*cohort->cell_columns), err);
    cohort->who = kuni_alloc(cohort->n_columns, sizeof(*cohort->who), err);
    if (!cohort->sex || !cohort->cell || !cohort->cell_columns || !cohort->who) return KUNI_MEMORY;
    joint_deciding deciding;
    status = joint_deciding_init(&deciding, task, err);
    for (size_t i = 0; i < task->n_samples && !status; i++)
        if (task->columns[i] >= 0) status = add_column(cohort, &deciding, task, i, err);
    joint_deciding_fini(&deciding);
    return status;
}

void joint_cohort_fini(joint_cohort *cohort)
{
    for (uint32_t i = 1; cohort->groups && i < cohort->n_groups; i++) free(cohort->groups[i]);
    free(cohort->groups);
    free(cohort->sex);
    free(cohort->cell);
    free(cohort->cell_columns);
    free(cohort->who);
    *cohort = (joint_cohort){0};
}
