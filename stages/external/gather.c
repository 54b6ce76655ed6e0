/* SPDX-License-Identifier: MIT */
#include "gather.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kuni/file.h"

enum { TABLE_BYTES_MAX = 1 << 30, REASON_BYTES = 512 };

static const char id_column[] = "sample_id";

/* What is kept of the first table. */
typedef struct gathering {
    const kuni_task *task;
    kuni_file *out;
    kuni_buffer header, text;
    const kuni_sample *first;
    size_t column; /* of sample_id, from 1; 0: it is put first */
} gathering;

static kuni_status no_sample(const kuni_task *task, const char *kind, kuni_error *err)
{
    return kuni_fail(err, KUNI_USAGE,
                     "stage %s: gather: '%s' is not of a stage with scatter: sample",
                     task->stage_id, kind);
}

/* The bytes of an input, which may be a part of a file. */
static kuni_status read_input(const kuni_task_file *input, kuni_buffer *text, kuni_error *err)
{
    kuni_buffer_clear(text);
    if (!input->bytes && !input->offset)
        return kuni_file_get(input->path, TABLE_BYTES_MAX, text, err);
    if (input->bytes > TABLE_BYTES_MAX)
        return kuni_fail(err, KUNI_DATA, "sample %s: a table of %llu bytes is too long to gather",
                         input->sample->id, (unsigned long long)input->bytes);
    kuni_status status = kuni_buffer_reserve(text, (size_t)input->bytes + 1, err);
    int fd = status ? -1 : open(input->path, O_RDONLY | O_CLOEXEC);
    if (status) return status;
    if (fd < 0) return kuni_fail_errno(err, "cannot open %s", input->path);
    while (text->length < input->bytes && !status) {
        ssize_t got = pread(fd, text->data + text->length, (size_t)input->bytes - text->length,
                            (off_t)(input->offset + text->length));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0)
            status = got < 0 ? kuni_fail_errno(err, "cannot read %s", input->path)
                             : kuni_fail(err, KUNI_DATA, "%s ended early", input->path);
        else
            text->length += (size_t)got;
    }
    (void)close(fd);
    text->data[text->length] = '\0';
    return status;
}

/* The number, from 1, of the column sample_id of a header, or 0. */
static size_t find_column(const char *header)
{
    size_t number = 1;
    for (const char *at = header + (*header == '#'); at; number++) {
        size_t length = strcspn(at, "\t");
        if (length == sizeof(id_column) - 1 && strncmp(at, id_column, length) == 0) return number;
        at = at[length] ? at + length + 1 : NULL;
    }
    return 0;
}

static kuni_status take_header(gathering *g, const kuni_sample *sample, const char *header,
                               kuni_error *err)
{
    if (!g->first) {
        g->first = sample;
        g->column = find_column(header);
        bool hash = *header == '#';
        kuni_status status = kuni_buffer_append(&g->header, header, strlen(header) + 1, err);
        if (status) return status;
        return g->column ? kuni_file_printf(g->out, err, "%s\n", header)
                         : kuni_file_printf(g->out, err, "%s%s\t%s\n", hash ? "#" : "", id_column,
                                            header + hash);
    }
    if (strcmp(g->header.data, header) == 0) return KUNI_OK;
    return kuni_fail(err, KUNI_DATA,
                     "stage %s: gather: the table of sample %s has another header than that of %s: "
                     "'%.200s', not '%.200s': tables that are put together need the same columns",
                     g->task->stage_id, sample->id, g->first->id, header, g->header.data);
}

static kuni_status take_line(gathering *g, const kuni_sample *sample, const char *line,
                             kuni_error *err)
{
    if (!g->column) return kuni_file_printf(g->out, err, "%s\t%s\n", sample->id, line);
    const char *at = line;
    for (size_t i = 1; i < g->column && at; i++) {
        at = strchr(at, '\t');
        if (at) at++;
    }
    size_t length = at ? strcspn(at, "\t") : 0;
    if (at && strlen(sample->id) == length && strncmp(at, sample->id, length) == 0)
        return kuni_file_printf(g->out, err, "%s\n", line);
    return kuni_fail(
        err, KUNI_DATA,
        "stage %s: gather: the table of sample %s has a line whose %s is '%.*s': leave "
        "the column away, or write {sample} into it",
        g->task->stage_id, sample->id, id_column, (int)(length < 100 ? length : 100), at ? at : "");
}

static kuni_status take_table(gathering *g, const kuni_task_file *input, kuni_error *err)
{
    kuni_status status = read_input(input, &g->text, err);
    bool header = true;
    if (status || !g->text.length) return status; /* an empty one, where that is fine */
    if (memchr(g->text.data, '\0', g->text.length) || memchr(g->text.data, '\r', g->text.length))
        return kuni_fail(err, KUNI_DATA,
                         "stage %s: gather: the table of sample %s is no plain text with line ends "
                         "\\n",
                         g->task->stage_id, input->sample->id);
    for (char *line = g->text.data, *next; line && *line && !status; line = next) {
        next = strchr(line, '\n');
        if (next) *next++ = '\0';
        status = header ? take_header(g, input->sample, line, err)
                        : take_line(g, input->sample, line, err);
        header = false;
    }
    return status;
}

