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
#include "drops.h"
#include "ending.h"
#include "kuni/stage.h"
#include "output_check.h"
#include "values.h"

enum { LABEL_BYTES = 160 };

static const char *const scatters[] = {"region", "batch", "cohort", NULL};
static const char *const index_choices[] = {"auto", "yes", "no", NULL};

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
    {.name = "may_be_empty",
     .type = KUNI_PARAM_BOOL,
     .value = "false",
     .help = "whether an output of no bytes is fine; it has to be there"},
    {.name = "may_drop",
     .type = KUNI_PARAM_TEXT,
     .value = "0%",
     .help = "share of the records of the kind it gives that it may take out, of each task; 100%: "
             "all"},
    {.name = "check",
     .type = KUNI_PARAM_TEXT,
     .help = "a command line that looks at {output}, run by /bin/sh; it fails the task by an exit "
             "status other than 0"},
    {.name = "index",
     .type = KUNI_PARAM_CHOICE,
     .value = "auto",
     .choices = index_choices,
     .help =
         "whether inputs that are BCF or VCF come with an index beside them; auto: with scatter: "
         "region. It costs one pass over each"},
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

/* Runs a command: `text` by the shell, or the words of `arguments`. */
static kuni_status run_command(const value_table *table, const kuni_task *task, const char *text,
                               const char *arguments, const char *label, kuni_error *err)
{
    command_order order = {.folder = task->scratch,
                           .output =
                               kuni_task_output(task, kuni_params_text(task->params, "gives")),
                           .time_limit_s = kuni_params_int(task->params, "time_limit"),
                           .threads = kuni_params_int(task->params, "threads"),
                           .heartbeat = task->heartbeat,
                           .label = label};
    kuni_buffer words = KUNI_BUFFER_INIT;
    size_t count = 0;
    kuni_status status;
    if (text && *text) {
        static const char shell[] = "/bin/sh\0-c";
        status = kuni_buffer_append(&words, shell, sizeof(shell), err);
        if (!status) status = template_shell(text, table->values, table->count, &words, err);
        count = 3;
    } else {
        status = template_words(arguments, table->values, table->count, &words, &count, err);
    }
    if (!status) status = run_arguments(&words, count, &order, err);
    kuni_buffer_fini(&words);
    return status;
}

static kuni_status run(const kuni_task *task, kuni_error *err)
{
    if (!task->scratch)
        return kuni_fail(err, KUNI_BUG, "an external command needs a scratch folder");
    const kuni_params *with = task->params;
    char label[LABEL_BYTES];
    (void)snprintf(label, sizeof(label), "stage %s", task->stage_id);
    value_table table = {.values = NULL};
    int64_t n_records = -1;
    kuni_status status = values_fill(&table, with, task, err);
    if (!status)
        status = run_command(&table, task, kuni_params_text(with, "command"),
                             kuni_params_text(with, "arguments"), label, err);
    if (!status)
        status = output_check(kuni_task_output(task, kuni_params_text(with, "gives")),
                              kuni_params_text(with, "extension"),
                              kuni_params_bool(with, "may_be_empty"), label, task->heartbeat,
                              &n_records, err);
    if (!status) status = drops_check(task, &table, n_records, label, err);
    const char *check = kuni_params_text(with, "check");
    (void)snprintf(label, sizeof(label), "stage %s: check", task->stage_id);
    if (!status && check && *check) status = run_command(&table, task, check, NULL, label, err);
    values_fini(&table);
    return status;
}

/* --- shape --- */

/* A relative path without empty parts or parts that begin with a dot. */
static bool is_plain_path(const char *path)
{
    for (const char *at = path;; at++) {
        size_t length = strcspn(at, "/");
        if (!length || *at == '.') return false;
        at += length;
        if (!*at) return true;
    }
}

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
    if (kuni_params_bool(with, "may_be_empty") && is_variant_file(extension))
        return kuni_fail(err, KUNI_USAGE,
                         "may_be_empty: a variant file without records still has a header");
    int64_t share;
    if (!drops_parse(kuni_params_text(with, "may_drop"), &share))
        return kuni_fail(err, KUNI_USAGE, "may_drop: expected a share of the records, as `5%%`");
    const char *publish = kuni_params_text(with, "publish");
    if (publish && *publish && strcmp(kuni_params_text(with, "scatter"), "cohort") != 0)
        return kuni_fail(err, KUNI_USAGE,
                         "publish: only a command with scatter: cohort makes a "
                         "file that can be published");
    if (publish && *publish && !is_plain_path(publish))
        return kuni_fail(
            err, KUNI_USAGE,
            "publish: expected a name below the dataset's folder, as `extra/table.tsv`");
    value_table table = {.values = NULL};
    kuni_status status = values_fill(&table, with, NULL, err);
    if (!status)
        status = template_check(as_text ? text : arguments, table.values, table.count, err);
    if (!status && !strstr(as_text ? text : arguments, "{output}"))
        status = kuni_fail(err, KUNI_USAGE, "run: the command never names {output}");
    const char *look = kuni_params_text(with, "check");
    if (!status && look && *look) status = template_check(look, table.values, table.count, err);
    values_fini(&table);
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
