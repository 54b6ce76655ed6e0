/* SPDX-License-Identifier: MIT */
/*
 * external: any command as a stage.
 *
 * Its ports follow from its parameters: it takes files of the kinds `takes`, gives one file of kind
 * `gives` or several, and runs once per shard, batch, sample or cohort. What it makes of samples may
 * be gathered into one table by a second step. The command sees values through placeholders
 * only (see template.h), works in the task's scratch folder, and its output is checked before it
 * counts.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "drops.h"
#include "ending.h"
#include "environment.h"
#include "gather.h"
#include "kuni/file.h"
#include "kuni/stage.h"
#include "output_check.h"
#include "outputs.h"
#include "values.h"

enum { LABEL_BYTES = 320, SAMPLES_PER_TASK_MAX = 1000000, MEMORY_LEAST = 64 << 20 };

static const char *const scatters[] = {"region", "batch",          "cohort",
                                       "sample", "sample x shard", NULL};
static const char *const index_choices[] = {"auto", "yes", "no", NULL};
static const char *const gather_choices[] = {"tsv", "list", NULL};
static const char *const failure_choices[] = {"stop", "without", NULL};

/* Steps; no output depends on a parameter of the step that is none. */
static const char each_step[] = "each", gather_step[] = "gather", no_step[] = "-";
/* Kinds: why a sample has no result; who has none. */
static const char failure_kind[] = "failure", without_kind[] = "without";

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
     .help = "run once per shard, per batch of samples, once, per sample, or per sample and shard"},
    {.name = "samples_per_task",
     .type = KUNI_PARAM_INT,
     .value = "16",
     .least = 1,
     .most = SAMPLES_PER_TASK_MAX,
     .help = "with scatter: sample: so many of a batch in one process and file, one after another"},
    {.name = "takes",
     .type = KUNI_PARAM_LIST,
     .help = "kinds of file it reads: {input} is the first, {input.KIND} any of them [calls; none "
             "with scatter: sample]"},
    {.name = "gather",
     .type = KUNI_PARAM_CHOICE,
     .choices = gather_choices,
     .step = gather_step,
     .help = "files of samples put together: tsv: one table; list: a file of sample and path, for "
             "a later command"},
    {.name = "gives",
     .type = KUNI_PARAM_TEXT,
     .value = "calls",
     .help = "kind of file it writes to {output}; a map NAME: EXTENSION: several, {output.NAME}"},
    {.name = "outputs",
     .type = KUNI_PARAM_LIST,
     .help = "NAME=EXTENSION of several outputs (`gives:` with a map)"},
    {.name = "extension",
     .type = KUNI_PARAM_TEXT,
     .help = "file name ending of the output [bcf]; bcf, vcf.gz and gz are checked to their end"},
    {.name = "may_be_empty",
     .type = KUNI_PARAM_LIST,
     .value = "false",
     .help = "whether an output of no bytes is fine, or which of several; it has to be there"},
    {.name = "may_drop",
     .type = KUNI_PARAM_TEXT,
     .value = "0%",
     .help = "share of the records of the kind it gives that it may take out, of each task; 100%: "
             "all"},
    {.name = "on_failure",
     .type = KUNI_PARAM_CHOICE,
     .value = "stop",
     .choices = failure_choices,
     .help = "with scatter: sample: what a command that fails for a sample does: stop the run, or "
             "leave the sample without a result, and say so"},
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
     .step = no_step,
     .help = "name in the dataset's published folder, for scatter: cohort and gathered tables; a "
             "map NAME: FILE for several outputs"},
    {.name = "published",
     .type = KUNI_PARAM_LIST,
     .step = no_step,
     .help = "NAME=FILE of several outputs (`publish:` with a map)"},
    {.name = "time_limit",
     .type = KUNI_PARAM_INT,
     .step = no_step,
     .value = "0",
     .least = 0,
     .most = 31536000,
     .unit = "s",
     .help = "the command is stopped after so long; 0: only when it shows no sign of life for "
             "on_error.time_limit"},
    {.name = "memory",
     .type = KUNI_PARAM_LIST,
     .unit = "bytes",
     .step = no_step,
     .help = "that a process of the command may use; a list: of a task that fails, try by try "
             "[resources.memory]"},
    {.name = "threads",
     .type = KUNI_PARAM_INT,
     .value = "1",
     .least = 1,
     .most = 1024,
     .help = "value of {threads} and OMP_NUM_THREADS; the places of its machine that a task takes"},
    {.name = "env",
     .type = KUNI_PARAM_LIST,
     .help = "further variables of kuni's environment that pass to the command: with PATH, "
             "LD_LIBRARY_PATH, HOME, USER, LOGNAME, TZ, REF_PATH, REF_CACHE, BCFTOOLS_PLUGINS"},
    {.name = "image",
     .type = KUNI_PARAM_TEXT,
     .step = no_step,
     .help = "container image that the command runs in, by digest: NAME@sha256:DIGEST of podman, "
             "FILE.sif@sha256:DIGEST of Apptainer; its own files to be read, no network"},
    {.name = "image_digest", .type = KUNI_PARAM_TEXT, .help = "what of `image:` results depend on"},
    {.name = "resources",
     .type = KUNI_PARAM_LIST,
     .help = "NAME=PATH of the workflow's resources that the command uses as {resource.NAME}"},
    {.name = "params",
     .type = KUNI_PARAM_LIST,
     .help = "NAME=VALUE of the workflow's params that the command uses as {param.NAME}"},
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

