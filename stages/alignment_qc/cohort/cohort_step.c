/* SPDX-License-Identifier: MIT */
/*
 * The cohort step: metrics of every sample from the batch files, judged by a profile, compared for
 * kinship, published.
 *
 * Batch files are read one after the other. What stays in memory is a row of metrics a sample
 * (about 700 bytes).
 */
#include "cohort_step.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "archive.h"
#include "cohort.h"
#include "partials/settings.h"
#include "report.h"
#include "samtools_stats.h"

/* Autosomes of a human-sized genome, and the share of them that makes "whole". */
static const double genome_autosome_bp = 2e9, genome_share = 0.9;

typedef struct cohort_state {
    kuni_qc_cohort cohort;
    kuni_qc_panel *panel;
    kuni_fingerprints *prints;
    kuni_qc_archive *archive;
    kuni_qc_curves *curves;
    kuni_file *contigs;
    double *values;
    uint64_t *counts, *reference; /* of a sample; of its batch */
    size_t n_counts;
    bool whole_genome; /* of the batch's regions */
    bool has_windows;
    bool *main_contigs; /* of the coverage table */
    size_t coverage;    /* number of the metric mean_autosome_coverage */
    kuni_buffer text;
} cohort_state;

/* Contigs of the coverage table: those with positions of a known class. */
static bool is_main_contig(const kuni_task *task, int32_t tid)
{
    const char *name = kuni_genome_contig(task->genome, tid)->name;
    if (kuni_qc_is_autosome(task->params, name) || kuni_is_mitochondrial(name)) return true;
    int64_t until = 0, length = kuni_genome_contig(task->genome, tid)->length_bp;
    for (int64_t pos = 0; pos < length; pos = until) {
        kuni_qc_class class = kuni_qc_class_at(task, tid, pos, &until);
        if (class == KUNI_QC_X || class == KUNI_QC_Y) return true;
    }
    return false;
}

static bool is_whole_genome(const cohort_state *state)
{
    const kuni_task *task = state->cohort.task;
    double all = 0, processed = 0;
    for (int32_t tid = 0; tid < kuni_genome_contig_count(task->genome); tid++) {
        const kuni_contig *contig = kuni_genome_contig(task->genome, tid);
        if (!kuni_qc_is_autosome(task->params, contig->name)) continue;
        all += (double)contig->length_bp;
        processed +=
            (double)state->reference[KUNI_QC_AT_CONTIGS + (size_t)tid * KUNI_QC_CONTIG_COUNTS +
                                     KUNI_QC_CONTIG_LENGTH];
    }
    return all >= genome_autosome_bp && processed >= genome_share * all;
}

/* The coverage of a main contig in the sample under way, over that of its autosomes. */
static void note_contig(cohort_state *state, int32_t tid, size_t number)
{
    kuni_qc_cohort *cohort = &state->cohort;
    size_t at = KUNI_QC_AT_CONTIGS + (size_t)tid * KUNI_QC_CONTIG_COUNTS;
    uint64_t bp = state->reference[at + KUNI_QC_CONTIG_NONGAP];
    double autosomes = cohort->rows[cohort->n_rows].values[state->coverage];
    double depth = bp ? (double)state->counts[at + KUNI_QC_CONTIG_DEPTH] / (double)bp : NAN;
    cohort->contig_ratios[cohort->n_rows * cohort->n_contigs + number] =
        autosomes > 0 ? (float)(depth / autosomes) : NAN;
}

