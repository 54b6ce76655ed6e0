/* SPDX-License-Identifier: MIT */
/*
 * What quality control knows of the people of a release, in whole numbers: finer ones would be a mark that two
 * recipients could join their releases by.
 */
#include "release_tables.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "columns.h"
#include "kuni/file.h"
#include "kuni/lines.h"
#include "names.h"

enum { METRICS = 3, NOT_KNOWN = -1 };

static const char *const metrics[METRICS] = {"mean_autosome_coverage", "pct_autosomes_15x",
                                             "pct_reads_mapped"};

typedef struct known {
    char outcome[16];
    int64_t values[METRICS]; /* rounded; NOT_KNOWN */
} known;

typedef struct quality {
    known *people; /* as the selection */
    size_t n;
} quality;

static int find_column(char *const *fields, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(fields[i] + (fields[i][0] == '#'), name) == 0) return (int)i;
    return -1;
}

static void take(known *who, char *const *fields, int outcome, const int columns[METRICS])
{
    double value;
    if (outcome >= 0) (void)snprintf(who->outcome, sizeof(who->outcome), "%.15s", fields[outcome]);
    for (int m = 0; m < METRICS; m++)
        if (columns[m] >= 0 && kuni_text_double(fields[columns[m]], &value) && value >= 0 &&
            value < 1e9)
            who->values[m] = (int64_t)floor(value + 0.5);
}

static kuni_status read_table(quality *q, const kuni_names *names, const char *path,
                              kuni_error *err)
{
    char *line, *fields[KUNI_LINE_FIELDS_MAX];
    int columns[METRICS] = {-1, -1, -1}, id = -1, outcome = -1;
    size_t width = 0;
    kuni_lines lines;
    kuni_status status = kuni_lines_open(&lines, path, err);
    while (!status && !(status = kuni_lines_next(&lines, &line, err)) && line) {
        size_t n = kuni_line_split(line, '\t', fields);
        if (!width) {
            width = n;
            id = find_column(fields, n, "sample_id");
            outcome = find_column(fields, n, "outcome");
            for (int m = 0; m < METRICS; m++) columns[m] = find_column(fields, n, metrics[m]);
            if (id < 0) break;
            continue;
        }
        int64_t who = n == width ? kuni_names_find(names, fields[id]) : -1;
        if (who >= 0) take(&q->people[who], fields, outcome, columns);
    }
    kuni_lines_close(&lines);
    return status;
}

/* Without a stage of quality control nothing is known. */
static kuni_status read_quality(quality *q, const kuni_selection *s, kuni_error *err)
{
    kuni_names names = {.table = NULL};
    q->n = s->n;
    q->people = kuni_alloc(s->n + 1, sizeof(*q->people), err);
    char *path = kuni_path_join(s->folder, "current/qc/sample_qc.tsv", err);
    kuni_status status = q->people && path ? KUNI_OK : KUNI_MEMORY;
    for (size_t i = 0; i < s->n && !status; i++) {
        q->people[i] = (known){.outcome = ".", .values = {NOT_KNOWN, NOT_KNOWN, NOT_KNOWN}};
        status = kuni_names_add(&names, s->people[i].id, (uint32_t)i, err);
    }
    FILE *there = status ? NULL : fopen(path, "rb");
    if (there) {
        (void)fclose(there);
        status = read_table(q, &names, path, err);
    }
    kuni_names_fini(&names);
    free(path);
    return status;
}

static kuni_status put_value(kuni_buffer *text, int64_t value, kuni_error *err)
{
    return value == NOT_KNOWN ? kuni_buffer_printf(text, err, "\t.")
                              : kuni_buffer_printf(text, err, "\t%lld", (long long)value);
}

