/* SPDX-License-Identifier: MIT */
#include "old_batches.h"

#include <string.h>

#include "kuni/lines.h"
#include "names.h"

static const char header[] = "batch\tsample_id";

static size_t count_lines(kuni_lines *lines, kuni_status *status, kuni_error *err)
{
    char *line;
    while (!(*status = kuni_lines_next(lines, &line, err)) && line) {
    }
    return (size_t)lines->number;
}

static kuni_status allot(kuni_register *people, const char *path, kuni_arena *arena,
                         kuni_error *err)
{
    kuni_lines lines;
    kuni_status status = kuni_lines_open(&lines, path, err);
    if (status) return status;
    size_t n = count_lines(&lines, &status, err) + 1;
    kuni_lines_close(&lines);
    if (status) return status;
    people->samples = kuni_arena_alloc(arena, n, sizeof(kuni_sample), err);
    people->people = kuni_arena_alloc(arena, n, sizeof(kuni_person), err);
    people->batches = kuni_arena_alloc(arena, n, sizeof(kuni_batch), err);
    return people->samples && people->people && people->batches ? KUNI_OK : KUNI_MEMORY;
}

/* NULL or what is wrong with the row. */
static const char *take_row(kuni_register *people, char *line, kuni_names *ids, kuni_arena *arena,
                            kuni_error *err)
{
    char *fields[KUNI_LINE_FIELDS_MAX], last[32], next[32];
    if (kuni_line_split(line, '\t', fields) != 2 || !*fields[1]) return "expected two columns";
    kuni_register_batch_name(people->n_batches, next);
    kuni_register_batch_name(people->n_batches ? people->n_batches - 1 : 0, last);
    bool opens = strcmp(fields[0], next) == 0;
    if (!opens && (!people->n_batches || strcmp(fields[0], last) != 0)) return "batch out of order";
    if (kuni_names_find(ids, fields[1]) >= 0) return "sample stands twice";
    const char *id = kuni_arena_strndup(arena, fields[1], strlen(fields[1]), err);
    const char *batch = kuni_arena_strndup(arena, fields[0], strlen(fields[0]), err);
    if (!id || !batch || kuni_names_add(ids, id, (uint32_t)people->n, err)) return "out of memory";
    if (opens) people->batches[people->n_batches++] = (kuni_batch){.id = batch, .first = people->n};
    people->batches[people->n_batches - 1].n_samples++;
    people->samples[people->n] =
        (kuni_sample){.id = id, .participant = id, .index_in_cohort = (uint32_t)people->n};
    people->people[people->n++] = (kuni_person){.bytes = -1};
    return NULL;
}

kuni_status kuni_old_batches_read(kuni_register *people, const char *path, kuni_arena *arena,
                                  kuni_error *err)
{
    *people = (kuni_register){.n = 0};
    kuni_names ids = {.table = NULL};
    kuni_lines lines;
    kuni_status status = allot(people, path, arena, err);
    if (!status) status = kuni_lines_open(&lines, path, err);
    if (status) return status == KUNI_DATA ? KUNI_IO : status;
    for (char *line; !(status = kuni_lines_next(&lines, &line, err)) && line;) {
        if (lines.number == 1 && strcmp(line, header) == 0) continue;
        const char *wrong = take_row(people, line, &ids, arena, err);
        if (!wrong) continue;
        status = kuni_fail(err, KUNI_IO,
                           "%s:%lld: damaged list of batches: %s; restore the file or start a new "
                           "dataset",
                           path, (long long)lines.number, wrong);
        break;
    }
    kuni_lines_close(&lines);
    kuni_names_fini(&ids);
    return status;
}
