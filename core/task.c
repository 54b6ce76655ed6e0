/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kuni/stage.h"

const char *kuni_task_output(const kuni_task *task, const char *kind)
{
    for (size_t i = 0; i < task->n_outputs; i++)
        if (strcmp(task->outputs[i].kind, kind) == 0) return task->outputs[i].path;
    (void)fprintf(stderr, "kuni: bug: stage %s writes '%s', which it does not declare\n",
                  task->stage_id, kind);
    abort();
}

const kuni_task_file *kuni_task_inputs(const kuni_task *task, const char *kind, size_t *count)
{
    const kuni_task_file *first = NULL;
    *count = 0;
    for (size_t i = 0; i < task->n_inputs; i++) {
        if (strcmp(task->inputs[i].kind, kind) != 0) continue;
        if (!first) first = &task->inputs[i];
        (*count)++;
    }
    return first;
}
