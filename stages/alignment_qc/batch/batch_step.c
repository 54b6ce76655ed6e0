/* SPDX-License-Identifier: MIT */
/*
 * The batch step: sums a batch's partials, which is one once they are folded, and fits what needs a
 * sample's whole pileup.
 */
#include "batch_step.h"

#include <stdlib.h>
#include <string.h>

#include "contamination.h"
#include "kuni/file.h"
#include "kuni/karyotype.h"
#include "metrics/sex.h"
#include "partials/pileup.h"
#include "partials/settings.h"
#include "variants.h"

/* Samples that are summed in one pass over the partials. */
typedef struct block {
    size_t first, n_samples;
    uint64_t **counts; /* of each sample of the batch; NULL outside the block */
    kuni_qc_stack **stacks;
    size_t *n_stacks, *stack_capacity;
    size_t *n_partials; /* in which the sample has data */
} block;

static void block_fini(block *now, size_t n_samples)
{
    for (size_t i = 0; i < n_samples; i++) {
        if (now->counts) free(now->counts[i]);
        if (now->stacks) free(now->stacks[i]);
    }
    free(now->counts);
    free(now->stacks);
    free(now->n_stacks);
    free(now->stack_capacity);
    free(now->n_partials);
}

static kuni_status block_init(block *now, size_t first, size_t n_block, size_t n_samples,
                              size_t n_counts, kuni_error *err)
{
    *now = (block){.first = first, .n_samples = n_block};
    now->counts = kuni_alloc(n_samples, sizeof(*now->counts), err);
    now->stacks = kuni_alloc(n_samples, sizeof(*now->stacks), err);
    now->n_stacks = kuni_alloc(n_samples, sizeof(*now->n_stacks), err);
    now->stack_capacity = kuni_alloc(n_samples, sizeof(*now->stack_capacity), err);
    now->n_partials = kuni_alloc(n_samples, sizeof(*now->n_partials), err);
    if (!now->counts || !now->stacks || !now->n_stacks || !now->stack_capacity || !now->n_partials)
        return KUNI_MEMORY;
    for (size_t i = first; i < first + n_block; i++) {
        now->counts[i] = kuni_alloc(n_counts, sizeof(**now->counts), err);
        if (!now->counts[i]) return KUNI_MEMORY;
    }
    return KUNI_OK;
}

static kuni_status add_partial(block *now, const char *path, const kuni_qc_shape *shape,
                               uint64_t *reference, kuni_error *err)
{
    kuni_qc_file file;
    kuni_status status = kuni_qc_open(&file, path, shape, err);
    if (status) return status;
    size_t n_counts = kuni_qc_length((int32_t)shape->n_contigs);
    bool sound = !reference || kuni_qc_decode_add(&file.reference, reference, n_counts);
    for (size_t i = now->first; i < now->first + now->n_samples && sound && !status; i++) {
        kuni_qc_bytes *record = &file.records[i];
        if (record->at == record->end) continue;
        now->n_partials[i]++;
        sound = kuni_qc_decode_add(record, now->counts[i], n_counts);
        if (sound && record->at != record->end)
            status = kuni_qc_stacks_decode(record, shape->n_sites, &now->stacks[i],
                                           &now->n_stacks[i], &now->stack_capacity[i], err);
    }
    if (!sound)
        status =
            kuni_fail(err, KUNI_DATA, "QC file: %s: damaged counts: remove it and run again", path);
    kuni_qc_close(&file);
    return status;
}

/*
 * Panel sites on sex chromosomes and the mitochondrion say nothing about a mixture of diploid
 * genotypes.
 */
static bool *sites_to_skip(const kuni_task *task, const kuni_qc_panel *panel, kuni_error *err)
{
    bool *skip = kuni_alloc(panel->n_sites, sizeof(*skip), err);
    if (!skip) return NULL;
    for (size_t i = 0; i < panel->n_sites; i++) {
        int64_t until = 0;
        kuni_qc_class class =
            kuni_qc_class_at(task, panel->sites[i].tid, panel->sites[i].pos, &until);
        skip[i] = class == KUNI_QC_X || class == KUNI_QC_Y || class == KUNI_QC_MITO;
    }
    return skip;
}

static kuni_status fit_and_encode(const kuni_task *task, const kuni_qc_panel *panel,
                                  const bool *skip, const block *now, size_t sample,
                                  kuni_buffer *content, kuni_error *err)
{
    kuni_qc_fit_options options = {.n_pcs = (int)kuni_params_int(task->params, "contamination_pcs"),
                                   .min_sites =
                                       kuni_params_int(task->params, "contamination_min_sites"),
                                   .skip = skip};
    kuni_qc_estimates estimates = {0};
    size_t n_bytes = panel ? kuni_qc_genotype_bytes(panel->n_sites) : 0;
    unsigned char *genotypes = kuni_alloc(n_bytes + 1, 1, err);
    if (!genotypes) return KUNI_MEMORY;
    kuni_status status = KUNI_OK;
    if (panel)
        status = kuni_qc_fit_sample(panel, now->stacks[sample], now->n_stacks[sample], &options,
                                    &estimates, genotypes, err);
    if (!status)
        status = kuni_qc_encode(content, now->counts[sample],
                                kuni_qc_length(kuni_genome_contig_count(task->genome)), err);
    if (!status) status = kuni_qc_estimates_encode(&estimates, content, err);
    if (!status) status = kuni_buffer_append(content, genotypes, n_bytes, err);
    free(genotypes);
    return status;
}

