/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "joint.h"

const char joint_reason_letters[JOINT_REASONS + 1] = ".DLCFAP";

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

kuni_status joint_cohort_init(joint_cohort *cohort, const kuni_task *task, kuni_error *err)
{
    *cohort = (joint_cohort){0};
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
    if (!cohort->sex || !cohort->cell || !cohort->cell_columns) return KUNI_MEMORY;
    for (size_t i = 0; i < task->n_samples; i++) {
        int32_t column = task->columns[i];
        if (column < 0) continue;
        if ((uint32_t)column >= cohort->n_columns)
            return kuni_fail(err, KUNI_BUG, "sample %s: column %d of %u", task->samples[i].id,
                             column, cohort->n_columns);
        const char *group = task->samples[i].group;
        uint32_t g = 0;
        if (group && *group) {
            char **found = bsearch(&group, cohort->groups + 1, cohort->n_groups - 1, sizeof(char *),
                                   compare_names);
            g = (uint32_t)(found - cohort->groups);
        }
        cohort->sex[column] = (uint8_t)task->samples[i].sex;
        cohort->cell[column] = (uint16_t)(g * JOINT_SEXES + (uint32_t)task->samples[i].sex);
        cohort->cell_columns[cohort->cell[column]]++;
    }
    return KUNI_OK;
}

void joint_cohort_fini(joint_cohort *cohort)
{
    for (uint32_t i = 1; cohort->groups && i < cohort->n_groups; i++) free(cohort->groups[i]);
    free(cohort->groups);
    free(cohort->sex);
    free(cohort->cell);
    free(cohort->cell_columns);
    *cohort = (joint_cohort){0};
}

void joint_copies_init(joint_copies *copies, const kuni_ploidy *ploidy, kuni_span chunk)
{
    *copies = (joint_copies){.ploidy = ploidy, .tid = chunk.tid, .diploid = true};
    for (int sex = 0; sex < JOINT_SEXES; sex++) {
        int64_t until;
        if (kuni_ploidy_at(ploidy, chunk.tid, chunk.beg, (kuni_sex)sex, &until) != 2 ||
            until < chunk.end)
            copies->diploid = false;
    }
}