kuni_status gather_table(const kuni_task *task, const char *kind, const char *path, kuni_error *err)
{
    size_t n;
    const kuni_task_file *inputs = kuni_task_inputs(task, kind, &n);
    gathering g = {.task = task, .header = KUNI_BUFFER_INIT, .text = KUNI_BUFFER_INIT};
    kuni_status status = kuni_file_create(&g.out, path, err);
    for (size_t i = 0; i < n && !status; i++) {
        status = inputs[i].sample ? take_table(&g, &inputs[i], err) : no_sample(task, kind, err);
        if (task->heartbeat) task->heartbeat((int64_t)i + 1);
    }
    if (!status && !g.first) status = kuni_file_printf(g.out, err, "%s\n", id_column);
    if (!status) {
        status = kuni_file_commit(g.out, err);
        g.out = NULL;
    }
    kuni_file_discard(g.out);
    kuni_buffer_fini(&g.header);
    kuni_buffer_fini(&g.text);
    return status;
}

kuni_status gather_list(const kuni_task *task, const char *kind, const char *path, kuni_error *err)
{
    size_t n;
    const kuni_task_file *inputs = kuni_task_inputs(task, kind, &n);
    kuni_file *out = NULL;
    kuni_status status = kuni_file_create(&out, path, err);
    for (size_t i = 0; i < n && !status; i++)
        status = inputs[i].sample
                     ? kuni_file_printf(out, err, "%s\t%s\n", inputs[i].sample->id, inputs[i].path)
                     : no_sample(task, kind, err);
    if (!status) {
        status = kuni_file_commit(out, err);
        out = NULL;
    }
    kuni_file_discard(out);
    return status;
}

/* --- who has none --- */

/* The first file of a kind of each sample, by its number, or NULL. */
static kuni_status by_sample(const kuni_task *task, const char *kind, const kuni_task_file ***list,
                             kuni_error *err)
{
    size_t n = 0;
    const kuni_task_file *files = kind ? kuni_task_inputs(task, kind, &n) : NULL;
    *list = kuni_alloc(task->n_samples + 1, sizeof(kuni_task_file *), err);
    if (!*list) return KUNI_MEMORY;
    for (size_t i = n; i-- > 0;)
        if (files[i].sample) (*list)[files[i].sample - task->samples] = &files[i];
    return KUNI_OK;
}

static kuni_status tell_reason(kuni_file *out, const kuni_sample *sample,
                               const kuni_task_file *failure, kuni_feed feed, kuni_buffer *text,
                               kuni_error *err)
{
    bool variants = kuni_is_variants_path(sample->reads);
    const char *reason = feed == KUNI_FEED_READS && variants   ? "no reads"
                         : feed == KUNI_FEED_GVCF && !variants ? "no gVCF"
                                                               : "no result";
    kuni_status status = failure ? read_input(failure, text, err) : KUNI_OK;
    if (status) return status;
    if (failure && text->length) reason = text->data;
    return kuni_file_printf(out, err, "%s\t%.*s\n", sample->id, (int)strcspn(reason, "\n"), reason);
}

/* Whether a person has a column, and no file of the kind, or not all of them. */
static bool is_without(const kuni_task *task, size_t i, const kuni_task_file *const *files,
                       const kuni_task_file *const *failed)
{
    return (!task->columns || task->columns[i] >= 0) && (!files[i] || failed[i]);
}

static kuni_status tell_all(const kuni_task *task, const char *kind, kuni_feed feed,
                            const kuni_task_file *const *files, const kuni_task_file *const *failed,
                            kuni_file *out, kuni_error *err)
{
    size_t people = 0, without = 0;
    kuni_status status = KUNI_OK;
    kuni_buffer text = KUNI_BUFFER_INIT;
    for (size_t i = 0; i < task->n_samples; i++) {
        people += !task->columns || task->columns[i] >= 0;
        without += is_without(task, i, files, failed);
    }
    if (without)
        status =
            kuni_file_printf(out, err, "# %zu of %zu samples have no %s\n", without, people, kind);
    if (!status) status = kuni_file_printf(out, err, "%s\treason\n", id_column);
    for (size_t i = 0; i < task->n_samples && !status; i++)
        if (is_without(task, i, files, failed))
            status = tell_reason(out, &task->samples[i], failed[i], feed, &text, err);
    kuni_buffer_fini(&text);
    return status;
}

kuni_status gather_without(const kuni_task *task, const char *kind, const char *failures,
                           kuni_feed feed, const char *path, kuni_error *err)
{
    const kuni_task_file **files = NULL, **failed = NULL;
    kuni_file *out = NULL;
    kuni_status status = by_sample(task, kind, &files, err);
    if (!status) status = by_sample(task, failures, &failed, err);
    if (!status) status = kuni_file_create(&out, path, err);
    if (!status) status = tell_all(task, kind, feed, files, failed, out, err);
    if (!status) {
        status = kuni_file_commit(out, err);
        out = NULL;
    }
    kuni_file_discard(out);
    free(files);
    free(failed);
    return status;
}
