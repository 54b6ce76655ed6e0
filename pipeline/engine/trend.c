/* SPDX-License-Identifier: MIT */
#include "trend.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kuni/lines.h"

enum { GENERATIONS_MOST = 200, FIELDS = 4 };

static const char heading[] = "generation\ttable\tmetric\tvalue\n", ending[] = "summary.tsv";

/* One row in both forms. */
typedef struct forms {
    kuni_buffer tsv, js;
} forms;

static kuni_status put_text(kuni_buffer *out, const char *text, kuni_error *err)
{
    kuni_status status = kuni_buffer_append(out, "\"", 1, err);
    for (; *text && !status; text++) {
        if (*text == '"' || *text == '\\' || *text == '<' || (unsigned char)*text < 0x20)
            status = kuni_buffer_printf(out, err, "\\u%04x", (unsigned char)*text);
        else
            status = kuni_buffer_append(out, text, 1, err);
    }
    return status ? status : kuni_buffer_append(out, "\"", 1, err);
}

static kuni_status put_row(forms *out, int64_t generation, const char *table, const char *metric,
                           const char *value, kuni_error *err)
{
    double number;
    kuni_status status = kuni_buffer_printf(&out->tsv, err, "%" PRId64 "\t%s\t%s\t%s\n", generation,
                                            table, metric, value);
    if (!status)
        status = kuni_buffer_printf(&out->js, err, "%s{\"generation\":%" PRId64 ",\"table\":",
                                    out->js.length ? ",\n" : "", generation);
    if (!status) status = put_text(&out->js, table, err);
    if (!status) status = kuni_buffer_printf(&out->js, err, ",\"metric\":");
    if (!status) status = put_text(&out->js, metric, err);
    if (!status) status = kuni_buffer_printf(&out->js, err, ",\"value\":");
    if (!status)
        status = kuni_text_double(value, &number) ? kuni_buffer_printf(&out->js, err, "%s}", value)
                                                  : kuni_buffer_printf(&out->js, err, "null}");
    return status;
}

/* What is known of the generations before; a table that is none of ours is begun anew. */
static kuni_status take_former(forms *out, const char *path, int64_t generation, kuni_error *err)
{
    kuni_lines lines;
    char *line, *fields[KUNI_LINE_FIELDS_MAX];
    if (access(path, R_OK) != 0) return KUNI_OK;
    kuni_status status = kuni_lines_open(&lines, path, err);
    if (status) return status;
    while (!(status = kuni_lines_next(&lines, &line, err)) && line) {
        int64_t number;
        if (kuni_line_split(line, '\t', fields) != FIELDS ||
            !kuni_text_int(fields[0], 1, INT64_MAX, &number) || number >= generation ||
            number <= generation - GENERATIONS_MOST)
            continue;
        status = put_row(out, number, fields[1], fields[2], fields[3], err);
        if (status) break;
    }
    kuni_lines_close(&lines);
    return status;
}

static kuni_status take_table(forms *out, const char *path, const char *table, int64_t generation,
                              kuni_error *err)
{
    kuni_lines lines;
    char *line, *fields[KUNI_LINE_FIELDS_MAX];
    bool ours = false;
    kuni_status status = kuni_lines_open(&lines, path, err);
    if (status) return status;
    while (!(status = kuni_lines_next(&lines, &line, err)) && line) {
        size_t n = kuni_line_split(line, '\t', fields);
        if (!ours) {
            ours = n == 2 && strcmp(fields[0], "metric") == 0 && strcmp(fields[1], "value") == 0;
            if (!ours) break;
            continue;
        }
        if (n != 2) continue;
        status = put_row(out, generation, table, fields[0], fields[1], err);
        if (status) break;
    }
    kuni_lines_close(&lines);
    return status;
}

static kuni_status take_tables(forms *out, const kuni_run *run, int64_t generation,
                               kuni_arena *arena, kuni_error *err)
{
    const kuni_plan *plan = &run->plan;
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < plan->n_nodes; i++)
        for (size_t o = 0; o < plan->nodes[i].n_outputs && !status; o++) {
            const char *name = plan->nodes[i].step->outputs[o].publish;
            size_t length = name ? strlen(name) : 0, tail = sizeof(ending) - 1;
            if (length < tail || strcmp(name + length - tail, ending) != 0) continue;
            const char *path = kuni_run_path(run, arena, err, "current/%s", name);
            if (!path) return KUNI_MEMORY;
            if (access(path, R_OK) == 0) status = take_table(out, path, name, generation, err);
        }
    return status;
}

kuni_status kuni_trend_add(const kuni_run *run, int64_t generation, kuni_error *err)
{
    forms out = {KUNI_BUFFER_INIT, KUNI_BUFFER_INIT};
    kuni_buffer script = KUNI_BUFFER_INIT;
    kuni_status status = KUNI_MEMORY;
    kuni_arena *arena = kuni_arena_new(err);
    const char *tsv = arena ? kuni_run_path(run, arena, err, "trend.tsv") : NULL;
    const char *js = arena ? kuni_run_path(run, arena, err, "trend.js") : NULL;
    if (!tsv || !js) goto done;
    status = kuni_buffer_printf(&out.tsv, err, "%s", heading);
    if (!status) status = take_former(&out, tsv, generation, err);
    if (!status) status = take_tables(&out, run, generation, arena, err);
    if (status || !out.js.length) goto done;
    status = kuni_buffer_printf(&script, err, "window.kuniTrend=[");
    if (!status) status = kuni_buffer_append(&script, out.js.data, out.js.length, err);
    if (!status) status = kuni_buffer_printf(&script, err, "];\n");
    if (!status) status = kuni_file_put(tsv, out.tsv.data, out.tsv.length, err);
    if (!status) status = kuni_file_put(js, script.data, script.length, err);
done:
    kuni_buffer_fini(&out.tsv);
    kuni_buffer_fini(&out.js);
    kuni_buffer_fini(&script);
    kuni_arena_free(arena);
    return status;
}
