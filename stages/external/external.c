/* SPDX-License-Identifier: MIT */
/*
 * external: any command as a stage.
 *
 * Its ports follow from its parameters: it takes files of the kinds `takes`, gives one file of kind
 * `gives`, and runs once per shard, batch or cohort. The command sees values through placeholders
 * only (see template.h), works in the task's scratch folder, and its output is checked before it
 * counts.
 */
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "kuni/file.h"
#include "kuni/stage.h"
#include "output_check.h"
#include "template.h"

enum { LABEL_BYTES = 160 };

static const char *const scatters[] = {"region", "batch", "cohort", NULL};

static const kuni_param params[] = {
    {.name = "command",
     .type = KUNI_PARAM_TEXT,
     .help = "the command line, run by /bin/sh (`run:` with a text)"},
    {.name = "arguments",
     .type = KUNI_PARAM_LIST,
     .help = "program and arguments, run without a shell (`run:` with a list)"},
    {.name = "scatter",
     .type = KUNI_PARAM_CHOICE,
     .value = "region",
     .choices = scatters,
     .help = "run once per shard, per batch of samples, or once"},
    {.name = "takes",
     .type = KUNI_PARAM_LIST,
     .value = "calls",
     .help = "kinds of file it reads: {input} is the first, {input.KIND} any of them"},
    {.name = "gives",
     .type = KUNI_PARAM_TEXT,
     .value = "calls",
     .help = "kind of file it writes to {output}"},
    {.name = "extension",
     .type = KUNI_PARAM_TEXT,
     .value = "bcf",
     .help = "file name ending of the output; bcf, vcf.gz and gz are checked to their end"},
    {.name = "publish",
     .type = KUNI_PARAM_TEXT,
     .help = "name in the dataset's published folder, for scatter: cohort"},
    {.name = "time_limit",
     .type = KUNI_PARAM_INT,
     .value = "0",
     .least = 0,
     .most = 31536000,
     .unit = "s",
     .help = "the command is stopped after so long; 0: only when it shows no sign of life for "
             "on_error.time_limit"},
    {.name = "threads",
     .type = KUNI_PARAM_INT,
     .value = "1",
     .least = 1,
     .most = 1024,
     .help = "value of {threads} and OMP_NUM_THREADS"},
    {.name = "resources",
     .type = KUNI_PARAM_LIST,
     .help = "NAME=PATH of the workflow's resources that the command uses as {resource.NAME}"},
    {.name = NULL}};

/* --- values of placeholders --- */

typedef struct value_table {
    template_value *values;
    size_t count, capacity;
    kuni_arena *arena;
} value_table;

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

static void table_fini(value_table *table)
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
    for (size_t i = 0; i < count; i++) paths[i] = files[i].path;
    bool first = true;
    for (size_t i = 0; i < table->count; i++)
        first = first && strcmp(table->values[i].name, "input") != 0;
    kuni_status status = first ? add_texts(table, "input", paths, count, err) : KUNI_OK;
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

static kuni_status add_lists(value_table *table, const kuni_task *task, kuni_error *err)
{
    const template_value *input = NULL;
    for (size_t i = 0; i < table->count && !input; i++)
        if (strcmp(table->values[i].name, "input") == 0) input = &table->values[i];
    kuni_status status = KUNI_OK;
    if (input) status = write_list(table, "input_list", input->texts, input->n_texts, task, err);
    if (status) return status;
    const char **ids = kuni_arena_alloc(table->arena, task->n_samples + 1, sizeof(*ids), err);
    if (!ids) return KUNI_MEMORY;
    size_t first = 0, end = task->n_samples, count = 0;
    if (task->batch >= 0) {
        first = task->batches[task->batch].first;
        end = first + task->batches[task->batch].n_samples;
    }
    for (size_t i = first; i < end; i++)
        if (!task->columns || task->columns[i] >= 0) ids[count++] = task->samples[i].id;
    status = add_texts(table, "sample", ids, count, err);
    return status ? status : write_list(table, "sample_list", ids, count, task, err);
}

