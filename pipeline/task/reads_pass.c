/* SPDX-License-Identifier: MIT */
#include "reads_pass.h"

#include <stdlib.h>
#include <string.h>

#include "kuni/reads.h"

enum { BEAT_EVERY_RECORDS = 512 }; /* a power of two: records between two signs of life */

/* A part while the pass runs. */
typedef struct running_part {
    const kuni_step *step;
    const kuni_task *task;
    void *state;
    kuni_span window; /* the shard widened by the part's own halo */
    bool fed;         /* takes what the sample under way brings */
    bool begun;       /* begin_sample was called for the sample under way */
} running_part;

typedef struct running_pass {
    const kuni_reads_pass *pass;
    const kuni_task *task; /* of the first part: batch, samples */
    running_part *parts;
    size_t n_parts;
    size_t from, to;    /* parts of the shard under way */
    kuni_span *windows; /* of each shard, the widest that a part wants: room for n_parts */
    int64_t records;
} running_pass;

kuni_feed kuni_sample_feed(const kuni_sample *sample)
{
    return kuni_is_variants_path(sample->reads) ? KUNI_FEED_GVCF : KUNI_FEED_READS;
}

bool kuni_sample_feeds(const kuni_sample *sample, kuni_feed feed)
{
    return feed == KUNI_FEED_ANY || kuni_sample_feed(sample) == feed;
}

static void tell(const running_pass *run, int64_t sample, size_t part)
{
    if (run->pass->at) run->pass->at(run->pass->context, sample, part);
}

static void beat(const running_pass *run)
{
    if (run->pass->beat) run->pass->beat(run->pass->context, run->records);
}

static kuni_span widen(const kuni_task *task, int64_t halo_bp)
{
    kuni_span span = task->shards[task->shard];
    if (span.tid < 0) return span;
    const kuni_contig *contig = kuni_genome_contig(task->genome, span.tid);
    span.beg = span.beg > halo_bp ? span.beg - halo_bp : 0;
    span.end = contig->length_bp - span.end > halo_bp ? span.end + halo_bp : contig->length_bp;
    return span;
}

/*
 * Whose fault is an error of a stage function while a sample is under way? Damaged data can only be
 * the sample's. A refused write is not, unless the stage says so.
 */
static bool blames_sample(const kuni_error *why)
{
    return why->status == KUNI_DATA || (why->status == KUNI_IO && why->sample >= 0);
}

/* Forgets the sample in all parts that have begun it, also in those that have already ended it. */
static void drop_sample(running_pass *run, int64_t sample)
{
    for (size_t i = 0; i < run->n_parts; i++) {
        running_part *part = &run->parts[i];
        if (!part->begun) continue;
        tell(run, sample, i);
        if (part->step->drop_sample) part->step->drop_sample(part->state);
        part->begun = false;
    }
}

static kuni_status begin_sample(running_pass *run, int64_t sample, kuni_error *err)
{
    size_t in_batch = (size_t)sample - run->task->batches[run->task->batch].first;
    for (size_t i = run->from; i < run->to; i++) {
        running_part *part = &run->parts[i];
        if (!part->fed) continue;
        part->begun = true;
        tell(run, sample, i);
        if (!part->step->begin_sample) continue;
        kuni_status status = part->step->begin_sample(part->state, in_batch, err);
        if (status) return status;
    }
    return KUNI_OK;
}

static kuni_status end_sample(running_pass *run, int64_t sample, kuni_error *err)
{
    for (size_t i = run->from; i < run->to; i++) {
        running_part *part = &run->parts[i];
        if (!part->begun || !part->step->end_sample) continue;
        tell(run, sample, i);
        kuni_status status = part->step->end_sample(part->state, err);
        if (status) return status;
    }
    return KUNI_OK;
}

/* Each record to the parts whose window it overlaps. The order of parts is that of the job. */
static kuni_status feed_records(running_pass *run, kuni_reads *reads, int64_t sample,
                                kuni_error *err)
{
    for (;;) {
        bam1_t *record;
        kuni_status status = kuni_reads_next(reads, &record, err);
        if (status) return status;
        if (!record) return KUNI_OK;
        if ((++run->records & (BEAT_EVERY_RECORDS - 1)) == 0) beat(run);
        int64_t beg = record->core.pos, end = bam_endpos(record);
        for (size_t i = run->from; i < run->to; i++) {
            const running_part *part = &run->parts[i];
            if (!part->begun || !part->step->read) continue;
            if (part->window.tid >= 0 && (beg >= part->window.end || end <= part->window.beg))
                continue;
            status = part->step->read(part->state, record, err);
            if (status) {
                tell(run, sample, i);
                return status;
            }
        }
    }
}

/* The next shard of which some part takes what the sample brings; false where there is none. */
static bool next_shard(running_pass *run)
{
    while (run->to < run->n_parts) {
        bool any = false;
        int64_t shard = run->parts[run->to].task->shard;
        for (run->from = run->to;
             run->to < run->n_parts && run->parts[run->to].task->shard == shard; run->to++)
            any = any || run->parts[run->to].fed;
        if (any) return true;
    }
    return false;
}

/* The widest window of the shard under way. */
static kuni_span widest_window(const running_pass *run)
{
    const kuni_task *task = run->parts[run->from].task;
    kuni_span widest = {.tid = task->shards[task->shard].tid};
    bool first = true;
    for (size_t i = run->from; i < run->to; i++) {
        const running_part *part = &run->parts[i];
        if (!part->fed) continue;
        if (first || part->window.beg < widest.beg) widest.beg = part->window.beg;
        if (first || part->window.end > widest.end) widest.end = part->window.end;
        first = false;
    }
    return widest;
}

