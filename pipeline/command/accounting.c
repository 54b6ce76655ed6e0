/* SPDX-License-Identifier: MIT */
#include "accounting.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kuni/file.h"

static double number(const json_t *o, const char *name)
{
    return json_number_value(json_object_get(o, name));
}

static const char *text(const json_t *o, const char *name)
{
    const char *value = json_string_value(json_object_get(o, name));
    return value ? value : "";
}

void kuni_accounting_print(const json_t *status)
{
    double hours = 0, in = 0, out = 0;
    size_t i;
    json_t *step, *steps = json_object_get(status, "steps");
    json_array_foreach(steps, i, step)
    {
        hours += number(step, "core_hours");
        in += number(step, "read_bytes");
        out += number(step, "written_bytes");
    }
    if (json_array_size(steps))
        printf("took      %.3g core-hours, read %.3g GB, wrote %.3g GB\n", hours, in / 1e9,
               out / 1e9);
}

/* --- by step and batch --- */

/* The object of a line under the names of the first one, or NULL. */
static json_t *row_of(char *names, char *line)
{
    enum { TEXTS = 2 }; /* step, batch */
    json_t *row = json_object();
    for (size_t i = 0; row && line; i++) {
        char *name = strsep(&names, "\t"), *value = strsep(&line, "\t"), *end;
        if (!name) break;
        json_t *held = json_string(value);
        if (i >= TEXTS) {
            json_decref(held);
            held = strchr(value, '.') ? json_real(strtod(value, &end))
                                      : json_integer(strtoll(value, &end, 10));
        }
        if (json_object_set_new(row, name, held)) {
            json_decref(row);
            return NULL;
        }
    }
    return row;
}

kuni_status kuni_accounting_add(json_t *status, const char *folder, kuni_error *err)
{
    enum { BYTES_MAX = 1 << 28 };
    kuni_buffer table = KUNI_BUFFER_INIT;
    char *path = kuni_path_join(folder, "accounting.tsv", err), *save = NULL, *head = NULL;
    if (!path) return KUNI_MEMORY;
    json_t *rows = json_array();
    kuni_status done = rows ? KUNI_OK : kuni_fail_memory(err, 1, 1);
    if (!done && access(path, R_OK) == 0) done = kuni_file_get(path, BYTES_MAX, &table, err);
    if (!done && table.length) head = strtok_r(table.data, "\n", &save);
    for (char *line = head ? strtok_r(NULL, "\n", &save) : NULL; line && !done;
         line = strtok_r(NULL, "\n", &save)) {
        char *names = kuni_strdup(head, err);
        json_t *row = names ? row_of(names, line) : NULL;
        if (!row || json_array_append_new(rows, row)) done = kuni_fail_memory(err, 1, 1);
        free(names);
    }
    if (!done && json_object_set(status, "accounting", rows)) done = kuni_fail_memory(err, 1, 1);
    json_decref(rows);
    kuni_buffer_fini(&table);
    free(path);
    return done;
}

/* --- Prometheus: https://prometheus.io/docs/instrumenting/exposition_formats/ --- */

/* A label's value: backslash, quote and newline are escaped. */
static kuni_status add_label(kuni_buffer *out, const char *value, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    for (const char *c = value; *c && !status; c++) {
        if (*c == '\\' || *c == '"')
            status = kuni_buffer_printf(out, err, "\\%c", *c);
        else if (*c == '\n')
            status = kuni_buffer_append(out, "\\n", 2, err);
        else
            status = kuni_buffer_append(out, c, 1, err);
    }
    return status;
}

/* One sample: kuni_NAME{workflow="...",LABEL="VALUE"} NUMBER */
static kuni_status add_sample(kuni_buffer *out, const char *name, const json_t *o,
                              const char *label, const char *value, double is, kuni_error *err)
{
    kuni_status status = kuni_buffer_printf(out, err, "kuni_%s{workflow=\"", name);
    if (!status) status = add_label(out, text(o, "workflow"), err);
    if (!status && label) status = kuni_buffer_printf(out, err, "\",%s=\"", label);
    if (!status && label) status = add_label(out, value, err);
    return status ? status : kuni_buffer_printf(out, err, "\"} %.15g\n", is);
}

