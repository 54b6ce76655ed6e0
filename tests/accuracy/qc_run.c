/* SPDX-License-Identifier: MIT */
/*
 * Runs the steps of alignment-qc without the engine, one after the other in this process: for tests
 * and benches that want QC alone.
 *
 *   qc_run REFERENCE OUT SHARD_BP PLOIDY CONTIG[:BEG-END] [NAME=VALUE ...] --
 *          ID[/male|/female]=READS ...
 *
 * CONTIG may be "all". The published files are written to OUT by their base names. BATCH=n sets the
 * batch size.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../fixtures/step_named.h"
#include "kuni/file.h"
#include "kuni/reads.h"
#include "partials/settings.h"
#include "reads_pass.h"

extern const kuni_stage kuni_stage_alignment_qc;

enum { MOST = 4096 };

typedef struct run {
    kuni_genome *genome;
    kuni_ploidy *ploidy;
    kuni_params *params;
    kuni_sample samples[MOST];
    int32_t columns[MOST];
    size_t n_samples, n_batches, n_shards;
    kuni_batch batches[MOST];
    kuni_span shards[MOST];
    const char *out;
    kuni_task_file files[3][MOST * 4];
    size_t n_files[3];
    char scratch[4096];
} run;

static kuni_error err = KUNI_ERROR_INIT;

static void check(kuni_status status)
{
    if (status == KUNI_OK) return;
    (void)fprintf(stderr, "qc_run: %s\n", err.text);
    exit((int)status);
}

static kuni_status bad_sample(void *context, int64_t sample, const kuni_error *why, kuni_error *e)
{
    const run *now = context;
    (void)fprintf(stderr, "qc_run: dropped %s: %s\n", now->samples[sample].id, why->text);
    (void)e;
    return KUNI_OK;
}

static kuni_task task_of(run *now, int64_t shard, int64_t batch, const kuni_task_file *inputs,
                         size_t n_inputs, const kuni_task_file *outputs, size_t n_outputs)
{
    return (kuni_task){.stage_id = "qc",
                       .genome = now->genome,
                       .ploidy = now->ploidy,
                       .params = now->params,
                       .samples = now->samples,
                       .n_samples = now->n_samples,
                       .columns = now->columns,
                       .batches = now->batches,
                       .n_batches = now->n_batches,
                       .shards = now->shards,
                       .n_shards = now->n_shards,
                       .shard = shard,
                       .batch = batch,
                       .inputs = inputs,
                       .n_inputs = n_inputs,
                       .outputs = outputs,
                       .n_outputs = n_outputs,
                       .scratch = now->out,
                       .memory_bytes = (int64_t)1 << 30};
}

static const char *place(run *now, const char *name, const char *kind, int64_t shard, int64_t batch)
{
    char *text = NULL;
    int n = name ? asprintf(&text, "%s/%s", now->out, name)
                 : asprintf(&text, "%s/%s.%lld.%lld", now->out, kind, (long long)shard,
                            (long long)batch);
    if (n < 0) abort();
    return text;
}

static void add_file(run *now, int level, const char *kind, int64_t shard, int64_t batch)
{
    now->files[level][now->n_files[level]++] = (kuni_task_file){
        .kind = kind, .path = place(now, NULL, kind, shard, batch), .shard = shard, .batch = batch};
}

static void run_steps(run *now)
{
    const kuni_stage *stage = &kuni_stage_alignment_qc;
    for (size_t shard = 0; shard < now->n_shards; shard++)
        for (size_t batch = 0; batch < now->n_batches; batch++) {
            add_file(now, 0, "qc-partial", (int64_t)shard, (int64_t)batch);
            kuni_task task = task_of(now, (int64_t)shard, (int64_t)batch, NULL, 0,
                                     &now->files[0][now->n_files[0] - 1], 1);
            kuni_reads_pass_part part = {.step = step_named(stage, "reads"), .task = &task};
            kuni_reads_pass pass = {
                .parts = &part, .n_parts = 1, .bad = bad_sample, .context = now};
            check(kuni_reads_pass_run(&pass, &err));
        }
    for (size_t batch = 0; batch < now->n_batches; batch++) {
        kuni_task_file inputs[MOST];
        size_t n = 0;
        for (size_t i = 0; i < now->n_files[0]; i++)
            if (now->files[0][i].batch == (int64_t)batch) inputs[n++] = now->files[0][i];
        add_file(now, 1, "qc-batch", -1, (int64_t)batch);
        const kuni_task_file outputs[] = {
            now->files[1][now->n_files[1] - 1],
            {.kind = "karyotypes",
             .path = place(now, NULL, "karyotypes", -1, (int64_t)batch),
             .shard = -1,
             .batch = (int64_t)batch}};
        kuni_task task = task_of(now, -1, (int64_t)batch, inputs, n, outputs, 2);
        check(step_named(stage, "batch")->run(&task, &err));
    }
    const kuni_port *ports = step_named(stage, "cohort")->outputs;
    for (size_t i = 0; ports[i].kind; i++) {
        const char *name = ports[i].publish;
        const char *slash = name ? strrchr(name, '/') : NULL;
        now->files[2][now->n_files[2]++] =
            (kuni_task_file){.kind = ports[i].kind,
                             .path = place(now, slash ? slash + 1 : name, ports[i].kind, -1, -1),
                             .shard = -1,
                             .batch = -1};
    }
    kuni_task task =
        task_of(now, -1, -1, now->files[1], now->n_files[1], now->files[2], now->n_files[2]);
    check(step_named(stage, "cohort")->run(&task, &err));
}

static void cut_contig(run *now, int32_t tid, int64_t beg, int64_t end, int64_t shard_bp)
{
    for (; beg < end && now->n_shards < MOST - 1; beg += shard_bp)
        now->shards[now->n_shards++] =
            (kuni_span){tid, beg, beg + shard_bp < end ? beg + shard_bp : end};
}

static void cut_regions(run *now, const char *region, int64_t shard_bp)
{
    char name[256];
    (void)snprintf(name, sizeof(name), "%s", region);
    char *span = strrchr(name, ':'), *dash = span ? strchr(span, '-') : NULL;
    long long beg = 1, end = 0;
    if (dash) {
        *span = '\0';
        beg = strtoll(span + 1, NULL, 10);
        end = strtoll(dash + 1, NULL, 10);
    }
    bool all = strcmp(name, "all") == 0;
    for (int32_t tid = 0; tid < kuni_genome_contig_count(now->genome); tid++) {
        const kuni_contig *contig = kuni_genome_contig(now->genome, tid);
        if (all || strcmp(contig->name, name) == 0)
            cut_contig(now, tid, beg - 1, dash ? end : contig->length_bp, shard_bp);
    }
    now->shards[now->n_shards++] = (kuni_span){-1, 0, 0};
}

static void add_sample(run *now, const char *text)
{
    char *id = strdup(text);
    char *path = id ? strchr(id, '=') : NULL;
    if (!path || now->n_samples == MOST) exit(64);
    *path++ = '\0';
    kuni_sample *sample = &now->samples[now->n_samples];
    char *sex = strchr(id, '/');
    if (sex) {
        *sex++ = '\0';
        sample->sex = strcmp(sex, "male") == 0 ? KUNI_SEX_MALE : KUNI_SEX_FEMALE;
    }
    sample->id = sample->participant = id;
    sample->reads = path;
    sample->index_in_cohort = (uint32_t)now->n_samples;
    now->columns[now->n_samples] = (int32_t)now->n_samples;
    now->n_samples++;
}

int main(int argc, char **argv)
{
    static run now;
    if (argc < 8) return 64;
    kuni_htslib_setup();
    now.out = argv[2];
    check(kuni_make_folders(now.out, &err));
    check(kuni_genome_open(&now.genome, argv[1], &err));
    check(kuni_ploidy_open(&now.ploidy, argv[4], now.genome, &err));
    cut_regions(&now, argv[5], strtoll(argv[3], NULL, 10));
    now.params = kuni_params_new(kuni_stage_alignment_qc.params, &err);
    if (!now.params) return 70;
    size_t batch_size = 256;
    int i = 6;
    for (; i < argc && strcmp(argv[i], "--") != 0; i++) {
        char *value = strchr(argv[i], '=');
        if (!value) return 64;
        *value++ = '\0';
        if (strcmp(argv[i], "BATCH") == 0)
            batch_size = (size_t)strtoll(value, NULL, 10);
        else
            check(kuni_params_set(now.params, argv[i], value, &err));
    }
    for (i++; i < argc; i++) add_sample(&now, argv[i]);
    for (size_t first = 0; first < now.n_samples; first += batch_size)
        now.batches[now.n_batches++] = (kuni_batch){
            .id = "b",
            .first = first,
            .n_samples = now.n_samples - first < batch_size ? now.n_samples - first : batch_size};
    run_steps(&now);
    return 0;
}
