/* SPDX-License-Identifier: MIT */
#include "dry_tasks.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"

/* --- in this process --- */

/* An empty file, and the folders that lead to it where they are missing. */
static kuni_status leave_file(const char *path, struct stat *st, kuni_error *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (fd < 0 && errno == ENOENT) {
        char *folder = kuni_strdup(path, err);
        if (!folder) return KUNI_MEMORY;
        *strrchr(folder, '/') = '\0';
        kuni_status status = kuni_make_folders(folder, err);
        free(folder);
        if (status) return status;
        fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
    }
    bool fine = fd >= 0 && fstat(fd, st) == 0;
    if (fd >= 0) fine = close(fd) == 0 && fine;
    return fine ? KUNI_OK : kuni_fail_errno(err, "cannot create %s", path);
}

static kuni_status digest_of_nothing(char hex[KUNI_DIGEST_HEX_BYTES], kuni_error *err)
{
    kuni_digest *digest = kuni_digest_new(err);
    if (!digest) return KUNI_MEMORY;
    kuni_digest_finish(digest, hex);
    return KUNI_OK;
}

kuni_status kuni_dry_do(const kuni_run *run, const kuni_work *work, kuni_arena *arena,
                        kuni_job_result *result, kuni_error *err)
{
    size_t n = 0;
    kuni_status status = KUNI_OK;
    *result = (kuni_job_result){.sample = -1};
    for (size_t i = 0; i < work->n_parts; i++) n += run->plan.nodes[work->parts[i].node].n_outputs;
    result->outputs = kuni_alloc(n + 1, sizeof(*result->outputs), err);
    if (!result->outputs) return KUNI_MEMORY;
    for (size_t i = 0; i < work->n_parts && !status; i++) {
        const kuni_work_part *part = &work->parts[i];
        const kuni_node *node = &run->plan.nodes[part->node];
        bool leaves = node->phase == KUNI_PHASE_PREFLIGHT || !run->options->dry->no_files;
        for (size_t o = 0; o < node->n_outputs && !status; o++) {
            kuni_job_output *out = &result->outputs[result->n_outputs++];
            struct stat st;
            *out = (kuni_job_output){.part = i, .output = o, .present = leaves};
            if (!leaves) continue;
            const char *path = kuni_run_output(run, arena, part->node, o, work->shard, work->batch,
                                               kuni_hash_short(&part->key), err);
            status = path ? leave_file(path, &st, err) : KUNI_MEMORY;
            if (!status) status = digest_of_nothing(out->digest, err);
            if (status) break;
            out->mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
        }
    }
    if (status) kuni_job_result_fini(result);
    return status;
}

/* --- in a process of its own --- */

/* Of the rank, before it forks: a step has no context. */
static const kuni_dry_tasks *asked;

static int64_t cpu_us(void)
{
    struct timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (int64_t)used.tv_sec * 1000000 + used.tv_nsec / 1000;
}

static kuni_status run_dry(const kuni_task *task, kuni_error *err)
{
    enum { BLOCK = 1 << 16 };
    static const unsigned char block[BLOCK];
    char hex[KUNI_DIGEST_HEX_BYTES];
    struct stat st;
    kuni_status status = KUNI_OK;
    int64_t until_us = cpu_us() + asked->hash_us;
    kuni_digest *digest = kuni_digest_new(err);
    if (!digest) return KUNI_MEMORY;
    while (asked->hash_us && cpu_us() < until_us) kuni_digest_add(digest, block, sizeof(block));
    kuni_digest_finish(digest, hex);
    kuni_sleep_us(asked->sleep_us);
    for (size_t o = 0; o < task->n_outputs && !status; o++)
        status = leave_file(task->outputs[o].path, &st, err);
    return status;
}

const kuni_step *kuni_dry_step(const kuni_dry_tasks *dry, const kuni_step *like, kuni_arena *arena,
                               kuni_error *err)
{
    kuni_step *step = kuni_arena_alloc(arena, 1, sizeof(*step), err);
    if (!step) return NULL;
    asked = dry;
    *step = (kuni_step){.name = like->name,
                        .scatter = KUNI_SCATTER_BATCH,
                        .run = run_dry,
                        .outputs = like->outputs};
    return step;
}

/* --- what it took --- */

static double own_cpu_s(void)
{
    struct rusage used;
    if (getrusage(RUSAGE_SELF, &used) != 0) return 0;
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

void kuni_dry_begin(const kuni_run *run, size_t done)
{
    kuni_dry_tasks *dry = run->options->dry;
    if (!dry) return;
    dry->figures = (kuni_dry_figures){.start_s = (double)(kuni_now_ms() - dry->began_ms) / 1e3,
                                      .start_cpu_s = own_cpu_s(),
                                      .reused = (int64_t)done,
                                      .ranks = run->size};
}

void kuni_dry_end(const kuni_run *run, size_t done)
{
    kuni_dry_tasks *dry = run->options->dry;
    struct rusage used;
    if (!dry) return;
    kuni_dry_figures *f = &dry->figures;
    f->reads_s = (double)(kuni_now_ms() - dry->began_ms) / 1e3 - f->start_s;
    f->reads_cpu_s = own_cpu_s() - f->start_cpu_s;
    f->tasks = (int64_t)done - f->reused;
    if (getrusage(RUSAGE_SELF, &used) == 0) f->rss_bytes = (int64_t)used.ru_maxrss * 1024;
}
