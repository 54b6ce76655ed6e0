/* SPDX-License-Identifier: MIT */
/*
 * joint-genotype alone, as the engine would run it on one shard: CPU time and peak memory.
 *
 *   joint_run REFERENCE dense|sites OUT.bcf EVIDENCE.ev ...
 *
 * The evidence files are the batches of one shard, in order. MEMORY_MIB: what the task may take [1024]. FROM: where the
 * shard begins, in 0-based bases, if not with the files: a multiple of 65536. Prints one line: samples, events, blocks,
 * sites, seconds of CPU, nanoseconds an event, samples x sites a second, peak MiB.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <htslib/vcf.h>

#include "kuni/evidence.h"
#include "kuni/stage.h"

extern const kuni_stage kuni_stage_joint_genotype;

typedef struct cohort {
    kuni_sample *samples;
    int32_t *columns;
    kuni_batch *batches;
    kuni_task_file *files;
    size_t n_samples, n_batches;
    kuni_span shard;
    uint64_t events, blocks;
} cohort;

static void check(kuni_status status, const kuni_error *err)
{
    if (!status) return;
    fprintf(stderr, "joint_run: %s\n", err->text);
    exit((int)status);
}

static void *must(void *p)
{
    if (!p) exit(KUNI_MEMORY);
    return p;
}

static double cpu_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void add_file(cohort *c, const char *path, size_t *capacity)
{
    kuni_error err = KUNI_ERROR_INIT;
    kuni_evidence_reader *reader;
    check(kuni_evidence_open(&reader, path, &err), &err);
    const kuni_evidence_header *header = kuni_evidence_get_header(reader);
    c->shard = header->shard;
    if (c->n_samples + header->n_samples > *capacity) {
        *capacity = 2 * (c->n_samples + header->n_samples);
        c->samples = must(realloc(c->samples, *capacity * sizeof(*c->samples)));
    }
    c->batches[c->n_batches] =
        (kuni_batch){.id = "b", .first = c->n_samples, .n_samples = header->n_samples};
    c->files[c->n_batches] = (kuni_task_file){
        .kind = "evidence", .path = path, .shard = 0, .batch = (int64_t)c->n_batches};
    c->n_batches++;
    for (uint32_t i = 0; i < header->n_samples; i++) {
        char *id = must(strdup(header->samples[i]));
        c->samples[c->n_samples] = (kuni_sample){.id = id,
                                                 .participant = id,
                                                 .sex = (kuni_sex)(1 + c->n_samples % 2),
                                                 .index_in_cohort = (uint32_t)c->n_samples};
        c->n_samples++;
    }
    for (size_t i = 0; i < kuni_evidence_chunk_count(reader); i++) {
        kuni_evidence_extent extent;
        kuni_evidence_get_extent(reader, i, &extent);
        c->events += extent.n_events;
        c->blocks += extent.n_blocks;
    }
    kuni_evidence_close(reader);
}

static int64_t count_records(const char *path)
{
    htsFile *file = must(hts_open(path, "r"));
    bcf_hdr_t *header = must(bcf_hdr_read(file));
    bcf1_t *record = must(bcf_init());
    int64_t n = 0;
    while (bcf_read(file, header, record) == 0) n++;
    bcf_destroy(record);
    bcf_hdr_destroy(header);
    return hts_close(file) < 0 ? -1 : n;
}

int main(int argc, char **argv)
{
    if (argc < 5) {
        fprintf(stderr, "usage: joint_run REFERENCE dense|sites|sparse OUT.bcf EVIDENCE.ev ...\n");
        return KUNI_USAGE;
    }
    kuni_error err = KUNI_ERROR_INIT;
    kuni_genome *genome;
    kuni_ploidy *ploidy;
    check(kuni_genome_open(&genome, argv[1], &err), &err);
    check(kuni_ploidy_open(&ploidy, "diploid", genome, &err), &err);
    kuni_params *params = must(kuni_params_new(kuni_stage_joint_genotype.params, &err));
    bool sparse = strcmp(argv[2], "sparse") == 0; /* OUT.bcf then holds the sites */
    check(kuni_params_set(params, "output", sparse ? "sites" : argv[2], &err), &err);
    if (sparse) check(kuni_params_set(params, "also", "sparse", &err), &err);
    cohort c = {0};
    size_t capacity = 0;
    c.batches = must(calloc((size_t)argc, sizeof(*c.batches)));
    c.files = must(calloc((size_t)argc, sizeof(*c.files)));
    for (int i = 4; i < argc; i++) add_file(&c, argv[i], &capacity);
    c.columns = must(calloc(c.n_samples, sizeof(*c.columns)));
    for (size_t i = 0; i < c.n_samples; i++) c.columns[i] = (int32_t)i;
    const char *memory = getenv("MEMORY_MIB"), *from = getenv("FROM");
    if (from) c.shard.beg = strtol(from, NULL, 10);
    int64_t mib = memory ? strtol(memory, NULL, 10) : 1024;
    kuni_buffer path = KUNI_BUFFER_INIT;
    check(kuni_buffer_printf(&path, &err, "%s.vcf.gz", argv[3]), &err);
    const kuni_task_file outputs[] = {{.kind = "calls", .path = argv[3]},
                                      {.kind = "sparse", .path = path.data}};
    const kuni_task task = {.stage_id = "joint",
                            .genome = genome,
                            .ploidy = ploidy,
                            .params = params,
                            .samples = c.samples,
                            .n_samples = c.n_samples,
                            .columns = c.columns,
                            .batches = c.batches,
                            .n_batches = c.n_batches,
                            .shards = &c.shard,
                            .n_shards = 1,
                            .batch = -1,
                            .inputs = c.files,
                            .n_inputs = c.n_batches,
                            .outputs = outputs,
                            .n_outputs = 2,
                            .scratch = ".",
                            .memory_bytes = mib << 20};
    double began = cpu_seconds();
    check(kuni_stage_joint_genotype.steps[0].run(&task, &err), &err);
    double seconds = cpu_seconds() - began;
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    int64_t sites = count_records(argv[3]);
    printf("samples %zu events %llu blocks %llu sites %lld cpu_s %.2f ns_per_event %.0f "
           "cells_per_cpu_s %.0f peak_mib %ld\n",
           c.n_samples, (unsigned long long)c.events, (unsigned long long)c.blocks,
           (long long)sites, seconds, 1e9 * seconds / (double)(c.events ? c.events : 1),
           (double)sites * (double)c.n_samples / seconds, usage.ru_maxrss / 1024);
    return 0;
}
