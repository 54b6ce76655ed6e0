/* SPDX-License-Identifier: MIT */
/* kuni bench-engine: what the engine costs, on tasks without stages. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "command.h"
#include "complain.h"
#include "dry_tasks.h"
#include "engine.h"

typedef struct request {
    kuni_run_options run;
    kuni_dry_tasks dry;
    int64_t tasks, sleep_ms, hash_ms;
    bool json, no_files;
    const char *folder;
    char *workflow;
} request;

/* Of what stands for a contig of so many shards: a task is one of them and a person. */
enum { SHARD_BP = 1000, SHARDS_MOST = 1000, LINE_BP = 100, PEOPLE_A_FOLDER = 1000 };
enum { LOCK_WAIT_MS = 15000 };

static const kuni_option options[] = {
    {"tasks", 0, "N", "10000", "tasks: up to 1,000 shards of as many people as that takes",
     KUNI_BIND_INT(request, tasks, 1, 1000000000)},
    {"sleep", 0, "MS", "0", "each sleeps for so many milliseconds",
     KUNI_BIND_INT(request, sleep_ms, 0, 3600000)},
    {"hash", 0, "MS", "0", "each computes for so many milliseconds of CPU time, in a process",
     KUNI_BIND_INT(request, hash_ms, 0, 3600000)},
    {"processes", 0, NULL, NULL, "each in a process of its own, as the tasks of stages",
     KUNI_BIND_FLAG(request, dry.processes)},
    {"no-files", 0, NULL, NULL, "tasks leave no file: nothing but messages and the journal",
     KUNI_BIND_FLAG(request, no_files)},
    {"jobs", 'j', "N", "1", "tasks at once per process", KUNI_BIND_INT(request, run.jobs, 1, 1024)},
    {"json", 0, NULL, NULL, "print JSON", KUNI_BIND_FLAG(request, json)},
    KUNI_OPTIONS_END,
};

static void set_defaults(void *given)
{
    request *r = given;
    r->run.jobs = 1;
    r->tasks = 10000;
}

/* --- what is run --- */

static int64_t shards_of(const request *r)
{
    return r->tasks < SHARDS_MOST ? r->tasks : SHARDS_MOST;
}

static int64_t people_of(const request *r)
{
    return (r->tasks + shards_of(r) - 1) / shards_of(r);
}

static kuni_status path_of(const request *r, const char *name, char **path, kuni_error *err)
{
    *path = kuni_path_join(r->folder, name, err);
    return *path ? KUNI_OK : KUNI_MEMORY;
}

static kuni_status put(const request *r, const char *name, kuni_buffer *text, kuni_error *err)
{
    char *path;
    kuni_status status = path_of(r, name, &path, err);
    if (!status) status = kuni_file_put(path, text->data, text->length, err);
    free(path);
    kuni_buffer_fini(text);
    return status;
}

static kuni_status make_reference(const request *r, kuni_error *err)
{
    kuni_buffer text = KUNI_BUFFER_INIT;
    char line[LINE_BP + 2];
    for (int i = 0; i < LINE_BP; i++) line[i] = "ACGGTCATTG"[i * 7 % 10];
    memcpy(line + LINE_BP, "\n", 2);
    kuni_status status = kuni_buffer_printf(&text, err, ">chr1\n");
    for (int64_t i = 0; i < shards_of(r) * SHARD_BP / LINE_BP && !status; i++)
        status = kuni_buffer_append(&text, line, LINE_BP + 1, err);
    if (!status) return put(r, "reference.fa", &text, err);
    kuni_buffer_fini(&text);
    return status;
}

/* Nobody's reads, which no task opens: so that there are files to be looked at. */
static kuni_status make_people(const request *r, kuni_error *err)
{
    kuni_buffer table = KUNI_BUFFER_INIT;
    kuni_status status = kuni_buffer_printf(&table, err, "participant_id\tsample_id\treads\tsex\n");
    for (int64_t i = 0; i < people_of(r) && !status; i++) {
        char name[64];
        char *path = NULL;
        (void)snprintf(name, sizeof(name), "reads/%" PRId64, i / PEOPLE_A_FOLDER);
        if (i % PEOPLE_A_FOLDER == 0) status = path_of(r, name, &path, err);
        if (!status && path) status = kuni_make_folders(path, err);
        free(path);
        path = NULL;
        (void)snprintf(name, sizeof(name), "reads/%" PRId64 "/D%07" PRId64 ".bam",
                       i / PEOPLE_A_FOLDER, i);
        if (!status) status = path_of(r, name, &path, err);
        FILE *file = status ? NULL : fopen(path, "we");
        if (!status && (!file || fprintf(file, "of D%07" PRId64 "\n", i) < 0))
            status = kuni_fail_errno(err, "cannot write %s", path);
        if (file && fclose(file) != 0 && !status)
            status = kuni_fail_errno(err, "cannot write %s", path);
        free(path);
        if (!status)
            status = kuni_buffer_printf(&table, err, "P%07" PRId64 "\tD%07" PRId64 "\t%s\tfemale\n",
                                        i, i, name);
    }
    if (!status) return put(r, "manifest.tsv", &table, err);
    kuni_buffer_fini(&table);
    return status;
}

static kuni_status make_workflow(const request *r, kuni_buffer *text, kuni_error *err)
{
    return kuni_buffer_printf(text, err,
                              "# kuni bench-engine: %" PRId64 " shards, %" PRId64 " people\n"
                              "version: 1\nname: bench-engine\nreference: reference.fa\n"
                              "cohort: manifest.tsv\ndataset: dataset\nbatch: 1\n"
                              "regions: {shard: 1kb, ploidy: diploid}\n"
                              "stages:\n  - {id: call, uses: call-variants}\n",
                              shards_of(r), people_of(r));
}

