/* SPDX-License-Identifier: MIT */
/*
 * call-variants alone, as the engine would run it: CPU seconds, peak memory, and how many loci took
 * which way.
 *
 *   call_bench REFERENCE READS CONTIG BEG END [OUT.ev [NAME=VALUE ...]]
 *
 * Positions are 1-based inclusive. Prints one table line per figure.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "call_counts.h"
#include "kuni/reads.h"
#include "kuni/stage.h"

extern const kuni_stage kuni_stage_call_variants;

static double cpu_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static int64_t peak_kib(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

static kuni_status feed(const kuni_step *step, void *state, kuni_reads *reads, int64_t *n,
                        kuni_error *err)
{
    for (;;) {
        bam1_t *record;
        kuni_status status = kuni_reads_next(reads, &record, err);
        if (status || !record) return status;
        status = step->read(state, record, err);
        if (status) return status;
        ++*n;
    }
}

static kuni_status run(int argc, char **argv, kuni_error *err)
{
    kuni_genome *genome = NULL;
    kuni_ploidy *ploidy = NULL;
    kuni_params *params = NULL;
    kuni_reads *reads = NULL;
    void *state = NULL;
    const kuni_step *step = &kuni_stage_call_variants.steps[0];
    kuni_sample sample = {.id = "sample", .participant = "sample", .reads = argv[2]};
    kuni_batch batch = {.id = "b0000", .n_samples = 1};
    kuni_task_file output = {.kind = "evidence", .path = argc > 6 ? argv[6] : "/tmp/call_bench.ev"};
    int64_t n_reads = 0;
    kuni_status status = kuni_genome_open(&genome, argv[1], err);
    if (!status) status = kuni_ploidy_open(&ploidy, "diploid", genome, err);
    if (!status && !(params = kuni_params_new(kuni_stage_call_variants.params, err)))
        status = KUNI_MEMORY;
    for (int i = 7; !status && i < argc; i++) {
        char *equals = strchr(argv[i], '=');
        if (equals) *equals = 0;
        status = kuni_params_set(params, argv[i], equals ? equals + 1 : "", err);
    }
    if (status) goto done;
    kuni_span shard = {kuni_genome_find(genome, argv[3]), atoll(argv[4]) - 1, atoll(argv[5])};
    if (shard.tid < 0) {
        status = kuni_fail(err, KUNI_USAGE, "no contig %s in %s", argv[3], argv[1]);
        goto done;
    }
    int64_t length = kuni_genome_contig(genome, shard.tid)->length_bp;
    if (shard.end > length) shard.end = length;
    kuni_task task = {.stage_id = "call",
                      .genome = genome,
                      .ploidy = ploidy,
                      .params = params,
                      .samples = &sample,
                      .n_samples = 1,
                      .batches = &batch,
                      .n_batches = 1,
                      .shards = &shard,
                      .n_shards = 1,
                      .outputs = &output,
                      .n_outputs = 1};
    char md5[33]; /* outside the clock: kuni keeps it with the dataset */
    status = kuni_genome_md5(genome, shard.tid, md5, err);
    if (!status) status = step->open(&task, &state, err);
    double start = cpu_seconds();
    if (!status) status = step->begin_sample(state, 0, err);
    kuni_span wide = {shard.tid, shard.beg - step->halo_bp, shard.end + step->halo_bp};
    if (wide.beg < 0) wide.beg = 0;
    if (wide.end > length) wide.end = length;
    if (!status) status = kuni_reads_open(&reads, &sample, genome, &shard, 1, step->fields, err);
    if (!status) status = kuni_reads_seek(reads, wide, err);
    if (!status) status = feed(step, state, reads, &n_reads, err);
    if (!status) status = step->end_sample(state, err);
    if (status) goto done;
    kuni_call_counts counts = kuni_call_variants_counts(state);
    status = step->finish(state, err);
    double seconds = cpu_seconds() - start, mb = (double)(shard.end - shard.beg) / 1e6;
    printf("reads\t%lld\nMb\t%.3f\nCPU s\t%.3f\nCPU s per Mb\t%.3f\npeak MiB\t%.1f\n",
           (long long)n_reads, mb, seconds, seconds / mb, (double)peak_kib() / 1024);
    printf("positions\t%llu\ntier 1: sites genotyped from the pileup\t%llu\n"
           "tier 2: active regions\t%llu\n  left to tier 1\t%llu\n  assembled\t%llu\n"
           "  haplotypes\t%llu\n  reads scored\t%llu\n  PairHMM cells\t%llu\nevents\t%llu\n",
           (unsigned long long)counts.positions, (unsigned long long)counts.sites,
           (unsigned long long)counts.regions, (unsigned long long)counts.regions_left,
           (unsigned long long)counts.assembled, (unsigned long long)counts.haplotypes,
           (unsigned long long)counts.reads_scored, (unsigned long long)counts.cells,
           (unsigned long long)counts.events);
done:
    step->close(state);
    kuni_reads_close(reads);
    kuni_params_free(params);
    kuni_ploidy_close(ploidy);
    kuni_genome_close(genome);
    return status;
}

int main(int argc, char **argv)
{
    if (argc < 6) {
        fprintf(stderr,
                "usage: call_bench REFERENCE READS CONTIG BEG END [OUT.ev [NAME=VALUE ...]]\n");
        return KUNI_USAGE;
    }
    kuni_htslib_setup();
    kuni_error err = KUNI_ERROR_INIT;
    kuni_status status = run(argc, argv, &err);
    if (status) fprintf(stderr, "call_bench: %s\n", err.text);
    return status;
}
