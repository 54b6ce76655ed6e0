/* SPDX-License-Identifier: MIT */
#include "cohort.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "manifest.h"

static const char batches_header[] = "batch\tsample_id";

/* The dataset's samples: its batches in order. */
typedef struct known {
    const char **ids;
    size_t n, capacity;
    kuni_names by_id;
    kuni_batch *batches;
    size_t n_batches, batches_capacity;
} known;

static void known_fini(known *k)
{
    free(k->ids);
    free(k->batches);
    kuni_names_fini(&k->by_id);
}

static kuni_status add_known(known *k, const char *batch, const char *id, kuni_arena *arena,
                             kuni_error *err)
{
    void *ids = k->ids, *batches = k->batches;
    if (kuni_grow(&ids, &k->capacity, k->n + 1, sizeof(char *), err)) return KUNI_MEMORY;
    k->ids = ids;
    if (!(k->ids[k->n] = kuni_arena_strndup(arena, id, strlen(id), err))) return KUNI_MEMORY;
    if (kuni_names_add(&k->by_id, k->ids[k->n], (uint32_t)k->n, err)) return KUNI_MEMORY;
    if (!k->n_batches || strcmp(k->batches[k->n_batches - 1].id, batch) != 0) {
        if (kuni_grow(&batches, &k->batches_capacity, k->n_batches + 1, sizeof(kuni_batch), err))
            return KUNI_MEMORY;
        k->batches = batches;
        const char *name = kuni_arena_strndup(arena, batch, strlen(batch), err);
        if (!name) return KUNI_MEMORY;
        k->batches[k->n_batches++] = (kuni_batch){.id = name, .first = k->n};
    }
    k->batches[k->n_batches - 1].n_samples++;
    k->n++;
    return KUNI_OK;
}

/* Batches are numbered as they come: b0000, b0001, ... */
static void batch_name(size_t number, char room[32])
{
    snprintf(room, 32, "b%04zu", number);
}

/*
 * The list of batches is kuni's own file: what is wrong with it is damage, not a slip, and the
 * first one is told.
 */
static kuni_status read_known(known *k, const char *path, kuni_arena *arena, kuni_error *err)
{
    if (!path || (access(path, F_OK) != 0 && errno == ENOENT)) return KUNI_OK;
    kuni_faults unreadable;
    kuni_lines lines;
    kuni_status status = kuni_faults_init(&unreadable, path, err);
    if (status) return status;
    if ((status = kuni_lines_open(&lines, path, err))) goto fail;
    for (char *line;;) {
        if ((status = kuni_table_next(&lines, false, &line, &unreadable, err))) goto fail;
        if (!line) break;
        if (lines.number == 1 && strcmp(line, batches_header) == 0) continue;
        char *fields[KUNI_LINE_FIELDS_MAX], name[32], next[32];
        size_t n = kuni_line_split(line, '\t', fields);
        batch_name(k->n_batches ? k->n_batches - 1 : 0, name);
        batch_name(k->n_batches, next);
        const char *wrong = n != 2                     ? "expected two columns"
                            : kuni_id_fault(fields[1]) ? "no sample id"
                            : strcmp(fields[0], name) != 0 && strcmp(fields[0], next) != 0
                                ? "batch out of order"
                            : kuni_names_find(&k->by_id, fields[1]) >= 0 ? "sample stands twice"
                                                                         : NULL;
        if (wrong) {
            status =
                kuni_fail(err, KUNI_DATA,
                          "%s:%lld: damaged list of batches: %s; restore the file or start a new "
                          "dataset",
                          path, (long long)lines.number, wrong);
            goto fail;
        }
        if ((status = add_known(k, fields[0], fields[1], arena, err))) goto fail;
    }
    if (!kuni_faults_none(&unreadable))
        status = kuni_fail(err, KUNI_DATA,
                           "%s: damaged list of batches: no text; restore the file or "
                           "start a new dataset",
                           path);
fail:
    kuni_lines_close(&lines);
    kuni_faults_fini(&unreadable);
    return status;
}

/* Lays out samples: the dataset's first, then the rows that are new, in batches of their own. */
static kuni_status lay_out(kuni_cohort *cohort, const known *k, const kuni_manifest *manifest,
                           size_t batch_size, kuni_error *err)
{
    size_t n_new = 0;
    for (size_t i = 0; i < manifest->n; i++)
        if (kuni_names_find(&k->by_id, manifest->rows[i].id) < 0) n_new++;
    size_t n = k->n + n_new, n_new_batches = (n_new + batch_size - 1) / batch_size;
    cohort->samples = kuni_arena_alloc(cohort->arena, n, sizeof(kuni_sample), err);
    cohort->lines = kuni_arena_alloc(cohort->arena, n, sizeof(uint32_t), err);
    cohort->batches =
        kuni_arena_alloc(cohort->arena, k->n_batches + n_new_batches, sizeof(kuni_batch), err);
    if (!cohort->samples || !cohort->lines || !cohort->batches) return KUNI_MEMORY;

    for (size_t i = 0; i < k->n; i++)
        cohort->samples[i] = (kuni_sample){.id = k->ids[i], .participant = k->ids[i]};
    size_t next = k->n;
    for (size_t i = 0; i < manifest->n; i++) {
        int64_t old = kuni_names_find(&k->by_id, manifest->rows[i].id);
        size_t at = old >= 0 ? (size_t)old : next++;
        cohort->samples[at] = manifest->rows[i];
        cohort->lines[at] = manifest->lines[i];
    }
    cohort->n_samples = n;
    cohort->n_new = n_new;
    for (size_t i = 0; i < n; i++) {
        cohort->samples[i].index_in_cohort = (uint32_t)i;
        if (!cohort->samples[i].reads) cohort->n_withdrawn++;
    }

    for (size_t i = 0; i < k->n_batches; i++) cohort->batches[i] = k->batches[i];
    cohort->n_batches = k->n_batches + n_new_batches;
    for (size_t i = 0; i < n_new_batches; i++) {
        char name[32];
        batch_name(k->n_batches + i, name);
        size_t first = k->n + i * batch_size;
        cohort->batches[k->n_batches + i] = (kuni_batch){
            .id = kuni_arena_strndup(cohort->arena, name, strlen(name), err),
            .first = first,
            .n_samples = n - first < batch_size ? n - first : batch_size,
        };
        if (!cohort->batches[k->n_batches + i].id) return KUNI_MEMORY;
    }
    return KUNI_OK;
}