static kuni_status add_head(kuni_buffer *out, const char *name, const char *type, const char *help,
                            kuni_error *err)
{
    return kuni_buffer_printf(out, err, "# HELP kuni_%s %s\n# TYPE kuni_%s %s\n", name, help, name,
                              type);
}

static kuni_status add_run(kuni_buffer *out, const json_t *o, kuni_error *err)
{
    static const char *const states[] = {"running", "done", "failed", "stopped", "killed", "hung"};
    static const char *const tasks[] = {"done", "reused", "running", "failed"};
    static const struct {
        const char *name, *field, *help;
    } plain[] = {{"tasks_planned", "tasks", "Tasks of the whole run."},
                 {"samples", "samples", "Samples of the cohort."},
                 {"samples_quarantined", "quarantined", "Samples that were left out."},
                 {"ranks", "ranks", "Ranks that take part."},
                 {"elapsed_seconds", "elapsed_s", "Since the run began."},
                 {"eta_seconds", "eta_s", "To the end of the phase."},
                 {"updated_timestamp_seconds", "updated_unix_s", "When this was last told."},
                 {"exit_status", "exit_status", "Of the run that has ended."}};
    kuni_status status =
        add_head(out, "state", "gauge", "1 for the state that the run is in.", err);
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]) && !status; i++)
        status = add_sample(out, "state", o, "state", states[i],
                            strcmp(states[i], text(o, "state")) == 0, err);
    if (!status) status = add_head(out, "tasks", "gauge", "Tasks by what became of them.", err);
    for (size_t i = 0; i < sizeof(tasks) / sizeof(tasks[0]) && !status; i++)
        status = add_sample(out, "tasks", o, "what", tasks[i], number(o, tasks[i]), err);
    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]) && !status; i++) {
        if (!json_is_number(json_object_get(o, plain[i].field))) continue;
        status = add_head(out, plain[i].name, "gauge", plain[i].help, err);
        if (!status)
            status = add_sample(out, plain[i].name, o, NULL, NULL, number(o, plain[i].field), err);
    }
    return status;
}

static kuni_status add_steps(kuni_buffer *out, const json_t *o, kuni_error *err)
{
    static const struct {
        const char *name, *field, *help;
        double times;
    } counts[] = {{"step_tasks_total", "tasks", "Tasks that ended well.", 1},
                  {"step_failed_total", "failed", "Attempts that failed.", 1},
                  {"step_core_seconds_total", "core_hours", "CPU time.", 3600},
                  {"step_wall_seconds_total", "wall_hours", "Time of places.", 3600},
                  {"step_read_bytes_total", "read_bytes", "Read through system calls.", 1},
                  {"step_written_bytes_total", "written_bytes", "Written likewise.", 1},
                  {"step_kept_bytes_total", "kept_bytes", "Of outputs.", 1}};
    kuni_status status = KUNI_OK;
    json_t *step, *steps = json_object_get(o, "steps");
    size_t i;
    for (size_t k = 0; k < sizeof(counts) / sizeof(counts[0]) && !status; k++) {
        if (!json_array_size(steps)) break;
        status = add_head(out, counts[k].name, "counter", counts[k].help, err);
        json_array_foreach(steps, i, step)
        {
            if (!status)
                status = add_sample(out, counts[k].name, o, "step", text(step, "step"),
                                    counts[k].times * number(step, counts[k].field), err);
        }
    }
    return status;
}

kuni_status kuni_accounting_prometheus(const json_t *o, const char *path, kuni_error *err)
{
    kuni_buffer out = KUNI_BUFFER_INIT;
    kuni_status status = add_run(&out, o, err);
    if (!status) status = add_steps(&out, o, err);
    if (!status) status = kuni_file_put(path, out.data, out.length, err);
    kuni_buffer_fini(&out);
    return status;
}
