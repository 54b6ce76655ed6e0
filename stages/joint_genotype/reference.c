/* SPDX-License-Identifier: MIT */
#include "reference.h"

#include <stdlib.h>
#include <string.h>

static int by_id(const void *left, const void *right)
{
    const kuni_sample *const *a = left, *const *b = right;
    return strcmp((*a)->id, (*b)->id);
}

static const kuni_sample *find(const kuni_sample *const *sorted, size_t n, const char *id)
{
    const kuni_sample wanted = {.id = id}, *key = &wanted;
    const kuni_sample *const *found =
        id && n ? bsearch(&key, sorted, n, sizeof(*sorted), by_id) : NULL;
    return found ? *found : NULL;
}

static kuni_status flag_trios(const kuni_task *task, uint8_t *told, kuni_error *err)
{
    const kuni_sample **sorted = kuni_alloc(task->n_samples + 1, sizeof(*sorted), err);
    size_t n = 0;
    if (!sorted) return KUNI_MEMORY;
    for (size_t i = 0; i < task->n_samples; i++)
        if (task->columns[i] >= 0) sorted[n++] = &task->samples[i];
    if (n > 1) qsort(sorted, n, sizeof(*sorted), by_id);
    for (size_t i = 0; i < task->n_samples; i++) {
        const kuni_sample *child = &task->samples[i];
        const kuni_sample *father = find(sorted, n, child->father);
        const kuni_sample *mother = find(sorted, n, child->mother);
        if (task->columns[i] < 0 || !father || !mother) continue;
        told[task->columns[i]] = 1;
        told[task->columns[father - task->samples]] = 1;
        told[task->columns[mother - task->samples]] = 1;
    }
    free(sorted);
    return KUNI_OK;
}

kuni_status joint_reference_told(const kuni_task *task, uint8_t **told, kuni_error *err)
{
    const char *whom = kuni_params_text(task->params, "reference_likelihoods");
    *told = NULL;
    if (strcmp(whom, "none") == 0) return KUNI_OK;
    *told = kuni_alloc(task->n_samples + 1, 1, err);
    if (!*told) return KUNI_MEMORY;
    if (strcmp(whom, "trios") == 0) return flag_trios(task, *told, err);
    memset(*told, 1, task->n_samples);
    return KUNI_OK;
}