/* A sample of reads: open; for each shard seek, begin, feed, end. */
static kuni_status pass_reads(running_pass *run, int64_t sample, kuni_error *err)
{
    /* What it takes to tell where a record lies, whatever the stages look at. */
    int fields = SAM_FLAG | SAM_RNAME | SAM_POS | SAM_CIGAR;
    size_t n_windows = 0;
    for (size_t i = 0; i < run->n_parts; i++)
        if (run->parts[i].fed) fields |= run->parts[i].step->fields;
    for (run->to = 0; next_shard(run);) run->windows[n_windows++] = widest_window(run);
    /* Only the last can be that of reads without a place, which is no contig's. */
    size_t n_places = n_windows && run->windows[n_windows - 1].tid < 0 ? n_windows - 1 : n_windows;
    kuni_reads *reads = NULL;
    kuni_status status = kuni_reads_open(&reads, &run->task->samples[sample], run->task->genome,
                                         run->windows, n_places, fields, err);
    if (status) return status;
    for (run->to = 0; !status && next_shard(run);) {
        status = kuni_reads_seek(reads, widest_window(run), err);
        if (!status) status = begin_sample(run, sample, err);
        if (!status) status = feed_records(run, reads, sample, err);
        if (!status) status = end_sample(run, sample, err);
    }
    kuni_reads_close(reads);
    return status;
}

static kuni_status pass_variants(running_pass *run, int64_t sample, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    for (run->to = 0; !status && next_shard(run);) {
        status = begin_sample(run, sample, err);
        if (!status) status = end_sample(run, sample, err);
    }
    return status;
}

static bool choose_parts(running_pass *run, int64_t sample)
{
    kuni_feed feed = kuni_sample_feed(&run->task->samples[sample]);
    bool any = false;
    for (size_t i = 0; i < run->n_parts; i++) {
        running_part *part = &run->parts[i];
        bool unplaced = part->task->shards[part->task->shard].tid < 0;
        part->begun = false;
        part->fed = part->step->feed == feed && (!unplaced || part->step->unplaced);
        any = any || part->fed;
    }
    return any;
}

static kuni_status pass_sample(running_pass *run, int64_t sample, kuni_error *err)
{
    if (!choose_parts(run, sample)) return KUNI_OK;
    tell(run, sample, 0);
    beat(run);
    kuni_error why = KUNI_ERROR_INIT;
    kuni_status status;
    bool of_reads = kuni_sample_feed(&run->task->samples[sample]) == KUNI_FEED_READS;
    if (of_reads) {
        status = pass_reads(run, sample, &why);
        /* Opening and decoding touch nothing but the sample's own files. */
        if (status == KUNI_IO && why.sample < 0) {
            bool begun = false;
            for (size_t i = 0; i < run->n_parts; i++) begun = begun || run->parts[i].begun;
            if (!begun) why.sample = sample;
        }
    } else {
        status = pass_variants(run, sample, &why);
    }
    if (!status) return KUNI_OK;
    if (why.status == KUNI_OK)
        status = kuni_fail(&why, status, "sample %s: the stage failed without saying why",
                           run->task->samples[sample].id);
    bool blamed = blames_sample(&why);
    why.sample = status == KUNI_IO && !blamed ? -1 : sample;
    if (!blamed || !run->pass->bad) {
        if (err && err->status == KUNI_OK) *err = why;
        return status;
    }
    drop_sample(run, sample);
    return run->pass->bad(run->pass->context, sample, &why, err);
}

static kuni_status open_parts(running_pass *run, kuni_error *err)
{
    const kuni_reads_pass *pass = run->pass;
    for (size_t i = 0; i < pass->n_parts; i++) {
        running_part *part = &run->parts[i];
        part->step = pass->parts[i].step;
        part->task = pass->parts[i].task;
        part->window = widen(part->task, part->step->halo_bp);
        run->n_parts = i + 1;
        tell(run, -1, i);
        kuni_status status = part->step->open(part->task, &part->state, err);
        if (status) return status;
    }
    return KUNI_OK;
}

static kuni_status finish_parts(running_pass *run, kuni_error *err)
{
    for (size_t i = 0; i < run->n_parts; i++) {
        running_part *part = &run->parts[i];
        tell(run, -1, i);
        beat(run);
        kuni_status status = part->step->finish(part->state, err);
        if (status) return status;
    }
    return KUNI_OK;
}

kuni_status kuni_reads_pass_run(const kuni_reads_pass *pass, kuni_error *err)
{
    running_pass run = {.pass = pass, .task = pass->parts[0].task};
    run.parts = kuni_alloc(pass->n_parts, sizeof(*run.parts), err);
    run.windows = kuni_alloc(pass->n_parts, sizeof(*run.windows), err);
    if (!run.parts || !run.windows) {
        free(run.parts);
        free(run.windows);
        return KUNI_MEMORY;
    }
    const kuni_batch *batch = &run.task->batches[run.task->batch];
    kuni_status status = open_parts(&run, err);
    for (size_t i = 0; i < batch->n_samples && !status; i++) {
        int64_t sample = (int64_t)(batch->first + i);
        if (pass->skip && pass->skip[sample]) continue;
        status = pass_sample(&run, sample, err);
    }
    if (!status) status = finish_parts(&run, err);
    beat(&run);
    for (size_t i = 0; i < run.n_parts; i++)
        if (run.parts[i].step->close) run.parts[i].step->close(run.parts[i].state);
    free(run.parts);
    free(run.windows);
    return status;
}
