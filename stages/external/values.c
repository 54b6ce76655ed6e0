/* SPDX-License-Identifier: MIT */
#include "values.h"

#include <stdlib.h>
#include <string.h>

#include "gather.h"
#include "indexed.h"
#include "kuni/file.h"
#include "sample_values.h"

bool values_by_sample(const kuni_params *with)
{
    return strncmp(kuni_params_text(with, "scatter"), "sample", 6) == 0;
}

bool values_by_shard(const kuni_params *with)
{
    const char *scatter = kuni_params_text(with, "scatter");
    return strcmp(scatter, "region") == 0 || strcmp(scatter, "sample x shard") == 0;
}

const char *values_takes(const kuni_params *with)
{
    const char *takes = kuni_params_text(with, "takes");
    if (takes && *takes) return takes;
    return values_by_sample(with) ? "" : "calls";
}

static kuni_status add_texts(value_table *table, const char *name, const char *const *texts,
                             size_t count, kuni_error *err)
{
    kuni_status status = kuni_grow((void **)&table->values, &table->capacity, table->count + 1,
                                   sizeof(*table->values), err);
    if (status) return status;
    table->values[table->count++] =
        (template_value){.name = name, .texts = texts, .n_texts = count};
    return KUNI_OK;
}

static kuni_status add_text(value_table *table, const char *name, const char *text, kuni_error *err)
{
    const char **texts = kuni_arena_alloc(table->arena, 1, sizeof(*texts), err);
    if (!texts) return KUNI_MEMORY;
    texts[0] = kuni_arena_strndup(table->arena, text, strlen(text), err);
    return texts[0] ? add_texts(table, name, texts, 1, err) : KUNI_MEMORY;
}

static char *join_name(value_table *table, const char *prefix, const char *name, size_t length,
                       kuni_error *err)
{
    kuni_buffer joined = KUNI_BUFFER_INIT;
    char *kept = NULL;
    if (!kuni_buffer_printf(&joined, err, "%s%.*s", prefix, (int)length, name))
        kept = kuni_arena_strndup(table->arena, joined.data, joined.length, err);
    kuni_buffer_fini(&joined);
    return kept;
}

void values_fini(value_table *table)
{
    free(table->values);
    kuni_arena_free(table->arena);
}

/* Calls for each line of a LIST; absent lists have none. */
static kuni_status for_lines(const char *lines,
                             kuni_status (*line)(value_table *, const char *, size_t,
                                                 const kuni_task *, kuni_error *),
                             value_table *table, const kuni_task *task, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    for (const char *at = lines; at && *at && !status;) {
        const char *end = strchr(at, '\n');
        status = line(table, at, end ? (size_t)(end - at) : strlen(at), task, err);
        at = end ? end + 1 : NULL;
    }
    return status;
}

static kuni_status add_resource(value_table *table, const char *line, size_t length,
                                const kuni_task *task, kuni_error *err)
{
    (void)task;
    const char *equals = memchr(line, '=', length);
    if (!equals)
        return kuni_fail(err, KUNI_USAGE, "resources: '%.*s': expected NAME=PATH", (int)length,
                         line);
    char *name = join_name(table, "resource.", line, (size_t)(equals - line), err);
    char *path = join_name(table, "", equals + 1, length - (size_t)(equals - line) - 1, err);
    return name && path ? add_text(table, name, path, err) : KUNI_MEMORY;
}

static kuni_status add_param(value_table *table, const char *line, size_t length,
                             const kuni_task *task, kuni_error *err)
{
    (void)task;
    const char *equals = memchr(line, '=', length);
    if (!equals)
        return kuni_fail(err, KUNI_USAGE, "params: '%.*s': expected NAME=VALUE", (int)length, line);
    char *name = join_name(table, "param.", line, (size_t)(equals - line), err);
    size_t rest = length - (size_t)(equals - line) - 1;
    char *value = join_name(table, "", equals + 1, rest, err);
    return name && value ? add_text(table, name, value, err) : KUNI_MEMORY;
}

