/* SPDX-License-Identifier: MIT */
/*
 * Counts are added up; pileups, whose sites lie in one shard each, follow one another in the order of
 * the shards, as the batch step would put them together. Who lacks data in some shard has none in the
 * sum: the batch step leaves them out in either case.
 */
#include "fold_step.h"

#include <stdlib.h>

#include "partials/partial.h"
#include "partials/pileup.h"

typedef struct person {
    uint64_t *counts; /* NULL outside the block */
    kuni_qc_coded_stacks stacks;
    size_t n_partials; /* in which they have data */
} person;

typedef struct folding {
    const kuni_task *task;
    const kuni_task_file *files;
    size_t n_files, n_counts, n_samples;
    kuni_qc_shape shape; /* as of the first file */
    uint64_t *reference;
    person *people;
    kuni_buffer records;
} folding;

static kuni_status wrong(const char *path, const char *what, kuni_error *err)
{
    return kuni_fail(err, KUNI_DATA, "QC file: %s: %s: remove it and run again", path, what);
}

/* The shape is that of all; it says whether there is a panel. */
static kuni_status look_at_first(folding *f, kuni_error *err)
{
    kuni_qc_file file;
    kuni_status status = kuni_qc_open(&file, f->files[0].path, NULL, err);
    if (status) return status;
    f->shape = file.shape;
    kuni_qc_close(&file);
    if (f->shape.kind == KUNI_QC_PARTIAL && f->shape.n_samples == f->n_samples &&
        f->shape.n_contigs == (uint32_t)kuni_genome_contig_count(f->task->genome))
        return KUNI_OK;
    return wrong(f->files[0].path, "made with another reference or batch", err);
}

static kuni_status add_file(folding *f, const char *path, size_t first, size_t n, kuni_error *err)
{
    kuni_qc_file file;
    kuni_status status = kuni_qc_open(&file, path, &f->shape, err);
    if (status) return status;
    bool sound = first || kuni_qc_decode_add(&file.reference, f->reference, f->n_counts);
    for (size_t i = first; i < first + n && sound && !status; i++) {
        kuni_qc_bytes *record = &file.records[i];
        person *p = &f->people[i];
        if (record->at == record->end) continue;
        p->n_partials++;
        sound = kuni_qc_decode_add(record, p->counts, f->n_counts);
        if (sound && record->at != record->end)
            status = kuni_qc_stacks_append(record, f->shape.n_sites, &p->stacks, err);
    }
    if (!sound) status = wrong(path, "damaged counts", err);
    kuni_qc_close(&file);
    return status;
}

static kuni_status add_person(folding *f, person *p, kuni_error *err)
{
    kuni_buffer content = KUNI_BUFFER_INIT;
    bool whole = p->n_partials == f->n_files;
    kuni_status status = whole ? kuni_qc_encode(&content, p->counts, f->n_counts, err) : KUNI_OK;
    if (whole && !status && f->shape.n_sites)
        status = kuni_qc_coded_stacks_put(&p->stacks, &content, err);
    if (!status) status = kuni_qc_add_record(&f->records, whole ? &content : NULL, err);
    kuni_buffer_fini(&content);
    return status;
}

static void forget_person(person *p)
{
    free(p->counts);
    kuni_buffer_fini(&p->stacks.bytes);
    *p = (person){.counts = NULL};
}

static kuni_status fold_block(folding *f, size_t first, size_t n, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    for (size_t i = first; i < first + n && !status; i++) {
        f->people[i].counts = kuni_alloc(f->n_counts, sizeof(uint64_t), err);
        if (!f->people[i].counts) status = KUNI_MEMORY;
    }
    for (size_t i = 0; i < f->n_files && !status; i++) {
        status = add_file(f, f->files[i].path, first, n, err);
        if (f->task->heartbeat) f->task->heartbeat((int64_t)(first * f->n_files + i + 1));
    }
    for (size_t i = first; i < first + n; i++) {
        if (!status) status = add_person(f, &f->people[i], err);
        forget_person(&f->people[i]);
    }
    return status;
}

/* A site's stacks as they are coded: some five of three bytes at a usual coverage. */
enum { SITE_BYTES = 16 };

kuni_status kuni_qc_fold_run(const kuni_task *task, kuni_error *err)
{
    folding f = {.task = task,
                 .n_counts = kuni_qc_length(kuni_genome_contig_count(task->genome)),
                 .n_samples = task->batches[task->batch].n_samples};
    f.files = kuni_task_inputs(task, "qc-partial", &f.n_files);
    if (!f.n_files) return kuni_fail(err, KUNI_BUG, "no partial of a batch is to be folded");
    kuni_status status = look_at_first(&f, err);
    if (status) return status;
    f.reference = kuni_alloc(f.n_counts, sizeof(*f.reference), err);
    f.people = kuni_alloc(f.n_samples, sizeof(*f.people), err);
    if (!f.reference || !f.people) status = KUNI_MEMORY;
    /* As many people at a time as fit into half of the task's memory; the result does not depend on it. */
    size_t each = f.n_counts * sizeof(uint64_t) + (size_t)f.shape.n_sites * SITE_BYTES;
    size_t n_block = (size_t)(task->memory_bytes / 2) / each;
    if (n_block < 1) n_block = 1;
    for (size_t first = 0; first < f.n_samples && !status; first += n_block) {
        size_t left = f.n_samples - first;
        status = fold_block(&f, first, left < n_block ? left : n_block, err);
    }
    free(f.people);
    if (!status)
        status = kuni_qc_write(kuni_task_output(task, "qc-partial"), &f.shape, f.reference,
                               &f.records, err);
    kuni_buffer_fini(&f.records);
    free(f.reference);
    return status;
}

kuni_status kuni_qc_fold_combine(const kuni_task *task, kuni_error *err)
{
    size_t n;
    const kuni_task_file *files = kuni_task_inputs(task, "qc-partial", &n);
    const char **paths = kuni_alloc(n + 1, sizeof(*paths), err);
    if (!paths) return KUNI_MEMORY;
    for (size_t i = 0; i < n; i++) paths[i] = files[i].path;
    kuni_status status = kuni_qc_put_together(paths, n, task->batches[task->batch].n_samples,
                                              kuni_task_output(task, "qc-partial"), err);
    free(paths);
    return status;
}
