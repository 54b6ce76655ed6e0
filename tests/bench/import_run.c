/* SPDX-License-Identifier: MIT */
/*
 * Runs import-gvcf alone, without a workflow: for measuring and for tests.
 * Usage: import_run REF.fa OUT_FOLDER CONTIG:BEG-END SHARD_BP [NAME=VALUE ...] FILE.g.vcf.gz ...
 * Writes OUT_FOLDER/shardN.ev and shardN.tsv; a bad sample is named on stderr and left out.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kuni/buffer.h"
#include "kuni/reads.h"
#include "kuni/stage.h"

extern const kuni_stage kuni_stage_import_gvcf;

static int complain(const kuni_error *err)
{
    fprintf(stderr, "import_run: %s\n", err->text);
    return err->status;
}

static kuni_status run_shard(kuni_task *task, kuni_error *err)
{
    const kuni_step *step = &kuni_stage_import_gvcf.steps[0];
    void *state;
    kuni_status status = step->open(task, &state, err);
    if (status) return status;
    for (size_t i = 0; !status && i < task->n_samples; i++) {
        kuni_error why = KUNI_ERROR_INIT;
        if (step->begin_sample(state, i, &why) == KUNI_OK) continue;
        fprintf(stderr, "import_run: sample %s left out: %s\n", task->samples[i].id, why.text);
        if (why.status != KUNI_DATA && why.status != KUNI_IO) status = why.status;
        step->drop_sample(state);
    }
    if (!status) status = step->finish(state, err);
    step->close(state);
    return status;
}

/* The file's name up to its first dot. */
static char *id_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *id = strdup(slash ? slash + 1 : path);
    if (id) id[strcspn(id, ".")] = '\0';
    return id;
}

int main(int argc, char **argv)
{
    kuni_error err = KUNI_ERROR_INIT;
    kuni_genome *genome;
    kuni_ploidy *ploidy;
    if (argc < 6) return KUNI_USAGE;
    kuni_htslib_setup();
    if (kuni_genome_open(&genome, argv[1], &err)) return complain(&err);
    if (kuni_ploidy_open(&ploidy, "diploid", genome, &err)) return complain(&err);
    char *colon = strrchr(argv[3], ':');
    if (!colon) return KUNI_USAGE;
    *colon = '\0';
    kuni_span region = {.tid = kuni_genome_find(genome, argv[3])};
    if (region.tid < 0) return KUNI_USAGE;
    char *dash;
    region.beg = strtoll(colon + 1, &dash, 10) - 1;
    region.end = strtoll(dash + 1, NULL, 10);
    int64_t shard_bp = strtoll(argv[4], NULL, 10);
    kuni_params *params = kuni_params_new(kuni_stage_import_gvcf.params, &err);
    if (!params || shard_bp < 1) return KUNI_USAGE;
    int at = 5;
    for (char *equals; at < argc && (equals = strchr(argv[at], '=')); at++) {
        *equals = '\0';
        if (kuni_params_set(params, argv[at], equals + 1, &err)) return complain(&err);
    }
    size_t n = (size_t)(argc - at);
    kuni_sample *samples = calloc(n + 1, sizeof(*samples));
    if (!samples) return KUNI_MEMORY;
    for (size_t i = 0; i < n; i++) {
        samples[i].reads = argv[at + (int)i];
        samples[i].id = samples[i].participant = id_of(samples[i].reads);
        samples[i].index_in_cohort = (uint32_t)i;
    }
    kuni_batch batch = {.id = "b0000", .first = 0, .n_samples = n};
    int status = KUNI_OK;
    int64_t k = 0;
    for (int64_t beg = region.beg; !status && beg < region.end; beg += shard_bp, k++) {
        char evidence[4096], counts[4096];
        kuni_span shard = {.tid = region.tid, .beg = beg, .end = beg + shard_bp};
        if (shard.end > region.end) shard.end = region.end;
        snprintf(evidence, sizeof(evidence), "%s/shard%lld.ev", argv[2], (long long)k);
        snprintf(counts, sizeof(counts), "%s/shard%lld.tsv", argv[2], (long long)k);
        kuni_task_file files[] = {{.kind = "evidence", .path = evidence},
                                  {.kind = "import-counts", .path = counts}};
        kuni_task task = {.stage_id = "import",
                          .genome = genome,
                          .ploidy = ploidy,
                          .params = params,
                          .samples = samples,
                          .n_samples = n,
                          .batches = &batch,
                          .n_batches = 1,
                          .shards = &shard,
                          .n_shards = 1,
                          .outputs = files,
                          .n_outputs = 2,
                          .scratch = argv[2]};
        if (run_shard(&task, &err)) status = complain(&err);
    }
    for (size_t i = 0; i < n; i++) {
        char *id;
        memcpy(&id, &samples[i].id, sizeof(id));
        free(id);
    }
    free(samples);
    kuni_params_free(params);
    kuni_ploidy_close(ploidy);
    kuni_genome_close(genome);
    return status;
}