/* The files of samples put together, in the scratch folder. */
static kuni_status gather_input(value_table *table, const char *kind, const kuni_task *task,
                                const char **path, kuni_error *err)
{
    bool merged = strcmp(table->gather, "tsv") == 0;
    kuni_buffer name = KUNI_BUFFER_INIT;
    kuni_status status =
        kuni_buffer_printf(&name, err, "%s/%s.%s", task->scratch, kind, merged ? "tsv" : "list");
    if (!status)
        status = merged ? gather_table(task, kind, name.data, err)
                        : gather_list(task, kind, name.data, err);
    if (!status && !(*path = kuni_arena_strndup(table->arena, name.data, name.length, err)))
        status = KUNI_MEMORY;
    kuni_buffer_fini(&name);
    return status;
}

/* {input.KIND}, and {input} for the first kind. Without a task only the names. */
static kuni_status add_input(value_table *table, const char *kind_at, size_t length,
                             const kuni_task *task, kuni_error *err)
{
    char *kind = join_name(table, "", kind_at, length, err);
    char *name = kind ? join_name(table, "input.", kind, length, err) : NULL;
    if (!name) return KUNI_MEMORY;
    size_t count = 0;
    const kuni_task_file *files = task ? kuni_task_inputs(task, kind, &count) : NULL;
    const char **paths = kuni_arena_alloc(table->arena, count + 1, sizeof(*paths), err);
    if (!paths) return KUNI_MEMORY;
    kuni_status status = KUNI_OK;
    if (task && table->gather) {
        count = 1;
        status = gather_input(table, kind, task, paths, err);
    }
    for (size_t i = 0; i < count && !status && !table->gather; i++) {
        paths[i] = files[i].path;
        if (table->indexed)
            status = indexed_input(task, kind, i, files[i].path, table->arena, &paths[i], err);
    }
    if (status) return status;
    bool first = true;
    for (size_t i = 0; i < table->count; i++)
        first = first && strcmp(table->values[i].name, "input") != 0;
    if (first) status = add_texts(table, "input", paths, count, err);
    return status ? status : add_texts(table, name, paths, count, err);
}

static kuni_status write_list(value_table *table, const char *name, const char *const *texts,
                              size_t count, const kuni_task *task, kuni_error *err)
{
    kuni_buffer path = KUNI_BUFFER_INIT;
    kuni_file *file = NULL;
    kuni_status status = kuni_buffer_printf(&path, err, "%s/%s", task->scratch, name);
    if (!status) status = kuni_file_create(&file, path.data, err);
    for (size_t i = 0; i < count && !status; i++)
        status = kuni_file_printf(file, err, "%s\n", texts[i]);
    if (!status) {
        status = kuni_file_commit(file, err);
        file = NULL;
    }
    kuni_file_discard(file);
    if (!status) status = add_text(table, name, path.data, err);
    kuni_buffer_fini(&path);
    return status;
}

static kuni_status add_input_list(value_table *table, const kuni_task *task, kuni_error *err)
{
    const template_value *input = NULL;
    for (size_t i = 0; i < table->count && !input; i++)
        if (strcmp(table->values[i].name, "input") == 0) input = &table->values[i];
    return input ? write_list(table, "input_list", input->texts, input->n_texts, task, err)
                 : KUNI_OK;
}

static kuni_status add_samples(value_table *table, const kuni_task *task, kuni_error *err)
{
    const char **ids = kuni_arena_alloc(table->arena, task->n_samples + 1, sizeof(*ids), err);
    if (!ids) return KUNI_MEMORY;
    size_t first = 0, end = task->n_samples, count = 0;
    if (task->batch >= 0) {
        first = task->batches[task->batch].first;
        end = first + task->batches[task->batch].n_samples;
    }
    for (size_t i = first; i < end; i++)
        if (!task->columns || task->columns[i] >= 0) ids[count++] = task->samples[i].id;
    kuni_status status = add_texts(table, "sample", ids, count, err);
    return status ? status : write_list(table, "sample_list", ids, count, task, err);
}

/*
 * {region} and {bed}. In braces a name may hold what else ends it, as those of HLA alleles do; where a
 * tool does not know of braces, it takes the file.
 */