static kuni_status add_region(value_table *table, const kuni_task *task, kuni_error *err)
{
    const kuni_span *shard = &task->shards[task->shard];
    kuni_buffer text = KUNI_BUFFER_INIT;
    kuni_status status = kuni_buffer_printf(&text, err, "%s:%lld-%lld",
                                            kuni_genome_contig(task->genome, shard->tid)->name,
                                            (long long)shard->beg + 1, (long long)shard->end);
    if (!status) status = add_text(table, "region", text.data, err);
    kuni_buffer_fini(&text);
    return status;
}

/* The placeholders that a command may use; with a task also their texts. */
static kuni_status fill_table(value_table *table, const kuni_params *with, const kuni_task *task,
                              kuni_error *err)
{
    table->arena = kuni_arena_new(err);
    if (!table->arena) return KUNI_MEMORY;
    kuni_status status = for_lines(kuni_params_text(with, "takes"), add_input, table, task, err);
    if (!status)
        status = for_lines(kuni_params_text(with, "resources"), add_resource, table, task, err);
    kuni_buffer threads = KUNI_BUFFER_INIT;
    if (!status)
        status =
            kuni_buffer_printf(&threads, err, "%lld", (long long)kuni_params_int(with, "threads"));
    if (!status) status = add_text(table, "threads", threads.data, err);
    kuni_buffer_fini(&threads);
    if (status) return status;
    bool by_region = strcmp(kuni_params_text(with, "scatter"), "region") == 0;
    if (!task) {
        static const char *const names[] = {"output",     "reference",   "scratch",
                                            "input_list", "sample_list", "sample"};
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && !status; i++)
            status = add_text(table, names[i], "", err);
        return status || !by_region ? status : add_text(table, "region", "", err);
    }
    status =
        add_text(table, "output", kuni_task_output(task, kuni_params_text(with, "gives")), err);
    if (!status) status = add_text(table, "reference", kuni_genome_path(task->genome), err);
    if (!status) status = add_text(table, "scratch", task->scratch, err);
    if (!status) status = add_lists(table, task, err);
    return status || !by_region ? status : add_region(table, task, err);
}

/* --- running --- */

static kuni_status run_arguments(const kuni_buffer *words, size_t count, command_order *order,
                                 kuni_error *err)
{
    char **argv = kuni_alloc(count + 1, sizeof(*argv), err);
    if (!argv) return KUNI_MEMORY;
    char *at = words->data;
    for (size_t i = 0; i < count; i++) {
        argv[i] = at;
        at += strlen(at) + 1;
    }
    order->argv = argv;
    kuni_status status = command_run(order, err);
    free(argv);
    return status;
}

static kuni_status run_order(const value_table *table, const kuni_task *task, const char *output,
                             const char *label, kuni_error *err)
{
    command_order order = {.folder = task->scratch,
                           .output = output,
                           .time_limit_s = kuni_params_int(task->params, "time_limit"),
                           .threads = kuni_params_int(task->params, "threads"),
                           .heartbeat = task->heartbeat,
                           .label = label};
    kuni_buffer words = KUNI_BUFFER_INIT;
    size_t count = 0;
    kuni_status status;
    const char *text = kuni_params_text(task->params, "command");
    if (text && *text) {
        static const char shell[] = "/bin/sh\0-c";
        status = kuni_buffer_append(&words, shell, sizeof(shell), err);
        if (!status) status = template_shell(text, table->values, table->count, &words, err);
        count = 3;
    } else {
        status = template_words(kuni_params_text(task->params, "arguments"), table->values,
                                table->count, &words, &count, err);
    }
    if (!status) status = run_arguments(&words, count, &order, err);
    kuni_buffer_fini(&words);
    return status;
}

static kuni_status run(const kuni_task *task, kuni_error *err)
{
    if (!task->scratch)
        return kuni_fail(err, KUNI_BUG, "an external command needs a scratch folder");
    char label[LABEL_BYTES];
    (void)snprintf(label, sizeof(label), "stage %s", task->stage_id);
    const char *output = kuni_task_output(task, kuni_params_text(task->params, "gives"));
    value_table table = {.values = NULL};
    kuni_status status = fill_table(&table, task->params, task, err);
    if (!status) status = run_order(&table, task, output, label, err);
    if (!status)
        status = output_check(output, kuni_params_text(task->params, "extension"), label,
                              task->heartbeat, err);
    table_fini(&table);
    return status;
}

/* --- shape --- */

