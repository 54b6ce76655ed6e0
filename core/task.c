/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kuni/file.h"
#include "kuni/stage.h"
#include "unfinished.h"

const char *kuni_task_output(const kuni_task *task, const char *kind)
{
    for (size_t i = 0; i < task->n_outputs; i++)
        if (strcmp(task->outputs[i].kind, kind) == 0) return task->outputs[i].path;
    (void)fprintf(stderr, "kuni: bug: stage %s writes '%s', which it does not declare\n",
                  task->stage_id, kind);
    abort();
}

kuni_status kuni_columns_put_head(const kuni_column *columns, const char *table, kuni_buffer *text,
                                  kuni_error *err)
{
    kuni_status status = KUNI_OK;
    bool any = false;
    for (; columns->table && !status; columns++) {
        if (strcmp(columns->table, table) != 0) continue;
        status = kuni_buffer_printf(text, err, "%s%s", any ? "\t" : "", columns->name);
        any = true;
    }
    return status ? status : kuni_buffer_append(text, "\n", 1, err);
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

static kuni_status copy_part(const kuni_task_file *input, int in, kuni_file *out, kuni_error *err)
{
    char block[1 << 14];
    for (uint64_t done = 0; done < input->bytes;) {
        size_t want =
            input->bytes - done < sizeof(block) ? (size_t)(input->bytes - done) : sizeof(block);
        ssize_t got = pread(in, block, want, (off_t)(input->offset + done));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return kuni_fail_errno(err, "cannot read %s", input->path);
        if (got == 0)
            return kuni_fail(err, KUNI_DATA, "%s ended early while it was read", input->path);
        kuni_status status = kuni_file_write(out, block, (size_t)got, err);
        if (status) return status;
        done += (uint64_t)got;
    }
    return KUNI_OK;
}

kuni_status kuni_task_take_input(const kuni_task *task, const kuni_task_file *input, char **path,
                                 kuni_error *err)
{
    if (!input->offset && !input->bytes) {
        *path = kuni_strdup(input->path, err);
        return *path ? KUNI_OK : KUNI_MEMORY;
    }
    kuni_buffer name = KUNI_BUFFER_INIT;
    kuni_file *file = NULL;
    int in = open(input->path, O_RDONLY | O_CLOEXEC);
    kuni_status status = in < 0 ? kuni_fail_errno(err, "cannot open %s", input->path) : KUNI_OK;
    if (!status)
        status = kuni_buffer_printf(&name, err, "%s/%s%s-%lld-%lld", task->scratch,
                                    KUNI_TEMPORARY_PREFIX, input->kind, (long long)input->shard,
                                    (long long)input->batch);
    if (!status) status = kuni_file_create(&file, name.data, err);
    if (!status) status = copy_part(input, in, file, err);
    if (!status)
        status = kuni_file_commit(file, err);
    else
        kuni_file_discard(file);
    if (in >= 0) (void)close(in);
    if (status) kuni_buffer_fini(&name);
    *path = name.data;
    return status;
}