static kuni_status add_region(value_table *table, const kuni_task *task, kuni_error *err)
{
    const kuni_span *shard = &task->shards[task->shard];
    const char *name = kuni_genome_contig(task->genome, shard->tid)->name;
    bool odd = strpbrk(name, ":,") != NULL;
    kuni_buffer text = KUNI_BUFFER_INIT;
    kuni_status status =
        kuni_buffer_printf(&text, err, "%s%s%s:%lld-%lld", odd ? "{" : "", name, odd ? "}" : "",
                           (long long)shard->beg + 1, (long long)shard->end);
    if (!status) status = add_text(table, "region", text.data, err);
    kuni_buffer_fini(&text);
    if (status) return status;
    const char *line = NULL;
    status = kuni_buffer_printf(&text, err, "%s\t%lld\t%lld", name, (long long)shard->beg,
                                (long long)shard->end);
    line = text.data;
    if (!status) status = write_list(table, "bed", &line, 1, task, err);
    kuni_buffer_fini(&text);
    return status;
}

/* {output}, or {output.NAME} of each. Without a task only the names. */
static kuni_status add_outputs(value_table *table, const command_outputs *outputs,
                               const kuni_task *task, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < outputs->n && !status; i++) {
        const char *kind = outputs->list[i].kind;
        const char *name =
            outputs->named ? join_name(table, "output.", kind, strlen(kind), err) : "output";
        status = name ? add_text(table, name, task ? outputs->list[i].path : "", err) : KUNI_MEMORY;
    }
    return status;
}

static kuni_status add_names(value_table *table, bool by_sample, bool by_shard, kuni_error *err)
{
    static const char *const all[] = {"reference", "scratch", "input_list"};
    static const char *const many[] = {"sample_list", "sample"};
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]) && !status; i++)
        status = add_text(table, all[i], "", err);
    for (size_t i = 0; i < sizeof(many) / sizeof(many[0]) && !status && !by_sample; i++)
        status = add_text(table, many[i], "", err);
    for (const char *const *name = sample_value_names; *name && !status && by_sample; name++)
        status = add_text(table, *name, "", err);
    if (!status && by_shard) status = add_text(table, "region", "", err);
    return status || !by_shard ? status : add_text(table, "bed", "", err);
}

/* The sample's own. */
static kuni_status add_sample(value_table *table, const kuni_task *task, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    for (const char *const *name = sample_value_names; *name && !status; name++) {
        const char *text = NULL;
        if (!template_names(table->command, *name)) continue;
        status = sample_value(task, *name, table->arena, &text, err);
        if (!status) status = add_text(table, *name, text, err);
    }
    return status;
}

kuni_status values_fill(value_table *table, const kuni_params *with, const command_outputs *outputs,
                        const kuni_task *task, kuni_error *err)
{
    table->arena = kuni_arena_new(err);
    if (!table->arena) return KUNI_MEMORY;
    const char *index = kuni_params_text(with, "index");
    bool by_sample = values_by_sample(with), by_shard = values_by_shard(with);
    table->gather = by_sample ? NULL : kuni_params_text(with, "gather");
    table->indexed =
        task && (strcmp(index, "yes") == 0 || (by_shard && strcmp(index, "auto") == 0));
    kuni_status status = for_lines(values_takes(with), add_input, table, task, err);
    if (!status)
        status = for_lines(kuni_params_text(with, "resources"), add_resource, table, task, err);
    if (!status) status = for_lines(kuni_params_text(with, "params"), add_param, table, task, err);
    kuni_buffer threads = KUNI_BUFFER_INIT;
    if (!status)
        status =
            kuni_buffer_printf(&threads, err, "%lld", (long long)kuni_params_int(with, "threads"));
    if (!status) status = add_text(table, "threads", threads.data, err);
    kuni_buffer_fini(&threads);
    if (!status) status = add_outputs(table, outputs, task, err);
    if (status || !task) return status ? status : add_names(table, by_sample, by_shard, err);
    status = add_text(table, "reference", kuni_genome_path(task->genome), err);
    if (!status) status = add_text(table, "scratch", task->scratch, err);
    if (!status) status = add_input_list(table, task, err);
    if (!status) status = by_sample ? add_sample(table, task, err) : add_samples(table, task, err);
    return status || !by_shard ? status : add_region(table, task, err);
}
