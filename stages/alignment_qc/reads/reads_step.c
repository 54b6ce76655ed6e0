/* SPDX-License-Identifier: MIT */
/* The reads step: counts a batch's samples in one shard. */
#include "reads_step.h"

#include <stdlib.h>
#include <string.h>

#include "coverage.h"
#include "partials/pileup.h"
#include "partials/settings.h"
#include "tally.h"

typedef struct reads_state {
    const kuni_task *task;
    kuni_span shard;
    kuni_qc_shape shape;
    size_t n_counts;
    int min_mapping_quality;
    kuni_qc_panel *panel;
    kuni_qc_tally *tally;
    kuni_qc_coverage *coverage; /* NULL for reads without a place */
    kuni_qc_pileup *pileup;     /* NULL without a panel or a place */
    kuni_qc_segment *segments;
    size_t n_segments, segments_capacity;
    uint64_t *reference, *counts;
    kuni_buffer *contents; /* one a sample: its coded record */
    bool *done;
    size_t sample;
} reads_state;

/* Splits the shard into stretches without N of one class, and counts their lengths. */
static kuni_status find_segments(reads_state *state, kuni_error *err)
{
    const uint8_t *bases = kuni_qc_tally_sequence(state->tally);
    uint64_t *contig =
        state->reference + KUNI_QC_AT_CONTIGS + (size_t)state->shard.tid * KUNI_QC_CONTIG_COUNTS;
    contig[KUNI_QC_CONTIG_LENGTH] += (uint64_t)(state->shard.end - state->shard.beg);
    for (int64_t pos = state->shard.beg; pos < state->shard.end;) {
        int64_t until = 0;
        kuni_qc_class class = kuni_qc_class_at(state->task, state->shard.tid, pos, &until);
        if (until > state->shard.end) until = state->shard.end;
        while (pos < until) {
            const uint8_t *base = bases + (pos - state->shard.beg);
            int64_t n = 0;
            while (pos + n < until && base[n] == 15) n++;
            pos += n;
            base += n;
            n = 0;
            while (pos + n < until && base[n] != 15) n++;
            if (n == 0) continue;
            kuni_status status = kuni_grow((void **)&state->segments, &state->segments_capacity,
                                           state->n_segments + 1, sizeof(*state->segments), err);
            if (status) return status;
            state->segments[state->n_segments++] =
                (kuni_qc_segment){.beg = pos, .end = pos + n, .class = class};
            contig[KUNI_QC_CONTIG_NONGAP] += (uint64_t)n;
            state->reference[KUNI_QC_AT_DEPTH + class * KUNI_QC_DEPTHS] += (uint64_t)n;
            pos += n;
        }
    }
    return KUNI_OK;
}

static kuni_status open_placed(reads_state *state, kuni_error *err)
{
    const kuni_params *params = state->task->params;
    kuni_status status = find_segments(state, err);
    if (status) return status;
    kuni_qc_tally_windows(state->tally, state->reference);
    if (!status)
        status =
            kuni_qc_coverage_new(&state->coverage, state->shard, state->segments, state->n_segments,
                                 (int)kuni_params_int(params, "min_base_quality"), err);
    if (!status && state->panel)
        status = kuni_qc_pileup_new(&state->pileup, state->panel, state->shard,
                                    (int)kuni_params_int(params, "panel_min_base_quality"),
                                    (int)kuni_params_int(params, "panel_min_mapping_quality"), err);
    return status;
}

kuni_status kuni_qc_reads_open(const kuni_task *task, void **out, kuni_error *err)
{
    reads_state *state = kuni_alloc(1, sizeof(*state), err);
    if (!state) return KUNI_MEMORY;
    state->task = task;
    state->shard = task->shards[task->shard];
    state->min_mapping_quality = (int)kuni_params_int(task->params, "min_mapping_quality");
    kuni_status status = kuni_qc_task_panel(task, &state->panel, err);
    if (status) goto fail;
    state->shape = kuni_qc_task_shape(task, KUNI_QC_PARTIAL, task->batch, state->panel);
    state->n_counts = kuni_qc_length((int32_t)state->shape.n_contigs);
    status = KUNI_MEMORY;
    state->reference = kuni_alloc(state->n_counts, sizeof(*state->reference), err);
    state->counts = kuni_alloc(state->n_counts, sizeof(*state->counts), err);
    state->contents = kuni_alloc(state->shape.n_samples, sizeof(*state->contents), err);
    state->done = kuni_alloc(state->shape.n_samples, sizeof(*state->done), err);
    if (!state->reference || !state->counts || !state->contents || !state->done) goto fail;
    status = kuni_qc_tally_new(&state->tally, task->genome, state->shard, err);
    if (!status && state->shard.tid >= 0) status = open_placed(state, err);
    if (status) goto fail;
    *out = state;
    return KUNI_OK;
fail:
    kuni_qc_reads_close(state);
    return status;
}