/* One call of the stage: for a shard, a sample, ... */
typedef struct call {
    const kuni_task *task;
    command_outputs outputs;
    value_table table;
    command_image image;
    mount_list mounts; /* with an image */
    char label[LABEL_BYTES];
    kuni_arena *arena;
} call;

/* Runs a command: `text` by the shell, or the words of `arguments`. */
static kuni_status run_command(const call *c, const char *text, const char *arguments,
                               const char *label, kuni_error *err)
{
    const kuni_task *task = c->task;
    const container_order box = {
        .image = &c->image, .mounts = &c->mounts, .memory_bytes = task->memory_bytes};
    command_order order = {.folder = task->scratch,
                           .output = c->outputs.list[0].path,
                           .time_limit_s = kuni_params_int(task->params, "time_limit"),
                           .threads = kuni_params_int(task->params, "threads"),
                           .env = kuni_params_text(task->params, "env"),
                           .container = c->image.name ? &box : NULL,
                           .heartbeat = task->heartbeat,
                           .label = label};
    kuni_buffer words = KUNI_BUFFER_INIT;
    size_t count = 0;
    kuni_status status;
    if (text && *text) {
        static const char shell[] = "/bin/sh\0-c";
        status = kuni_buffer_append(&words, shell, sizeof(shell), err);
        if (!status) status = template_shell(text, c->table.values, c->table.count, &words, err);
        count = 3;
    } else {
        status = template_words(arguments, c->table.values, c->table.count, &words, &count, err);
    }
    if (!status) status = run_arguments(&words, count, &order, err);
    kuni_buffer_fini(&words);
    return status;
}

static kuni_status check_outputs(const call *c, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    char label[LABEL_BYTES + 80];
    for (size_t i = 0; i < c->outputs.n && !status; i++) {
        const command_output *output = &c->outputs.list[i];
        (void)snprintf(label, sizeof(label), "%s%s%s", c->label, c->outputs.named ? ": " : "",
                       c->outputs.named ? output->kind : "");
        record_counts counts;
        status = output_check(output->path, output->extension, output->may_be_empty, label,
                              c->task->heartbeat, &counts, err);
        if (!status) status = drops_check(c->task, &c->table, output->kind, &counts, label, err);
    }
    return status;
}

/* All that may name a placeholder. */
static kuni_status join_commands(const kuni_params *with, kuni_arena *arena, const char **all,
                                 kuni_error *err)
{
    static const char *const names[] = {"command", "arguments", "check"};
    kuni_buffer text = KUNI_BUFFER_INIT;
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && !status; i++) {
        const char *one = kuni_params_text(with, names[i]);
        status = kuni_buffer_printf(&text, err, "%s\n", one ? one : "");
    }
    if (!status && !(*all = kuni_arena_strndup(arena, text.data, text.length, err)))
        status = KUNI_MEMORY;
    kuni_buffer_fini(&text);
    return status;
}

