/* SPDX-License-Identifier: MIT */
/* The cohort step: metrics of every sample, judged, compared and published. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kuni/file.h"
#include "metrics.h"
#include "stage.h"

static const char *sex_name(kuni_sex sex)
{
    return sex == KUNI_SEX_MALE ? "male" : sex == KUNI_SEX_FEMALE ? "female" : "unknown";
}

typedef struct cohort_state {
    const kuni_task *task;
    kuni_file *table, *json;
    bool first_json;
    uint64_t *counts, *reference;
    size_t n_counts;
} cohort_state;

static kuni_status write_header(cohort_state *state, kuni_error *err)
{
    kuni_status status =
        kuni_file_printf(state->table, err, "sample_id\tparticipant_id\tsite\tgroup\tsex_declared");
    for (size_t i = 0; i < kuni_qc_n_metrics && !status; i++)
        status = kuni_file_printf(state->table, err, "\t%s", kuni_qc_metrics[i].name);
    if (!status) status = kuni_file_printf(state->table, err, "\n");
    return status;
}

static kuni_status write_sample(cohort_state *state, const kuni_sample *sample,
                                const double *values, kuni_error *err)
{
    char text[64];
    kuni_status status =
        kuni_file_printf(state->table, err, "%s\t%s\t%s\t%s\t%s", sample->id, sample->participant,
                         sample->site ? sample->site : "NA", sample->group ? sample->group : "NA",
                         sex_name(sample->sex));
    for (size_t i = 0; i < kuni_qc_n_metrics && !status; i++) {
        (void)kuni_qc_metric_print(text, sizeof(text), &kuni_qc_metrics[i], values[i]);
        status = kuni_file_printf(state->table, err, "\t%s", text);
    }
    if (!status) status = kuni_file_printf(state->table, err, "\n");
    if (status) return status;
    status = kuni_file_printf(state->json, err,
                              "%s{\"biosample\": {\"id\": \"%s\"}, \"wgs_qc_metrics\": {",
                              state->first_json ? "[\n" : ",\n", sample->id);
    state->first_json = false;
    const char *separator = "";
    for (size_t i = 0; i < kuni_qc_n_metrics && !status; i++) {
        if (!kuni_qc_metrics[i].ga4gh) continue;
        (void)kuni_qc_metric_print(text, sizeof(text), &kuni_qc_metrics[i], values[i]);
        status = kuni_file_printf(state->json, err, "%s\"%s\": %s", separator,
                                  kuni_qc_metrics[i].name, isfinite(values[i]) ? text : "null");
        separator = ", ";
    }
    return status ? status : kuni_file_printf(state->json, err, "}}");
}

static kuni_status add_batch(cohort_state *state, const kuni_task_file *input, kuni_error *err)
{
    const kuni_task *task = state->task;
    kuni_qc_panel *panel = NULL;
    kuni_qc_file file = {0};
    kuni_status status = kuni_qc_task_panel(task, &panel, err);
    if (status) return status;
    kuni_qc_shape shape = kuni_qc_task_shape(task, KUNI_QC_BATCH, input->batch, panel);
    status = kuni_qc_open(&file, input->path, &shape, err);
    if (status) goto done;
    const kuni_batch *batch = &task->batches[input->batch];
    memset(state->reference, 0, state->n_counts * sizeof(*state->reference));
    bool sound = kuni_qc_decode_add(&file.reference, state->reference, state->n_counts);
    for (size_t i = 0; i < batch->n_samples && sound && !status; i++) {
        kuni_qc_bytes *record = &file.records[i];
        if (record->at == record->end) continue;
        if (task->columns && task->columns[batch->first + i] < 0) continue;
        kuni_qc_estimates estimates;
        memset(state->counts, 0, state->n_counts * sizeof(*state->counts));
        sound = kuni_qc_decode_add(record, state->counts, state->n_counts) &&
                kuni_qc_estimates_decode(record, &estimates);
        if (!sound) break;
        kuni_qc_summary summary = {.counts = state->counts,
                                   .reference = state->reference,
                                   .n_contigs = (int32_t)shape.n_contigs,
                                   .estimates = &estimates};
        double values[128];
        for (size_t k = 0; k < kuni_qc_n_metrics; k++)
            values[k] = kuni_qc_metrics[k].value(&summary);
        status = write_sample(state, &task->samples[batch->first + i], values, err);
    }
    if (!sound)
        status =
            kuni_fail(err, KUNI_DATA, "QC file: %s: damaged: remove it and run again", input->path);
done:
    kuni_qc_close(&file);
    kuni_qc_panel_free(panel);
    return status;
}

kuni_status kuni_qc_cohort_run(const kuni_task *task, kuni_error *err)
{
    cohort_state state = {.task = task, .first_json = true};
    size_t n_inputs = 0;
    const kuni_task_file *inputs = kuni_task_inputs(task, "qc-batch", &n_inputs);
    state.n_counts = kuni_qc_length(kuni_genome_contig_count(task->genome));
    kuni_status status = KUNI_MEMORY;
    state.counts = kuni_alloc(state.n_counts, sizeof(*state.counts), err);
    state.reference = kuni_alloc(state.n_counts, sizeof(*state.reference), err);
    if (!state.counts || !state.reference) goto done;
    status = kuni_file_create(&state.table, kuni_task_output(task, "sample-qc"), err);
    if (!status)
        status = kuni_file_create(&state.json, kuni_task_output(task, "wgs-qc-metrics"), err);
    if (!status) status = write_header(&state, err);
    for (size_t i = 0; i < n_inputs && !status; i++) status = add_batch(&state, &inputs[i], err);
    if (!status) status = kuni_file_printf(state.json, err, state.first_json ? "[]\n" : "\n]\n");
    if (!status) {
        kuni_file *file = state.table;
        state.table = NULL;
        status = kuni_file_commit(file, err);
    }
    if (!status) {
        kuni_file *file = state.json;
        state.json = NULL;
        status = kuni_file_commit(file, err);
    }
done:
    kuni_file_discard(state.table);
    kuni_file_discard(state.json);
    free(state.counts);
    free(state.reference);
    return status;
}