static kuni_status write_contigs(cohort_state *state, const kuni_sample *sample, kuni_error *err)
{
    const kuni_task *task = state->cohort.task;
    kuni_status status = KUNI_OK;
    size_t number = 0;
    for (int32_t tid = 0; tid < kuni_genome_contig_count(task->genome) && !status; tid++) {
        if (state->main_contigs[tid]) note_contig(state, tid, number++);
        size_t at = KUNI_QC_AT_CONTIGS + (size_t)tid * KUNI_QC_CONTIG_COUNTS;
        const uint64_t *c = state->counts + at;
        uint64_t bp = state->reference[at + KUNI_QC_CONTIG_NONGAP];
        if (bp == 0 || !state->main_contigs[tid]) continue;
        status =
            kuni_file_printf(state->contigs, err, "%s\t%s\t%llu\t%llu\t%.2f\t%.2f\t%.2f\n",
                             sample->id, kuni_genome_contig(task->genome, tid)->name,
                             (unsigned long long)bp, (unsigned long long)c[KUNI_QC_CONTIG_READS],
                             (double)c[KUNI_QC_CONTIG_DEPTH] / (double)bp,
                             100 * (double)c[KUNI_QC_CONTIG_COVERED] / (double)bp,
                             100 * (double)c[KUNI_QC_CONTIG_15X] / (double)bp);
    }
    return status;
}

static kuni_status archive_sample(cohort_state *state, const kuni_sample *sample,
                                  const kuni_qc_summary *summary, kuni_error *err)
{
    if (!state->archive) return KUNI_OK;
    /* A tar name: an id that is longer or no file name is told apart by its column. */
    char name[96];
    int length = snprintf(name, sizeof(name), "%s.stats.txt", sample->id);
    if (length < 0 || (size_t)length >= sizeof(name) || strchr(sample->id, '/')) {
        (void)snprintf(name, sizeof(name), "%.60s.%u.stats.txt", sample->id,
                       sample->index_in_cohort);
        for (char *c = name; *c; c++)
            if (*c == '/') *c = '_';
    }
    kuni_buffer_clear(&state->text);
    kuni_status status = kuni_qc_put_samtools_stats(&state->text, summary, err);
    return status ? status
                  : kuni_qc_archive_add(state->archive, name, state->text.data, state->text.length,
                                        err);
}

static kuni_status add_sample(cohort_state *state, const kuni_sample *sample, kuni_qc_bytes *record,
                              kuni_error *err)
{
    kuni_qc_cohort *cohort = &state->cohort;
    kuni_qc_row *row = &cohort->rows[cohort->n_rows];
    double *values = state->values + cohort->n_rows * kuni_qc_n_metrics;
    memset(state->counts, 0, state->n_counts * sizeof(*state->counts));
    size_t n_genotypes = state->panel ? kuni_qc_genotype_bytes(state->panel->n_sites) : 0;
    if (!kuni_qc_decode_add(record, state->counts, state->n_counts) ||
        !kuni_qc_estimates_decode(record, &row->estimates) ||
        (size_t)(record->end - record->at) != n_genotypes)
        return kuni_fail(err, KUNI_DATA,
                         "QC of sample %s is damaged: remove the batch file and "
                         "run again",
                         sample->id);
    kuni_qc_summary summary = {.counts = state->counts,
                               .reference = state->reference,
                               .n_contigs = kuni_genome_contig_count(cohort->task->genome),
                               .estimates = &row->estimates};
    for (size_t i = 0; i < kuni_qc_n_metrics; i++) values[i] = kuni_qc_metrics[i].value(&summary);
    row->sample = sample;
    row->values = values;
    row->karyotype = kuni_qc_infer_karyotype(&summary);
    row->sex_check = kuni_qc_compare_sex(sample->sex, &row->karyotype);
    row->whole_genome = state->whole_genome;
    kuni_status status = kuni_qc_judge_row(cohort->profile, row, NULL, NULL, err);
    if (!status) status = write_contigs(state, sample, err);
    if (!status) status = archive_sample(state, sample, &summary, err);
    if (!status)
        status = kuni_qc_curves_add(state->curves, cohort->n_rows, &summary,
                                    row->outcome > KUNI_QC_PASS, err);
    if (!status && state->prints) status = kuni_fingerprints_add(state->prints, record->at, err);
    if (!status) cohort->n_rows++;
    return status;
}

/* False of a batch that nobody is left of: it was made from no file, and has no reference either. */
static bool has_records(const kuni_qc_file *file, size_t n_samples)
{
    for (size_t i = 0; i < n_samples; i++)
        if (file->records[i].at != file->records[i].end) return true;
    return false;
}

