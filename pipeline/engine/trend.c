/* SPDX-License-Identifier: MIT */
#include "trend.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kuni/json.h"
#include "kuni/lines.h"

enum { GENERATIONS_MOST = 200, FIELDS = 4, DIGITS = 15 };

static const char heading[] = "generation\ttable\tmetric\tvalue\n", ending[] = "summary.tsv";

/* The two files, and how many rows they have. */
typedef struct forms {
    kuni_file *tsv, *script;
    kuni_json rows; /* of the script */
    size_t n;
} forms;

static kuni_status put_row(forms *out, int64_t generation, const char *table, const char *metric,
                           const char *value, kuni_error *err)
{
    double number;
    kuni_json_object(&out->rows, NULL, KUNI_JSON_INLINE);
    kuni_json_int(&out->rows, "generation", generation);
    kuni_json_text(&out->rows, "table", table);
    kuni_json_text(&out->rows, "metric", metric);
    if (kuni_text_double(value, &number))
        kuni_json_double(&out->rows, "value", number, DIGITS);
    else
        kuni_json_null(&out->rows, "value");
    kuni_json_end(&out->rows);
    out->n++;
    return kuni_file_printf(out->tsv, err, "%" PRId64 "\t%s\t%s\t%s\n", generation, table, metric,
                            value);
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

static kuni_status put_all(forms *out, const kuni_run *run, const char *former, int64_t generation,
                           kuni_arena *arena, kuni_error *err)
{
    kuni_status status = kuni_file_printf(out->tsv, err, "%s", heading);
    if (!status) status = kuni_file_printf(out->script, err, "window.kuniTrend=");
    kuni_json_start(&out->rows, out->script, KUNI_JSON_TIGHT, err);
    kuni_json_array(&out->rows, NULL, KUNI_JSON_BREAK_BETWEEN);
    if (!status) status = take_former(out, former, generation, err);
    if (!status) status = take_tables(out, run, generation, arena, err);
    kuni_json_end(&out->rows);
    kuni_status written = kuni_json_finish(&out->rows);
    if (!status) status = written;
    return status ? status : kuni_file_printf(out->script, err, ";\n");
}

kuni_status kuni_trend_add(const kuni_run *run, int64_t generation, kuni_error *err)
{
    forms out = {.n = 0};
    kuni_arena *arena = kuni_arena_new(err);
    const char *tsv = arena ? kuni_run_path(run, arena, err, "trend.tsv") : NULL;
    const char *script = arena ? kuni_run_path(run, arena, err, "trend.js") : NULL;
    kuni_status status = tsv && script ? KUNI_OK : KUNI_MEMORY;
    if (!status) status = kuni_file_create(&out.tsv, tsv, err);
    if (!status) status = kuni_file_create(&out.script, script, err);
    if (!status) status = put_all(&out, run, tsv, generation, arena, err);
    if (!status && out.n) {
        status = kuni_file_commit(out.tsv, err);
        out.tsv = NULL;
    }
    if (!status && out.n) {
        status = kuni_file_commit(out.script, err);
        out.script = NULL;
    }
    kuni_file_discard(out.tsv);
    kuni_file_discard(out.script);
    kuni_arena_free(arena);
    return status;
}