static kuni_status run_call(call *c, kuni_error *err)
{
    const kuni_params *with = c->task->params;
    kuni_status status = values_fill(&c->table, with, &c->outputs, c->task, err);
    if (!status)
        status = run_command(c, kuni_params_text(with, "command"),
                             kuni_params_text(with, "arguments"), c->label, err);
    if (!status && c->image.name) status = outputs_are_files(&c->outputs, c->label, err);
    if (!status) status = check_outputs(c, err);
    const char *check = kuni_params_text(with, "check");
    char label[LABEL_BYTES + 16];
    (void)snprintf(label, sizeof(label), "%s: check", c->label);
    if (!status && check && *check) {
        status = run_command(c, check, NULL, label, err);
        if (!status && c->image.name) status = outputs_are_files(&c->outputs, c->label, err);
    }
    return status || !c->image.name ? status : outputs_hand_over(&c->outputs, c->task, err);
}

static kuni_status run_task(const kuni_task *task, call *c, kuni_error *err)
{
    if (!task->scratch)
        return kuni_fail(err, KUNI_BUG, "an external command needs a scratch folder");
    *c = (call){.task = task, .arena = kuni_arena_new(err)};
    if (!c->arena) return KUNI_MEMORY;
    (void)snprintf(c->label, sizeof(c->label), "stage %s%s%.100s", task->stage_id,
                   task->sample ? ": sample " : "", task->sample ? task->sample->id : "");
    kuni_status status = outputs_read(&c->outputs, task->params, c->arena, err);
    if (!status) status = join_commands(task->params, c->arena, &c->table.command, err);
    if (!status) status = image_read(&c->image, task->params, c->arena, err);
    if (!status) status = outputs_place(&c->outputs, task, c->image.name != NULL, c->arena, err);
    if (!status && c->image.name)
        status = mounts_of_task(&c->mounts, task, c->table.command, c->arena, err);
    if (!status) status = run_call(c, err);
    mounts_fini(&c->mounts);
    values_fini(&c->table);
    return status;
}

static kuni_status run(const kuni_task *task, kuni_error *err)
{
    call c = {.task = task};
    kuni_status status = run_task(task, &c, err);
    kuni_arena_free(c.arena);
    return status;
}

/* A sample of which the command makes nothing: the outputs go, and the reason stands in their place. */
static kuni_status leave_without(const call *c, const kuni_error *why, kuni_error *err)
{
    for (size_t i = 0; i < c->outputs.n; i++) {
        const char *path = kuni_task_output(c->task, c->outputs.list[i].kind);
        if (unlink(path) != 0 && errno != ENOENT)
            return kuni_fail_errno(err, "cannot remove %s", path);
    }
    (void)fprintf(stderr, "%s\n", why->text);
    const char *text = why->text + strlen(c->label);
    if (strncmp(why->text, c->label, strlen(c->label)) != 0) text = why->text;
    if (strncmp(text, ": ", 2) == 0) text += 2;
    /* No more than how it ended: what it said may name a path or a process. */
    static const char until[] = "exit status ";
    const char *status = strstr(text, until);
    int length = status ? (int)(status - text + (long)sizeof(until) - 1 +
                                (long)strspn(status + sizeof(until) - 1, "0123456789"))
                        : (int)strcspn(text, "\n");
    kuni_buffer line = KUNI_BUFFER_INIT;
    kuni_status made = kuni_buffer_printf(&line, err, "%.*s\n", length, text);
    if (!made)
        made = kuni_file_put(kuni_task_output(c->task, failure_kind), line.data, line.length, err);
    kuni_buffer_fini(&line);
    return made;
}

static kuni_status run_sample(const kuni_task *task, kuni_error *err)
{
    call c = {.task = task};
    kuni_error why = KUNI_ERROR_INIT;
    kuni_status status = run_task(task, &c, &why);
    bool without = strcmp(kuni_params_text(task->params, "on_failure"), "without") == 0;
    if ((status == KUNI_BUG || status == KUNI_DATA) && without)
        status = leave_without(&c, &why, err);
    else if (status && err)
        *err = why;
    kuni_arena_free(c.arena);
    return status;
}

/* --- gathering --- */

static bool is_table(const command_output *output)
{
    return strcmp(output->extension, "tsv") == 0;
}

static kuni_feed feed_of(const char *commands)
{
    return template_names(commands, "reads")  ? KUNI_FEED_READS
           : template_names(commands, "gvcf") ? KUNI_FEED_GVCF
                                              : KUNI_FEED_ANY;
}