kuni_status kuni_qc_reads_begin(void *opaque, size_t sample, kuni_error *err)
{
    (void)err;
    reads_state *state = opaque;
    state->sample = sample;
    memset(state->counts, 0, state->n_counts * sizeof(*state->counts));
    kuni_qc_tally_begin(state->tally, state->counts);
    if (state->coverage) kuni_qc_coverage_begin(state->coverage, state->counts);
    if (state->pileup) kuni_qc_pileup_begin(state->pileup);
    return KUNI_OK;
}

/* Aligned bases of a read that stays out of the coverage as a whole. */
static void exclude(reads_state *state, const bam1_t *record, kuni_qc_count reason)
{
    const uint32_t *cigar = bam_get_cigar(record);
    for (uint32_t k = 0; k < record->core.n_cigar; k++)
        if (bam_cigar_type(bam_cigar_op(cigar[k])) == 3)
            state->counts[reason] += bam_cigar_oplen(cigar[k]);
}

static kuni_status add_coverage(reads_state *state, const bam1_t *record, int64_t end, bool ours,
                                kuni_error *err)
{
    const uint16_t never = BAM_FUNMAP | BAM_FSECONDARY | BAM_FSUPPLEMENTARY | BAM_FQCFAIL;
    if (record->core.flag & never) return KUNI_OK;
    if (record->core.flag & BAM_FDUP) {
        if (ours) exclude(state, record, KUNI_QC_EXCLUDED_DUPLICATE);
        return KUNI_OK;
    }
    kuni_status status = KUNI_OK;
    if (state->pileup) status = kuni_qc_pileup_add(state->pileup, record, end, err);
    if (status) return status;
    if (record->core.qual < state->min_mapping_quality) {
        if (ours) exclude(state, record, KUNI_QC_EXCLUDED_MAPQ);
        return KUNI_OK;
    }
    const int64_t *mismatches = NULL;
    size_t n_mismatches = 0;
    if (kuni_qc_coverage_wants_mismatches(state->coverage))
        status =
            kuni_qc_tally_mismatches(state->tally, record, end, &mismatches, &n_mismatches, err);
    if (status) return status;
    return kuni_qc_coverage_add(state->coverage, record, end, mismatches, n_mismatches, err);
}

kuni_status kuni_qc_reads_add(void *opaque, const bam1_t *record, kuni_error *err)
{
    reads_state *state = opaque;
    int64_t pos = record->core.pos;
    if (state->shard.tid < 0) return kuni_qc_tally_add(state->tally, record, pos + 1, err);
    int64_t end = bam_endpos(record);
    if (pos >= state->shard.end || end <= state->shard.beg) return KUNI_OK; /* of the halo only */
    bool ours = pos >= state->shard.beg;
    kuni_status status = ours ? kuni_qc_tally_add(state->tally, record, end, err) : KUNI_OK;
    return status ? status : add_coverage(state, record, end, ours, err);
}

kuni_status kuni_qc_reads_end(void *opaque, kuni_error *err)
{
    reads_state *state = opaque;
    kuni_status status = KUNI_OK;
    kuni_qc_tally_end(state->tally);
    if (state->coverage) status = kuni_qc_coverage_end(state->coverage, err);
    kuni_buffer *content = &state->contents[state->sample];
    kuni_buffer_clear(content);
    if (!status) status = kuni_qc_encode(content, state->counts, state->n_counts, err);
    if (!status && state->pileup) status = kuni_qc_pileup_encode(state->pileup, content, err);
    state->done[state->sample] = !status;
    return status;
}

void kuni_qc_reads_drop(void *opaque)
{
    reads_state *state = opaque;
    kuni_buffer_fini(&state->contents[state->sample]);
    state->done[state->sample] = false;
}

kuni_status kuni_qc_reads_finish(void *opaque, kuni_error *err)
{
    reads_state *state = opaque;
    kuni_buffer records = KUNI_BUFFER_INIT;
    kuni_status status = KUNI_OK;
    for (uint32_t i = 0; i < state->shape.n_samples && !status; i++)
        status = kuni_qc_add_record(&records, state->done[i] ? &state->contents[i] : NULL, err);
    if (!status)
        status = kuni_qc_write(kuni_task_output(state->task, "qc-partial"), &state->shape,
                               state->reference, &records, err);
    kuni_buffer_fini(&records);
    return status;
}

void kuni_qc_reads_close(void *opaque)
{
    reads_state *state = opaque;
    if (!state) return;
    for (uint32_t i = 0; state->contents && i < state->shape.n_samples; i++)
        kuni_buffer_fini(&state->contents[i]);
    kuni_qc_pileup_free(state->pileup);
    kuni_qc_coverage_free(state->coverage);
    kuni_qc_tally_free(state->tally);
    kuni_qc_panel_free(state->panel);
    free(state->segments);
    free(state->reference);
    free(state->counts);
    free(state->contents);
    free(state->done);
    free(state);
}

kuni_status kuni_qc_reads_without(const kuni_task *task, const uint8_t *gone, kuni_error *err)
{
    size_t n;
    const kuni_task_file *from = kuni_task_inputs(task, "qc-partial", &n);
    if (n != 1) return kuni_fail(err, KUNI_BUG, "%zu partials of one task", n);
    return kuni_qc_leave_out(from->path, kuni_task_output(task, "qc-partial"), gone,
                             task->batches[task->batch].n_samples, err);
}