/* The folder with all that a run reads; one that is there already is gone on with. */
static kuni_status prepare(void *context, kuni_error *err)
{
    const request *r = context;
    kuni_buffer text = KUNI_BUFFER_INIT, there = KUNI_BUFFER_INIT;
    kuni_status status = make_workflow(r, &text, err);
    if (!status && access(r->workflow, F_OK) == 0) {
        status = kuni_file_get(r->workflow, 1 << 20, &there, err);
        if (!status &&
            (there.length != text.length || memcmp(there.data, text.data, text.length) != 0))
            status = kuni_fail(err, KUNI_USAGE,
                               "%s holds something else than a bench of %" PRId64
                               " tasks: name another folder",
                               r->folder, r->tasks);
    } else if (!status) {
        status = kuni_make_folders(r->folder, err);
        if (!status) status = make_reference(r, err);
        if (!status) status = make_people(r, err);
        if (!status) status = put(r, "workflow.yaml", &text, err);
    }
    kuni_buffer_fini(&text);
    kuni_buffer_fini(&there);
    return status;
}

/* --- what it took --- */

static void print(const request *r)
{
    const kuni_dry_figures *f = &r->dry.figures;
    double n = f->tasks ? (double)f->tasks : 1;
    double us = f->reads_s / n * 1e6, cpu_us = f->reads_cpu_s / n * 1e6;
    double share = f->reads_s > 0 ? f->reads_cpu_s / f->reads_s : 0;
    double whole_s = (double)(kuni_now_ms() - r->dry.began_ms) / 1e3;
    if (r->json) {
        printf("{\"ranks\": %d, \"jobs\": %" PRId64 ", \"tasks\": %" PRId64
               ", \"from_before\": %" PRId64 ", \"start_s\": %.3f, \"reads_s\": %.3f, "
               "\"whole_s\": %.3f, \"us_a_task\": %.2f, \"start_cpu_s\": %.3f, "
               "\"rank_0_cpu_us_a_task\": %.2f, \"rank_0_cores\": %.5f, \"rank_0_mib\": %.1f}\n",
               f->ranks, r->run.jobs, f->tasks, f->reused, f->start_s, f->reads_s, whole_s, us,
               f->start_cpu_s, cpu_us, share, (double)f->rss_bytes / 1048576);
        return;
    }
    printf("ranks      %d, %" PRId64 " tasks at once each\n", f->ranks, r->run.jobs);
    printf("tasks      %" PRId64 ", and %" PRId64 " from earlier runs\n", f->tasks, f->reused);
    printf("start      %.3f s, %.3f CPU s of rank 0\n", f->start_s, f->start_cpu_s);
    printf("tasks took %.3f s: %.2f us each, of rank 0 %.2f us of CPU time\n", f->reads_s, us,
           cpu_us);
    printf("rank 0     %.2f %% of a core, %.1f MiB at most\n", 100 * share,
           (double)f->rss_bytes / 1048576);
    printf("whole      %.3f s\n", whole_s);
}

static int run(const kuni_call *call)
{
    request *r = call->options;
    kuni_buffer faults = KUNI_BUFFER_INIT;
    kuni_error err = KUNI_ERROR_INIT;
    bool leads = true;
    r->folder = call->words[0];
    r->workflow = kuni_path_join(r->folder, "workflow.yaml", &err);
    if (!r->workflow) return kuni_command_fail(&err);
    r->dry.sleep_us = r->sleep_ms * 1000;
    r->dry.hash_us = r->hash_ms * 1000;
    r->dry.processes = r->dry.processes || r->hash_ms;
    r->dry.no_files = r->no_files && !r->dry.processes;
    r->dry.prepare = prepare;
    r->dry.context = r;
    r->dry.began_ms = kuni_now_ms();
    r->run.dry = &r->dry;
    r->run.workflow = r->workflow;
    r->run.until = "call";
    r->run.quiet = true;
    r->run.lock_wait_ms = LOCK_WAIT_MS;
    kuni_status status = kuni_engine_run(&r->run, &leads, &faults, &err);
    if (leads) {
        bool told = faults.length > 0;
        kuni_command_print_faults(&faults);
        if (status && !told) (void)kuni_command_fail(&err);
        if (!status) print(r);
    }
    kuni_buffer_fini(&faults);
    free(r->workflow);
    return leads ? status : KUNI_OK;
}

const kuni_command kuni_cmd_bench_engine = {
    .group = "Run",
    .name = "bench-engine",
    .summary = "measure the engine on tasks that do nothing",
    .about =
        "Run tasks that sleep or compute in place of stages, by the coordinator, the workers, the\n"
        "journal and the seals of any run, and tell what rank 0 took. FOLDER is made, and stays; "
        "the\n"
        "same command goes on with what an interrupted one has done.",
    .usage =
        "kuni bench-engine [OPTIONS] FOLDER\nmpirun -n RANKS kuni bench-engine [OPTIONS] FOLDER",
    .example = "kuni bench-engine --tasks 1000 /tmp/bench-engine",
    .options = options,
    .options_bytes = sizeof(request),
    .defaults = set_defaults,
    .least_words = 1,
    .most_words = 1,
    .words = KUNI_COMPLETES_FOLDER,
    .run = run,
};