static kuni_status gather_all(const kuni_task *task, kuni_arena *arena, kuni_error *err)
{
    command_outputs outputs = {.n = 0};
    const char *commands, *first = NULL;
    kuni_status status = outputs_read(&outputs, task->params, arena, err);
    if (!status) status = join_commands(task->params, arena, &commands, err);
    for (size_t i = 0; i < outputs.n && !status; i++) {
        const command_output *output = &outputs.list[i];
        if (!is_table(output)) continue;
        if (!first) first = output->kind;
        status = gather_table(task, output->kind, kuni_task_output(task, output->kind), err);
    }
    bool without = strcmp(kuni_params_text(task->params, "on_failure"), "without") == 0;
    return status ? status
                  : gather_without(task, first, without ? failure_kind : NULL, feed_of(commands),
                                   kuni_task_output(task, without_kind), err);
}

static kuni_status run_gather(const kuni_task *task, kuni_error *err)
{
    kuni_arena *arena = kuni_arena_new(err);
    kuni_status status = arena ? gather_all(task, arena, err) : KUNI_MEMORY;
    kuni_arena_free(arena);
    return status;
}

/* --- shape --- */

static kuni_status check_placeholders(const kuni_params *with, const command_outputs *outputs,
                                      const char *text, const char *commands, kuni_error *err)
{
    value_table table = {.command = commands};
    kuni_status status = values_fill(&table, with, outputs, NULL, err);
    if (!status) status = template_check(text, table.values, table.count, err);
    for (size_t i = 0; i < outputs->n && !status; i++) {
        char name[160] = "output";
        if (outputs->named) (void)snprintf(name, sizeof(name), "output.%s", outputs->list[i].kind);
        if (!template_names(text, name))
            status = kuni_fail(err, KUNI_USAGE, "run: the command never names {%s}", name);
    }
    const char *look = kuni_params_text(with, "check");
    if (!status && look && *look) status = template_check(look, table.values, table.count, err);
    values_fini(&table);
    return status;
}

static kuni_status check_publish(const kuni_params *with, const command_outputs *outputs,
                                 kuni_error *err)
{
    const char *gather = kuni_params_text(with, "gather");
    bool cohort = strcmp(kuni_params_text(with, "scatter"), "cohort") == 0;
    bool gathers = values_by_sample(with) && gather;
    for (size_t i = 0; i < outputs->n; i++) {
        const command_output *output = &outputs->list[i];
        if (!output->publish || cohort || (gathers && is_table(output))) continue;
        if (gathers)
            return kuni_fail(err, KUNI_USAGE,
                             "publish: gather: tsv puts files with the ending tsv together, not %s",
                             output->extension);
        return kuni_fail(err, KUNI_USAGE,
                         "publish: only a command with scatter: cohort, or scatter: sample with "
                         "gather: tsv, makes a file that can be published");
    }
    return KUNI_OK;
}

static kuni_status check_samples(const kuni_params *with, const command_outputs *outputs,
                                 const char *commands, kuni_error *err)
{
    const char *gather = kuni_params_text(with, "gather");
    const char *takes = kuni_params_text(with, "takes");
    bool by_sample = values_by_sample(with), any = false;
    for (size_t i = 0; i < outputs->n; i++) any = any || is_table(&outputs->list[i]);
    if (gather && by_sample && strcmp(gather, "list") == 0)
        return kuni_fail(err, KUNI_USAGE,
                         "gather: list is for a later command with scatter: cohort that takes '%s'",
                         outputs->list[0].kind);
    if (gather && by_sample && !any)
        return kuni_fail(err, KUNI_USAGE,
                         "gather: tsv needs an output that is a table: extension: tsv");
    if (gather && !by_sample && values_by_shard(with))
        return kuni_fail(err, KUNI_USAGE,
                         "gather: expected with scatter: sample, cohort or batch, not region");
    if (strcmp(kuni_params_text(with, "on_failure"), "without") == 0 && !by_sample)
        return kuni_fail(err, KUNI_USAGE, "on_failure: without is for scatter: sample");
    if (!by_sample) return KUNI_OK;
    if (takes && *takes)
        return kuni_fail(err, KUNI_USAGE,
                         "takes: a command with scatter: sample is given a sample's own file, "
                         "{reads} or {gvcf}; what depends on other stages is a command with "
                         "scatter: cohort or region");
    if (template_names(commands, "reads") && template_names(commands, "gvcf"))
        return kuni_fail(
            err, KUNI_USAGE,
            "run: a sample brings {reads} or a {gvcf}, never both: expected two stages");
    return KUNI_OK;
}