/* In the order of the columns of the calls. */
static kuni_status put_people(const quality *q, const kuni_selection *s, kuni_buffer *text,
                              kuni_error *err)
{
    size_t *by_column = kuni_alloc(s->n + 1, sizeof(*by_column), err);
    if (!by_column) return KUNI_MEMORY;
    for (size_t i = 0; i < s->n; i++) by_column[s->people[i].column] = i;
    kuni_status status = KUNI_OK;
    for (size_t c = 0; c < s->n && !status; c++) {
        const kuni_released *who = &s->people[by_column[c]];
        const known *k = &q->people[by_column[c]];
        status = kuni_buffer_printf(text, err, "%s\t%s\t%s\t%s", who->pseudonym,
                                    kuni_strata_sex((int)who->sex),
                                    who->role == KUNI_ROLE_CASE      ? "case"
                                    : who->role == KUNI_ROLE_CONTROL ? "control"
                                                                     : ".",
                                    k->outcome);
        for (int m = 0; m < METRICS && !status; m++) status = put_value(text, k->values[m], err);
        if (!status) status = kuni_buffer_append(text, "\n", 1, err);
    }
    free(by_column);
    return status;
}

static int compare(const void *left, const void *right)
{
    const int64_t *a = left, *b = right;
    return *a < *b ? -1 : *a > *b;
}

/* Quartiles are told of so many people that each stands for `threshold` of them or more. */
static kuni_status put_distribution(const quality *q, int64_t threshold, kuni_buffer *text,
                                    kuni_error *err)
{
    int64_t *values = kuni_alloc(q->n + 1, sizeof(*values), err);
    kuni_status status = values ? KUNI_OK : KUNI_MEMORY;
    for (int m = 0; m < METRICS && !status; m++) {
        size_t n = 0;
        for (size_t i = 0; i < q->n; i++)
            if (q->people[i].values[m] != NOT_KNOWN) values[n++] = q->people[i].values[m];
        if (!n) continue;
        qsort(values, n, sizeof(*values), compare);
        size_t others = q->n - n;
        if (n < 4 * (size_t)threshold || (others && others < (size_t)threshold))
            status =
                kuni_buffer_printf(text, err, "%s\thidden\thidden\thidden\thidden\n", metrics[m]);
        else
            status =
                kuni_buffer_printf(text, err, "%s\t%zu\t%lld\t%lld\t%lld\n", metrics[m], n,
                                   (long long)values[(n - 1) / 4], (long long)values[(n - 1) / 2],
                                   (long long)values[(n - 1) * 3 / 4]);
    }
    free(values);
    return status;
}

static kuni_status put_file(const char *folder, const kuni_table_kind *kind,
                            const kuni_buffer *text, kuni_error *err)
{
    char *path = kuni_path_join(folder, kind->file, err);
    kuni_status status = path ? kuni_file_put(path, text->data, text->length, err) : KUNI_MEMORY;
    free(path);
    return status;
}

kuni_status kuni_release_write_samples(const kuni_release_plan *plan, const char *folder,
                                       const char *heading, kuni_error *err)
{
    const kuni_request *request = &plan->request;
    bool named = kuni_form_has_genotypes((kuni_release_form)request->form);
    quality q = {.n = 0};
    kuni_buffer text = KUNI_BUFFER_INIT;
    kuni_status status = read_quality(&q, &plan->selection, err);
    if (!status && named) {
        status = kuni_buffer_printf(&text, err, "%s", heading);
        if (!status) status = kuni_table_head(&kuni_table_samples, &text, err);
        if (!status) status = put_people(&q, &plan->selection, &text, err);
        if (!status) status = put_file(folder, &kuni_table_samples, &text, err);
        kuni_buffer_clear(&text);
    }
    if (!status) status = kuni_buffer_printf(&text, err, "%s", heading);
    if (!status) status = kuni_table_head(&kuni_table_distribution, &text, err);
    if (!status) status = put_distribution(&q, request->threshold, &text, err);
    if (!status) status = put_file(folder, &kuni_table_distribution, &text, err);
    kuni_buffer_fini(&text);
    free(q.people);
    return status;
}
