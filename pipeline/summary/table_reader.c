/* SPDX-License-Identifier: MIT */
#include "table_reader.h"

#include <stdlib.h>
#include <string.h>

#include "kuni/file.h"
#include "packed.h"

kuni_status kuni_table_reader_wrong(const kuni_table_reader *r, const char *what, kuni_error *err)
{
    return kuni_fail(err, KUNI_DATA, "%s:%lld: %s", r->path, (long long)r->lines.number, what);
}

static kuni_status take_heading(kuni_table_reader *r, const char *line, kuni_error *err)
{
    const char **texts[] = {&r->reference, &r->definitions, &r->features, &r->contigs};
    static const char *const keys[] = {
        "##reference=", "##definitions=", "##features=", "##contigs="};
    static const char threshold[] = "##threshold=";
    if (strncmp(line, threshold, strlen(threshold)) == 0 &&
        !kuni_text_int(line + strlen(threshold), 1, INT64_MAX, &r->threshold))
        return kuni_table_reader_wrong(r, "the threshold is no number", err);
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        size_t n = strlen(keys[i]);
        if (strncmp(line, keys[i], n) != 0) continue;
        *texts[i] = kuni_arena_strndup(r->arena, line + n, strlen(line + n), err);
        if (!*texts[i]) return KUNI_MEMORY;
    }
    return KUNI_OK;
}

static bool is_head(char *line, const kuni_table_kind *kind, size_t *n_columns)
{
    char *fields[KUNI_LINE_FIELDS_MAX];
    size_t n = kuni_line_split(line + 1, '\t', fields), i = 0;
    for (; kind->columns[i].name; i++)
        if (i >= n || strcmp(kind->columns[i].name, fields[i]) != 0) return false;
    *n_columns = n;
    return i == n;
}

static kuni_status read_head(kuni_table_reader *r, const kuni_table_kind *kind, kuni_error *err)
{
    char *line;
    kuni_status status = kuni_lines_next(&r->lines, &line, err);
    while (!status && line && strncmp(line, "##", 2) == 0) {
        status = take_heading(r, line, err);
        if (!status) status = kuni_lines_next(&r->lines, &line, err);
    }
    if (status) return status;
    if (!line || *line != '#' || !is_head(line, kind, &r->n_columns) || !r->reference ||
        !r->definitions || !r->threshold)
        return kuni_table_reader_wrong(
            r, "no table of a release, or of another version of kuni: make it again", err);
    return KUNI_OK;
}

kuni_status kuni_table_reader_open(kuni_table_reader *r, const char *folder,
                                   const kuni_table_kind *kind, kuni_error *err)
{
    *r = (kuni_table_reader){.arena = kuni_arena_new(err)};
    r->path = r->arena ? kuni_path_join(folder, kind->file, err) : NULL;
    kuni_status status = r->path ? kuni_lines_open(&r->lines, r->path, err) : KUNI_MEMORY;
    return status ? status : read_head(r, kind, err);
}

void kuni_table_reader_close(kuni_table_reader *r)
{
    kuni_lines_close(&r->lines);
    kuni_arena_free(r->arena);
    free(r->path);
    *r = (kuni_table_reader){.path = NULL};
}

kuni_status kuni_table_reader_next(kuni_table_reader *r, char *fields[KUNI_LINE_FIELDS_MAX],
                                   bool *got, kuni_error *err)
{
    char *line;
    *got = false;
    kuni_status status = kuni_lines_next(&r->lines, &line, err);
    if (status || !line) return status;
    if (kuni_line_split(line, '\t', fields) != r->n_columns)
        return kuni_table_reader_wrong(r, "a row of fewer or more columns than the head", err);
    *got = true;
    return KUNI_OK;
}

static const char hidden[] = "hidden", unseen[] = "not_assessed";

bool kuni_told_parse(kuni_told *told, const char *text)
{
    *told = (kuni_told){.hidden = strcmp(text, hidden) == 0, .unseen = strcmp(text, unseen) == 0};
    return told->hidden || told->unseen || kuni_text_int(text, 0, INT64_MAX / 2, &told->count);
}

kuni_status kuni_told_put(const kuni_told *told, kuni_buffer *text, kuni_error *err)
{
    const char *word = told->unseen ? unseen : told->hidden ? hidden : NULL;
    kuni_status status = kuni_buffer_append(text, "\t", 1, err);
    if (status) return status;
    return word ? kuni_buffer_append(text, word, strlen(word), err)
                : kuni_packed_int(text, told->count, err);
}