/* What the reference holds is the same in all batches, but where there is nothing at all. */
static kuni_status take_reference(cohort_state *state, kuni_qc_file *file, const char *path,
                                  kuni_error *err)
{
    memset(state->reference, 0, state->n_counts * sizeof(*state->reference));
    if (!kuni_qc_decode_add(&file->reference, state->reference, state->n_counts))
        return kuni_fail(err, KUNI_DATA, "QC file: %s: damaged: remove it and run again", path);
    state->whole_genome = is_whole_genome(state);
    if (state->has_windows) return KUNI_OK;
    state->has_windows = true;
    return kuni_qc_curves_reference(state->curves, state->reference, err);
}

static kuni_status add_batch(cohort_state *state, const kuni_task_file *input, kuni_error *err)
{
    const kuni_task *task = state->cohort.task;
    kuni_qc_file file = {0};
    kuni_qc_shape shape = kuni_qc_task_shape(task, KUNI_QC_BATCH, input->batch, state->panel);
    kuni_status status = kuni_qc_open(&file, input->path, &shape, err);
    if (status) return status;
    const kuni_batch *batch = &task->batches[input->batch];
    if (has_records(&file, batch->n_samples))
        status = take_reference(state, &file, input->path, err);
    for (size_t i = 0; i < batch->n_samples && !status; i++) {
        bool wanted = !task->columns || task->columns[batch->first + i] >= 0;
        if (wanted && file.records[i].at != file.records[i].end)
            status = add_sample(state, &task->samples[batch->first + i], &file.records[i], err);
        else if (task->samples[batch->first + i].reads) /* of those who withdrew nothing is told */
            state->cohort.n_absent++;
    }
    if (task->heartbeat) task->heartbeat((int64_t)state->cohort.n_rows + 1);
    kuni_qc_close(&file);
    return status;
}

static kuni_status name_contigs(cohort_state *state, kuni_error *err)
{
    kuni_qc_cohort *cohort = &state->cohort;
    const kuni_task *task = cohort->task;
    size_t n = 0;
    cohort->contig_names = kuni_alloc(cohort->n_contigs + 1, sizeof(*cohort->contig_names), err);
    cohort->contig_ratios =
        kuni_alloc(task->n_samples * cohort->n_contigs + 1, sizeof(*cohort->contig_ratios), err);
    if (!cohort->contig_names || !cohort->contig_ratios) return KUNI_MEMORY;
    for (int32_t tid = 0; n < cohort->n_contigs; tid++)
        if (state->main_contigs[tid])
            cohort->contig_names[n++] = kuni_genome_contig(task->genome, tid)->name;
    return KUNI_OK;
}

static kuni_status open_state(cohort_state *state, kuni_error *err)
{
    const kuni_task *task = state->cohort.task;
    state->n_counts = kuni_qc_length(kuni_genome_contig_count(task->genome));
    state->counts = kuni_alloc(state->n_counts, sizeof(*state->counts), err);
    state->reference = kuni_alloc(state->n_counts, sizeof(*state->reference), err);
    state->values = kuni_alloc(task->n_samples * kuni_qc_n_metrics, sizeof(*state->values), err);
    state->cohort.rows = kuni_alloc(task->n_samples, sizeof(*state->cohort.rows), err);
    int32_t n_contigs = kuni_genome_contig_count(task->genome);
    state->main_contigs = kuni_alloc((size_t)n_contigs, sizeof(*state->main_contigs), err);
    if (!state->counts || !state->reference || !state->values || !state->cohort.rows ||
        !state->main_contigs)
        return KUNI_MEMORY;
    for (int32_t tid = 0; tid < n_contigs; tid++) {
        state->main_contigs[tid] = is_main_contig(task, tid);
        state->cohort.n_contigs += state->main_contigs[tid];
    }
    while (strcmp(kuni_qc_metrics[state->coverage].name, "mean_autosome_coverage") != 0)
        state->coverage++;
    kuni_status status = name_contigs(state, err);
    if (!status) status = kuni_qc_task_panel(task, &state->panel, err);
    if (!status) status = kuni_qc_curves_new(&state->curves, err);
    if (!status && state->panel && strcmp(kuni_params_text(task->params, "relatives"), "none") != 0)
        status = kuni_fingerprints_new(&state->prints, state->panel->n_sites, task->scratch, err);
    if (!status && kuni_params_bool(task->params, "samtools_stats"))
        status =
            kuni_qc_archive_create(&state->archive, kuni_task_output(task, "samtools-stats"), err);
    if (!status)
        status = kuni_file_create(&state->contigs, kuni_task_output(task, "contig-coverage"), err);
    if (!status)
        status = kuni_file_printf(state->contigs, err,
                                  "sample_id\tcontig\tnongap_bp\treads\tmean_coverage\tpct_1x\t"
                                  "pct_15x\n");
    return status;
}