/* What the sample's sex chromosomes look like; its declared sex is none of this step's business. */
static kuni_status put_karyotype(const kuni_task *task, const uint64_t *reference, const block *now,
                                 size_t sample, kuni_buffer *karyotypes, kuni_error *err)
{
    kuni_qc_summary summary = {.counts = now->counts[sample],
                               .reference = reference,
                               .n_contigs = kuni_genome_contig_count(task->genome)};
    kuni_qc_karyotype found = kuni_qc_infer_karyotype(&summary);
    const char *id = task->samples[task->batches[task->batch].first + sample].id;
    return kuni_buffer_printf(karyotypes, err, "%s\t%s\t%s\n", id, found.name, found.basis);
}

/* Samples without data in some shard (quarantined) get an empty record, and no karyotype. */
static kuni_status add_samples(const kuni_task *task, const kuni_qc_panel *panel, const bool *skip,
                               const uint64_t *reference, const block *now, size_t n_files,
                               kuni_buffer *records, kuni_buffer *karyotypes, kuni_error *err)
{
    kuni_buffer content = KUNI_BUFFER_INIT;
    kuni_status status = KUNI_OK;
    for (size_t i = now->first; i < now->first + now->n_samples && !status; i++) {
        kuni_buffer_clear(&content);
        bool whole = now->n_partials[i] == n_files && n_files > 0;
        if (whole) status = fit_and_encode(task, panel, skip, now, i, &content, err);
        if (whole && !status) status = put_karyotype(task, reference, now, i, karyotypes, err);
        if (!status) status = kuni_qc_add_record(records, whole ? &content : NULL, err);
        if (task->heartbeat) task->heartbeat((int64_t)i + 1);
    }
    kuni_buffer_fini(&content);
    return status;
}

kuni_status kuni_qc_batch_run(const kuni_task *task, kuni_error *err)
{
    kuni_qc_panel *panel = NULL;
    kuni_buffer records = KUNI_BUFFER_INIT, karyotypes = KUNI_BUFFER_INIT;
    uint64_t *reference = NULL;
    bool *skip = NULL;
    kuni_status status = kuni_qc_task_panel(task, &panel, err);
    if (status) return status;
    kuni_qc_shape partial = kuni_qc_task_shape(task, KUNI_QC_PARTIAL, task->batch, panel);
    kuni_qc_shape whole = kuni_qc_task_shape(task, KUNI_QC_BATCH, task->batch, panel);
    size_t n_counts = kuni_qc_length((int32_t)partial.n_contigs), n_samples = partial.n_samples;
    size_t n_files = 0, n_evidence = 0;
    const kuni_task_file *files = kuni_task_inputs(task, "qc-partial", &n_files);
    const kuni_task_file *evidence = kuni_task_inputs(task, "evidence", &n_evidence);
    /*
     * As many samples at a time as fit into half of the task's memory; the result does not depend
     * on it.
     */
    enum { SITE_STACKS = 6 }; /* at a usual coverage */
    size_t n_block =
        (size_t)(task->memory_bytes / 2) /
        (n_counts * sizeof(uint64_t) + partial.n_sites * SITE_STACKS * sizeof(kuni_qc_stack));
    if (n_block < 1) n_block = 1;
    status = KUNI_MEMORY;
    reference = kuni_alloc(n_counts, sizeof(*reference), err);
    if (!reference) goto done;
    if (panel && !(skip = sites_to_skip(task, panel, err))) goto done;
    status = kuni_buffer_printf(&karyotypes, err, "%s", KUNI_KARYOTYPES_HEADER);
    for (size_t first = 0; first < n_samples && !status; first += n_block) {
        block now;
        size_t n = n_samples - first < n_block ? n_samples - first : n_block;
        status = block_init(&now, first, n, n_samples, n_counts, err);
        for (size_t i = 0; i < n_files && !status; i++) {
            status = add_partial(&now, files[i].path, &partial, first ? NULL : reference, err);
            if (task->heartbeat) task->heartbeat((int64_t)(first + 1));
        }
        for (size_t i = 0; i < n_evidence && !status; i++)
            status = kuni_qc_count_variants(&evidence[i], task->params, now.counts, n_samples, err);
        if (!status)
            status = add_samples(task, panel, skip, reference, &now, n_files, &records, &karyotypes,
                                 err);
        block_fini(&now, n_samples);
    }
    if (!status)
        status =
            kuni_qc_write(kuni_task_output(task, "qc-batch"), &whole, reference, &records, err);
    if (!status)
        status = kuni_file_put(kuni_task_output(task, "karyotypes"), karyotypes.data,
                               karyotypes.length, err);
done:
    kuni_buffer_fini(&karyotypes);
    kuni_buffer_fini(&records);
    free(reference);
    free(skip);
    kuni_qc_panel_free(panel);
    return status;
}