static kuni_status check_params(const kuni_params *with, kuni_error *err)
{
    const char *text = kuni_params_text(with, "command");
    const char *arguments = kuni_params_text(with, "arguments");
    bool as_text = text && *text, as_list = arguments && *arguments;
    if (as_text == as_list)
        return kuni_fail(err, KUNI_USAGE, "run: expected a command, as a text or as a list");
    const char *gives = kuni_params_text(with, "gives");
    if (!gives || !*gives) return kuni_fail(err, KUNI_USAGE, "gives: expected a kind of file");
    const char *extension = kuni_params_text(with, "extension");
    if (!extension || !*extension || extension[0] == '.' || strchr(extension, '/'))
        return kuni_fail(err, KUNI_USAGE,
                         "extension: expected a file name ending without its first dot, as `bcf`");
    const char *publish = kuni_params_text(with, "publish");
    if (publish && *publish && strcmp(kuni_params_text(with, "scatter"), "cohort") != 0)
        return kuni_fail(err, KUNI_USAGE,
                         "publish: only a command with scatter: cohort makes a "
                         "file that can be published");
    if (publish && (publish[0] == '/' || strstr(publish, "..")))
        return kuni_fail(err, KUNI_USAGE, "publish: expected a name below the dataset's folder");
    value_table table = {.values = NULL};
    kuni_status status = fill_table(&table, with, NULL, err);
    if (!status)
        status = template_check(as_text ? text : arguments, table.values, table.count, err);
    if (!status && !strstr(as_text ? text : arguments, "{output}"))
        status = kuni_fail(err, KUNI_USAGE, "run: the command never names {output}");
    table_fini(&table);
    return status;
}

static kuni_status make_inputs(const char *takes, kuni_arena *arena, const kuni_port **ports,
                               kuni_error *err)
{
    size_t count = 0;
    for (const char *at = takes; at && *at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL)
        count++;
    kuni_port *list = kuni_arena_alloc(arena, count + 1, sizeof(*list), err);
    if (!list) return KUNI_MEMORY;
    size_t i = 0;
    for (const char *at = takes; at && *at; i++) {
        const char *end = strchr(at, '\n');
        list[i].kind = kuni_arena_strndup(arena, at, end ? (size_t)(end - at) : strlen(at), err);
        if (!list[i].kind) return KUNI_MEMORY;
        at = end ? end + 1 : NULL;
    }
    *ports = list;
    return KUNI_OK;
}

static kuni_status keep(kuni_arena *arena, const char *text, const char **kept, kuni_error *err)
{
    *kept = NULL;
    if (!text || !*text) return KUNI_OK;
    *kept = kuni_arena_strndup(arena, text, strlen(text), err);
    return *kept ? KUNI_OK : KUNI_MEMORY;
}

static kuni_status shape(const kuni_params *with, kuni_arena *arena, const kuni_step **steps,
                         size_t *n_steps, kuni_error *err)
{
    kuni_status status = check_params(with, err);
    if (status) return status;
    kuni_step *step = kuni_arena_alloc(arena, 1, sizeof(*step), err);
    kuni_port *output = kuni_arena_alloc(arena, 2, sizeof(*output), err);
    if (!step || !output) return KUNI_MEMORY;
    step->name = "";
    step->run = run;
    step->outputs = output;
    const char *scatter = kuni_params_text(with, "scatter");
    step->scatter = strcmp(scatter, "region") == 0  ? KUNI_SCATTER_REGION
                    : strcmp(scatter, "batch") == 0 ? KUNI_SCATTER_BATCH
                                                    : KUNI_SCATTER_COHORT;
    status = make_inputs(kuni_params_text(with, "takes"), arena, &step->inputs, err);
    if (!status) status = keep(arena, kuni_params_text(with, "gives"), &output->kind, err);
    if (!status) status = keep(arena, kuni_params_text(with, "extension"), &output->extension, err);
    if (!status) status = keep(arena, kuni_params_text(with, "publish"), &output->publish, err);
    *steps = step;
    *n_steps = 1;
    return status;
}

const kuni_stage kuni_stage_external = {
    .name = "external",
    .summary = "run any command per shard, batch or cohort (`run:` in a workflow)",
    .version = 1,
    .params = params,
    .shape = shape};