static kuni_status publish(cohort_state *state, kuni_error *err)
{
    kuni_qc_cohort *cohort = &state->cohort;
    const kuni_task *task = cohort->task;
    kuni_file *contigs = state->contigs;
    state->contigs = NULL;
    kuni_status status = kuni_file_commit(contigs, err);
    if (!status && state->archive) {
        kuni_qc_archive *archive = state->archive;
        state->archive = NULL;
        status = kuni_qc_archive_commit(archive, err);
    }
    if (!status) status = kuni_qc_write_samples(cohort, kuni_task_output(task, "sample-qc"), err);
    if (!status)
        status = kuni_qc_write_ga4gh(cohort, kuni_task_output(task, "wgs-qc-metrics"), err);
    if (!status)
        status = kuni_qc_write_failures(cohort, kuni_task_output(task, "qc-failures"), err);
    if (!status) status = kuni_qc_write_related(cohort, kuni_task_output(task, "related"), err);
    if (!status) status = kuni_qc_write_summary(cohort, kuni_task_output(task, "qc-summary"), err);
    if (!status) status = kuni_qc_write_dictionary(kuni_task_output(task, "qc-dictionary"), err);
    if (!status) status = kuni_qc_write_multiqc(cohort, kuni_task_output(task, "qc-multiqc"), err);
    if (!status)
        status = kuni_qc_curves_write(state->curves, cohort,
                                      kuni_task_output(task, "qc-multiqc-coverage"), err);
    if (!status)
        status =
            kuni_qc_write_report(cohort, state->curves, kuni_task_output(task, "qc-report"), err);
    return status;
}

kuni_status kuni_qc_cohort_run(const kuni_task *task, kuni_error *err)
{
    cohort_state state = {.cohort = {.task = task}};
    kuni_qc_profile *profile = NULL;
    size_t n_inputs = 0;
    const kuni_task_file *inputs = kuni_task_inputs(task, "qc-batch", &n_inputs);
    const char *path = kuni_params_text(task->params, "profiles");
    kuni_status status = kuni_qc_profile_read(&profile, path && *path ? path : NULL,
                                              kuni_params_text(task->params, "profile"), err);
    state.cohort.profile = profile;
    if (!status) status = open_state(&state, err);
    for (size_t i = 0; i < n_inputs && !status; i++) status = add_batch(&state, &inputs[i], err);
    if (!status && state.prints) {
        status = kuni_fingerprints_seal(state.prints, err);
        state.cohort.has_fingerprints = true;
        if (!status) status = kuni_qc_find_kin(&state.cohort, state.prints, err);
        for (size_t i = 0; i < state.cohort.n_rows && !status; i++) /* identity is known now */
            status = kuni_qc_judge_row(profile, &state.cohort.rows[i], NULL, NULL, err);
    }
    if (!status) status = publish(&state, err);
    kuni_file_discard(state.contigs);
    kuni_qc_archive_discard(state.archive);
    kuni_fingerprints_free(state.prints);
    kuni_qc_curves_free(state.curves);
    kuni_qc_panel_free(state.panel);
    kuni_qc_profile_free(profile);
    kuni_buffer_fini(&state.text);
    free(state.cohort.kin);
    free(state.cohort.contig_names);
    free(state.cohort.contig_ratios);
    free(state.cohort.rows);
    free(state.values);
    free(state.main_contigs);
    free(state.counts);
    free(state.reference);
    return status;
}