static kuni_status check_params(const kuni_params *with, kuni_arena *arena,
                                command_outputs *outputs, const char **commands, kuni_error *err)
{
    const char *text = kuni_params_text(with, "command");
    const char *arguments = kuni_params_text(with, "arguments");
    bool as_text = text && *text, as_list = arguments && *arguments;
    if (as_text == as_list)
        return kuni_fail(err, KUNI_USAGE, "run: expected a command, as a text or as a list");
    int64_t share;
    if (!drops_parse(kuni_params_text(with, "may_drop"), &share))
        return kuni_fail(err, KUNI_USAGE, "may_drop: expected a share of the records, as `5%%`");
    command_image image;
    kuni_status status = environment_check(kuni_params_text(with, "env"), err);
    if (!status) status = image_read(&image, with, arena, err);
    if (!status) status = outputs_read(outputs, with, arena, err);
    if (!status) status = join_commands(with, arena, commands, err);
    if (!status) status = check_samples(with, outputs, *commands, err);
    if (!status) status = check_publish(with, outputs, err);
    return status ? status
                  : check_placeholders(with, outputs, as_text ? text : arguments, *commands, err);
}

static kuni_status make_inputs(const char *takes, bool of_samples, kuni_arena *arena,
                               const kuni_port **ports, kuni_error *err)
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
        list[i].of_samples = of_samples;
        at = end ? end + 1 : NULL;
    }
    *ports = list;
    return KUNI_OK;
}

static kuni_status make_outputs(const command_outputs *outputs, size_t more, kuni_arena *arena,
                                kuni_port **ports, kuni_error *err)
{
    *ports = kuni_arena_alloc(arena, outputs->n + more + 1, sizeof(**ports), err);
    if (!*ports) return KUNI_MEMORY;
    for (size_t i = 0; i < outputs->n; i++)
        (*ports)[i] = (kuni_port){.kind = outputs->list[i].kind,
                                  .extension = outputs->list[i].extension,
                                  .publish = outputs->list[i].publish};
    return KUNI_OK;
}

/* "a/table.tsv" -> "a/table.without.tsv". */
static kuni_status name_without(const char *publish, kuni_arena *arena, const char **name,
                                kuni_error *err)
{
    size_t length = strlen(publish);
    bool table = has_ending(publish, ".tsv");
    kuni_buffer text = KUNI_BUFFER_INIT;
    kuni_status status = kuni_buffer_printf(
        &text, err, "%.*s.without.tsv", (int)(table ? length - strlen(".tsv") : length), publish);
    if (!status && !(*name = kuni_arena_strndup(arena, text.data, text.length, err)))
        status = KUNI_MEMORY;
    kuni_buffer_fini(&text);
    return status;
}

/* The step that puts the tables together, and tells of whom there is none. */
static kuni_status shape_gather(const command_outputs *outputs, bool failures, kuni_arena *arena,
                                kuni_step *step, kuni_error *err)
{
    kuni_port *in = kuni_arena_alloc(arena, outputs->n + 2, sizeof(*in), err);
    kuni_port *out = kuni_arena_alloc(arena, outputs->n + 2, sizeof(*out), err);
    if (!in || !out) return KUNI_MEMORY;
    const char *publish = NULL;
    size_t n = 0;
    for (size_t i = 0; i < outputs->n; i++) {
        const command_output *output = &outputs->list[i];
        if (!is_table(output)) continue;
        in[n] = (kuni_port){.kind = output->kind, .optional = true, .in_place = true};
        out[n++] = (kuni_port){
            .kind = output->kind, .extension = output->extension, .publish = output->publish};
        if (!publish) publish = output->publish;
    }
    if (failures) in[n] = (kuni_port){.kind = failure_kind, .optional = true, .in_place = true};
    out[n] = (kuni_port){.kind = without_kind, .extension = "tsv", .tell = true};
    *step = (kuni_step){.name = gather_step,
                        .scatter = KUNI_SCATTER_COHORT,
                        .inputs = in,
                        .outputs = out,
                        .run = run_gather};
    return publish ? name_without(publish, arena, &out[n].publish, err) : KUNI_OK;
}

