/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "command.h"
#include "complain.h"
#include "operand.h"
#include "task_rows.h"

typedef struct request {
    kuni_run_options run; /* but for workflow and settings */
    kuni_texts settings;  /* --set */
    const char *stage, *state;
    bool json, tsv;
} request;

static const kuni_option options[] = {
    KUNI_OPTION_SET(request, settings),
    {"stage", 0, "STAGE", NULL, "only tasks of this stage, or of this step: qc.batch",
     KUNI_BIND_TEXT(request, stage, KUNI_COMPLETES_ID)},
    {"state", 0, "STATE", NULL, "only tasks that are done, failed or pending",
     KUNI_BIND_TEXT(request, state, KUNI_COMPLETES_NOTHING)},
    {"tsv", 0, NULL, NULL, "print a table with tabs", KUNI_BIND_FLAG(request, tsv)},
    {"json", 0, NULL, NULL, "print JSON: a list of objects", KUNI_BIND_FLAG(request, json)},
    KUNI_OPTIONS_END,
};

/* --- which --- */

static bool is_asked_for(const request *r, const kuni_task_row *row)
{
    size_t length = r->stage ? strlen(r->stage) : 0;
    bool of_stage = !r->stage || (strncmp(row->step, r->stage, length) == 0 &&
                                  (!row->step[length] || row->step[length] == '.'));
    return of_stage && (!r->state || strcmp(row->state, r->state) == 0);
}

/* --- forms --- */

enum { TIME_BYTES = 32, CELL_BYTES = 48 };

static void print_time(int64_t unix_s, char text[TIME_BYTES])
{
    struct tm utc;
    time_t t = (time_t)unix_s;
    text[0] = '\0';
    if (unix_s >= 0 && gmtime_r(&t, &utc)) (void)strftime(text, TIME_BYTES, "%FT%TZ", &utc);
}

static const char *seconds(double value, char cell[CELL_BYTES])
{
    (void)snprintf(cell, CELL_BYTES, value < 0 ? "." : "%.3f", value);
    return cell;
}

static const char *whole(int64_t value, char cell[CELL_BYTES])
{
    (void)snprintf(cell, CELL_BYTES, value < 0 ? "." : "%" PRId64, value);
    return cell;
}

static const char *or_dot(const char *text)
{
    return text[0] ? text : ".";
}

static void print_tsv(const kuni_task_row *row)
{
    char cells[6][CELL_BYTES], ended[TIME_BYTES];
    print_time(row->ended_unix_s, ended);
    printf("%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t", row->step, or_dot(row->shard),
           or_dot(row->batch), row->state, or_dot(row->why), seconds(row->cpu_s, cells[0]),
           seconds(row->wall_s, cells[1]), whole(row->rss_bytes, cells[2]), or_dot(row->host),
           whole(row->rank, cells[3]), whole(row->attempts, cells[4]), or_dot(ended));
    for (const char *c = or_dot(row->message); *c; c++) putchar((unsigned char)*c < ' ' ? ' ' : *c);
    putchar('\n');
}

static void print_words(const kuni_task_row *row)
{
    char cpu[CELL_BYTES], wall[CELL_BYTES], memory[CELL_BYTES] = ".", place[512];
    (void)snprintf(place, sizeof(place), "%s%s%s%s%s", row->step, row->shard[0] ? " " : "",
                   row->shard, row->batch[0] ? " " : "", row->batch);
    if (row->rss_bytes >= 0)
        (void)snprintf(memory, sizeof(memory), "%.1f", (double)row->rss_bytes / (1 << 20));
    printf("%-44s %-8s %10s %10s %9s  %s%s%s%s\n", place, row->state, seconds(row->cpu_s, cpu),
           seconds(row->wall_s, wall), memory, row->why, row->message[0] ? ": " : "", row->message,
           row->attempts > 1 ? " (tried again)" : "");
}

static json_t *text_or_null(const char *text)
{
    return text[0] ? json_string(text) : json_null();
}

static json_t *int_or_null(int64_t value)
{
    return value >= 0 ? json_integer(value) : json_null();
}

static json_t *seconds_or_null(double value)
{
    return value >= 0 ? json_real((double)(int64_t)(value * 1000 + 0.5) / 1000) : json_null();
}

