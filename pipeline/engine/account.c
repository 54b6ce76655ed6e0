/* SPDX-License-Identifier: MIT */
#include "account.h"

#include <inttypes.h>
#include <stdlib.h>

static size_t columns(const kuni_account *a)
{
    return a->run->plan.n_batches + 1;
}

kuni_status kuni_account_init(kuni_account *a, const kuni_run *run, kuni_error *err)
{
    *a = (kuni_account){.run = run};
    a->cells = kuni_alloc(run->plan.n_nodes * columns(a), sizeof(kuni_spent), err);
    return a->cells ? KUNI_OK : KUNI_MEMORY;
}

void kuni_account_fini(kuni_account *a)
{
    free(a->cells);
    *a = (kuni_account){.run = NULL};
}

void kuni_account_add(kuni_account *a, const kuni_work *work, const kuni_job_result *result)
{
    double share = work->n_parts ? 1.0 / (double)work->n_parts : 1;
    size_t column = work->batch >= 0 ? (size_t)work->batch : columns(a) - 1;
    if (!a->cells) return;
    for (size_t i = 0; i < work->n_parts; i++) {
        kuni_spent *s = &a->cells[work->parts[i].node * columns(a) + column];
        s->tasks += result->status == KUNI_OK;
        s->failed += result->status != KUNI_OK;
        s->cpu_s += share * result->cpu_s;
        s->wall_s += share * result->wall_s;
        s->read_bytes += share * (double)result->read_bytes;
        s->written_bytes += share * (double)result->written_bytes;
        for (size_t o = 0; o < result->n_outputs; o++)
            if (result->outputs[o].part == i && result->outputs[o].present)
                s->kept_bytes += (double)result->outputs[o].bytes;
    }
}

static void add(kuni_spent *sum, const kuni_spent *one)
{
    sum->tasks += one->tasks;
    sum->failed += one->failed;
    sum->cpu_s += one->cpu_s;
    sum->wall_s += one->wall_s;
    sum->read_bytes += one->read_bytes;
    sum->written_bytes += one->written_bytes;
    sum->kept_bytes += one->kept_bytes;
}

kuni_spent kuni_account_step(const kuni_account *a, size_t node)
{
    kuni_spent sum = {.tasks = 0};
    for (size_t b = 0; b < columns(a); b++) add(&sum, &a->cells[node * columns(a) + b]);
    return sum;
}

kuni_spent kuni_account_all(const kuni_account *a)
{
    kuni_spent sum = {.tasks = 0};
    for (size_t i = 0; i < a->run->plan.n_nodes * columns(a); i++) add(&sum, &a->cells[i]);
    return sum;
}

json_t *kuni_account_steps(const kuni_account *a)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < a->run->plan.n_nodes; i++) {
        kuni_spent s = kuni_account_step(a, i);
        if (!s.tasks && !s.failed) continue;
        if (json_array_append_new(
                list,
                json_pack("{ss sI sI sf sf sI sI sI}", "step", a->run->plan.nodes[i].folder,
                          "tasks", (json_int_t)s.tasks, "failed", (json_int_t)s.failed,
                          "core_hours", s.cpu_s / 3600, "wall_hours", s.wall_s / 3600, "read_bytes",
                          (json_int_t)s.read_bytes, "written_bytes", (json_int_t)s.written_bytes,
                          "kept_bytes", (json_int_t)s.kept_bytes))) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

kuni_status kuni_account_write(const kuni_account *a, kuni_error *err)
{
    kuni_file *file;
    kuni_spent all = kuni_account_all(a);
    if (!all.tasks && !all.failed) return KUNI_OK; /* the table of the run before stays */
    char *path = kuni_path_join(a->run->folder, "accounting.tsv", err);
    kuni_status status = path ? kuni_file_create(&file, path, err) : KUNI_MEMORY;
    free(path);
    if (status) return status;
    status = kuni_file_printf(file, err,
                              "step\tbatch\ttasks\tfailed\tcpu_s\twall_s\tread_bytes\t"
                              "written_bytes\tkept_bytes\n");
    for (size_t i = 0; i < a->run->plan.n_nodes; i++)
        for (size_t b = 0; b < columns(a) && !status; b++) {
            const kuni_spent *s = &a->cells[i * columns(a) + b];
            if (!s->tasks && !s->failed) continue;
            status = kuni_file_printf(
                file, err, "%s\t%s\t%" PRId64 "\t%" PRId64 "\t%.3f\t%.3f\t%.0f\t%.0f\t%.0f\n",
                a->run->plan.nodes[i].folder,
                b + 1 < columns(a) ? a->run->cohort.batches[b].id : "all", s->tasks, s->failed,
                s->cpu_s, s->wall_s, s->read_bytes, s->written_bytes, s->kept_bytes);
        }
    if (!status) return kuni_file_commit(file, err);
    kuni_file_discard(file);
    return status;
}