static kuni_status shape_samples(const kuni_params *with, const command_outputs *outputs,
                                 const char *commands, kuni_arena *arena, kuni_step *steps,
                                 size_t *n_steps, kuni_error *err)
{
    bool failures = strcmp(kuni_params_text(with, "on_failure"), "without") == 0;
    kuni_port *ports;
    kuni_status status = make_outputs(outputs, 1, arena, &ports, err);
    if (status) return status;
    for (size_t i = 0; i < outputs->n; i++) {
        ports[i].publish = NULL; /* the gathered table has that name */
        ports[i].optional = failures;
    }
    if (failures)
        ports[outputs->n] = (kuni_port){.kind = failure_kind, .extension = "txt", .optional = true};
    steps[0] = (kuni_step){
        .name = each_step,
        .scatter = values_by_shard(with) ? KUNI_SCATTER_SAMPLE_SHARD : KUNI_SCATTER_SAMPLE,
        .outputs = ports,
        .feed = feed_of(commands),
        .sees_facts = template_names(commands, "sex") || template_names(commands, "participant"),
        .samples_per_task = kuni_params_int(with, "samples_per_task"),
        .threads = steps[0].threads,
        .memory_bytes = steps[0].memory_bytes,
        .n_memory = steps[0].n_memory,
        .run = run_sample};
    *n_steps = 1;
    if (!kuni_params_text(with, "gather")) return KUNI_OK;
    *n_steps = 2;
    return shape_gather(outputs, failures, arena, &steps[1], err);
}

/* What the command's step takes of a machine. */
static kuni_status set_resources(const kuni_params *with, kuni_arena *arena, kuni_step *step,
                                 kuni_error *err)
{
    enum { MOST = 8 };
    const char *lines = kuni_params_text(with, "memory");
    int64_t *memory = kuni_arena_alloc(arena, MOST, sizeof(*memory), err);
    if (!memory) return KUNI_MEMORY;
    step->threads = kuni_params_int(with, "threads");
    step->memory_bytes = memory;
    for (const char *line = lines && *lines ? lines : NULL; line;
         line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        char *end;
        int64_t bytes = strtoll(line, &end, 10);
        size_t n = step->n_memory;
        if (n == MOST || bytes < MEMORY_LEAST || (*end && *end != '\n') ||
            (n && bytes <= memory[n - 1]))
            return kuni_fail(err, KUNI_USAGE,
                             "memory: expected 1 to %d sizes of 64MiB or more, each more than the "
                             "one before, as 4GiB or [4GiB, 8GiB]",
                             MOST);
        memory[step->n_memory++] = bytes;
    }
    return KUNI_OK;
}

static kuni_status shape(const kuni_params *with, kuni_arena *arena, const kuni_step **steps,
                         size_t *n_steps, kuni_error *err)
{
    command_outputs outputs = {.n = 0};
    const char *commands;
    kuni_status status = check_params(with, arena, &outputs, &commands, err);
    if (status) return status;
    kuni_step *step = kuni_arena_alloc(arena, 2, sizeof(*step), err);
    if (!step) return KUNI_MEMORY;
    *steps = step;
    *n_steps = 1;
    kuni_step machine = {.name = NULL};
    status = set_resources(with, arena, &machine, err);
    if (status) return status;
    *step = machine;
    if (values_by_sample(with))
        return shape_samples(with, &outputs, commands, arena, step, n_steps, err);
    kuni_port *ports;
    const char *scatter = kuni_params_text(with, "scatter");
    step->name = kuni_params_text(with, "gather") ? gather_step : "";
    step->run = run;
    step->scatter = strcmp(scatter, "region") == 0  ? KUNI_SCATTER_REGION
                    : strcmp(scatter, "batch") == 0 ? KUNI_SCATTER_BATCH
                                                    : KUNI_SCATTER_COHORT;
    status = make_inputs(values_takes(with), kuni_params_text(with, "gather") != NULL, arena,
                         &step->inputs, err);
    if (!status) status = make_outputs(&outputs, 0, arena, &ports, err);
    if (!status) step->outputs = ports;
    return status;
}

const kuni_stage kuni_stage_external = {
    .name = "external",
    .summary = "run any command per shard, batch, sample or cohort (`run:` in a workflow)",
    .version = 1,
    .params = params,
    .shape = shape,
    .ready = image_ready};