static kuni_status print_object(const kuni_task_row *row, kuni_error *err)
{
    char ended[TIME_BYTES];
    print_time(row->ended_unix_s, ended);
    json_t *o = json_pack("{ss so so ss so so so so so so so so so}", "step", row->step, "shard",
                          text_or_null(row->shard), "batch", text_or_null(row->batch), "state",
                          row->state, "why", text_or_null(row->why), "cpu_s",
                          seconds_or_null(row->cpu_s), "wall_s", seconds_or_null(row->wall_s),
                          "rss_bytes", int_or_null(row->rss_bytes), "host", text_or_null(row->host),
                          "rank", int_or_null(row->rank), "attempts", int_or_null(row->attempts),
                          "ended", text_or_null(ended), "message", text_or_null(row->message));
    char *text = o ? json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(12)) : NULL;
    if (text) printf("%s", text);
    kuni_status status = text ? KUNI_OK : kuni_fail_memory(err, 1, 1);
    free(text);
    json_decref(o);
    return status;
}

static kuni_status print_json(const kuni_task_rows *rows, const request *r, kuni_error *err)
{
    const char *before = "[\n";
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < rows->n && !status; i++) {
        if (!is_asked_for(r, &rows->list[i])) continue;
        printf("%s", before);
        before = ",\n";
        status = print_object(&rows->list[i], err);
    }
    puts(before[0] == '[' ? "[]" : "\n]");
    return status;
}

static kuni_status print_rows(const kuni_task_rows *rows, const request *r, kuni_error *err)
{
    kuni_status status = r->json ? print_json(rows, r, err) : KUNI_OK;
    if (status || r->json) return status;
    if (r->tsv)
        puts("step\tshard\tbatch\tstate\twhy\tcpu_s\twall_s\trss_"
             "bytes\thost\trank\tattempts\tended\t"
             "message");
    else
        printf("%-44s %-8s %10s %10s %9s  %s\n", "task", "state", "CPU s", "s", "MiB", "why");
    for (size_t i = 0; i < rows->n; i++)
        if (is_asked_for(r, &rows->list[i])) (r->tsv ? print_tsv : print_words)(&rows->list[i]);
    return fflush(stdout) == 0 ? KUNI_OK : kuni_fail_errno(err, "cannot write");
}

/* --- the whole --- */

static kuni_status show(const request *r, const char *dataset, const kuni_preview *preview,
                        kuni_error *err)
{
    kuni_task_rows rows;
    kuni_status status = kuni_task_rows_read(&rows, dataset, preview, err);
    if (!status) status = print_rows(&rows, r, err);
    kuni_task_rows_fini(&rows);
    return status;
}

/* With a workflow what is still to be done is known. */
static int show_workflow(request *r, kuni_error *err)
{
    kuni_preview preview;
    r->run.settings = r->settings.texts;
    r->run.n_settings = r->settings.n;
    r->run.jobs = 1;
    r->run.forecast = true;
    kuni_status status = kuni_command_preview(&preview, &r->run, err);
    if (!status) {
        status = show(r, preview.run.folder, &preview, err);
        if (status) (void)kuni_command_fail(err);
    }
    kuni_preview_fini(&preview);
    return status;
}

static int run(const kuni_call *call)
{
    static const char *const states[] = {"done", "failed", "pending"};
    request *r = call->options;
    kuni_error err = KUNI_ERROR_INIT;
    struct stat st;
    bool known = !r->state;
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
        known = known || strcmp(r->state, states[i]) == 0;
    if (!known)
        return kuni_command_complain(
            KUNI_USAGE, "tasks: --state %s: expected done, failed or pending", r->state);
    if (r->json && r->tsv)
        return kuni_command_complain(KUNI_USAGE, "tasks: --json and --tsv: give one of them");
    r->run.workflow = call->words[0];
    if (stat(call->words[0], &st) != 0 || !S_ISDIR(st.st_mode)) return show_workflow(r, &err);
    char *folder = NULL;
    kuni_status status = kuni_command_find_dataset(call->words[0], &folder, &err);
    if (!status) status = show(r, folder, NULL, &err);
    free(folder);
    return status ? kuni_command_fail(&err) : KUNI_OK;
}

const kuni_command kuni_cmd_tasks = {
    .group = "Run",
    .name = "tasks",
    .summary = "table of the tasks of a dataset: state, time, memory, host, why it was run",
    .about = "Print a row a task: state, why it was run, CPU and wall time, memory, host, rank, "
             "attempts.\n"
             "Given a workflow, the tasks that are still to be done as well, and why; given the "
             "folder of\n"
             "a dataset, what has been run there. While a run goes on, what it is at work on is "
             "pending.",
    .usage = "kuni tasks [OPTIONS] WORKFLOW.yaml|DATASET",
    .example = "kuni tasks --tsv --stage call national.yaml",
    .options = options,
    .options_bytes = sizeof(request),
    .least_words = 1,
    .most_words = 1,
    .words = KUNI_COMPLETES_DATASET,
    .run = run,
};