kuni_status kuni_cohort_read(kuni_cohort *cohort, const char *manifest, const char *ped,
                             const char *batches_tsv, size_t batch_size, kuni_buffer *faults,
                             kuni_error *err)
{
    *cohort = (kuni_cohort){.notes = ""};
    kuni_faults in_manifest = {.err = KUNI_ERROR_INIT}, in_ped = {.err = KUNI_ERROR_INIT};
    kuni_manifest rows = {.n = 0};
    known k = {.n = 0};
    kuni_error fault = KUNI_ERROR_INIT;
    kuni_status status = KUNI_MEMORY;
    if (batch_size == 0) return kuni_fail(err, KUNI_USAGE, "batch: expected at least one sample");
    if (!(cohort->arena = kuni_arena_new(err))) goto fail;
    if ((status = kuni_faults_init(&in_manifest, manifest, err))) goto fail;
    if ((status = kuni_faults_init(&in_ped, ped ? ped : "", err))) goto fail;
    if ((status = kuni_manifest_read(&rows, manifest, cohort->arena, &in_manifest, err))) goto fail;
    if (ped && (status = kuni_pedigree_read(&rows, ped, &in_ped, err))) goto fail;
    status = kuni_faults_report(&in_manifest, KUNI_DATA, faults, &fault);
    kuni_status ped_status = kuni_faults_report(&in_ped, KUNI_DATA, faults, &fault);
    if (status || ped_status) {
        status = kuni_fail(err, fault.status, "%s", fault.text);
        goto fail;
    }
    if ((status = read_known(&k, batches_tsv, cohort->arena, err))) goto fail;
    if ((status = lay_out(cohort, &k, &rows, batch_size, err))) goto fail;
    if (rows.notes.length) {
        cohort->notes = kuni_arena_strndup(cohort->arena, rows.notes.data, rows.notes.length, err);
        if (!cohort->notes) status = KUNI_MEMORY;
    }
fail:
    known_fini(&k);
    kuni_manifest_fini(&rows);
    kuni_faults_fini(&in_manifest);
    kuni_faults_fini(&in_ped);
    if (status) kuni_cohort_fini(cohort);
    return status;
}

kuni_status kuni_cohort_check_files(const kuni_cohort *cohort, const char *manifest,
                                    kuni_buffer *faults, kuni_error *err)
{
    kuni_faults found;
    kuni_status status = kuni_faults_init(&found, manifest, err);
    if (status) return status;
    for (size_t i = 0; i < cohort->n_samples; i++) {
        const kuni_sample *sample = &cohort->samples[i];
        const char *const files[] = {sample->reads, sample->index};
        for (size_t f = 0; f < 2; f++)
            if (files[f] && !strstr(files[f], "://") && access(files[f], R_OK) != 0)
                kuni_faults_add(&found, NULL, cohort->lines[i], 0, "sample '%s': %s %s: %s",
                                sample->id, f ? "index" : "reads", files[f], strerror(errno));
    }
    status = kuni_faults_report(&found, KUNI_DATA, faults, err);
    kuni_faults_fini(&found);
    return status;
}

kuni_status kuni_cohort_write_batches(const kuni_cohort *cohort, const char *batches_tsv,
                                      kuni_error *err)
{
    kuni_file *file;
    kuni_status status = kuni_file_create(&file, batches_tsv, err);
    if (status) return status;
    status = kuni_file_printf(file, err, "%s\n", batches_header);
    for (size_t b = 0; !status && b < cohort->n_batches; b++) {
        const kuni_batch *batch = &cohort->batches[b];
        for (size_t i = 0; !status && i < batch->n_samples; i++)
            status = kuni_file_printf(file, err, "%s\t%s\n", batch->id,
                                      cohort->samples[batch->first + i].id);
    }
    if (!status) return kuni_file_commit(file, err);
    kuni_file_discard(file);
    return status;
}

void kuni_cohort_fini(kuni_cohort *cohort)
{
    kuni_arena_free(cohort->arena);
    *cohort = (kuni_cohort){.notes = ""};
}
