/* SPDX-License-Identifier: MIT */
/*
 * A stage that gives evidence which is there already (kuni simulate --evidence) as if it had called it, so that a
 * dataset of very many people can be made without reads: tests/bench/evidence-dataset. `people` is its table samples.tsv,
 * beside which lies evidence/b0000.ev and so on, of the same people in the same order.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kuni/evidence.h"
#include "kuni/plugin.h"

static const kuni_param params[] = {
    {.name = "people",
     .type = KUNI_PARAM_PATH,
     .step = "",
     .help = "samples.tsv of simulated evidence"},
    {.name = NULL},
};

static kuni_status nothing_open(const kuni_task *task, void **state, kuni_error *err)
{
    (void)err;
    *state = (void *)task;
    return KUNI_OK;
}

static kuni_status nothing_begin(void *state, size_t sample, kuni_error *err)
{
    (void)state;
    (void)sample;
    (void)err;
    return KUNI_OK;
}

static kuni_status nothing_read(void *state, const bam1_t *record, kuni_error *err)
{
    (void)state;
    (void)record;
    (void)err;
    return KUNI_OK;
}

static kuni_status nothing_end(void *state, kuni_error *err)
{
    (void)state;
    (void)err;
    return KUNI_OK;
}

static void nothing_drop(void *state)
{
    (void)state;
}

static void nothing_close(void *state)
{
    (void)state;
}

/* Bases of REF; what an event covers. */
static int64_t length_of(const kuni_event *event)
{
    return (int64_t)strlen(event->alleles[0]);
}

/* What of a chunk lies in the shard; events that reach into a later chunk stand there again. */
static kuni_status copy_chunk(const kuni_evidence_chunk *chunk, kuni_evidence_writer *writer,
                              kuni_span shard, bool first, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    for (size_t i = 0; !status && i < chunk->n_events; i++) {
        const kuni_event *event = &chunk->events[i];
        bool again = event->flags & KUNI_EVENT_CARRIED && !first;
        if (!again && event->pos < shard.end && event->pos + length_of(event) > shard.beg)
            status = kuni_evidence_add_event(writer, event, err);
    }
    for (size_t i = 0; !status && i < chunk->n_blocks; i++) {
        kuni_block block = chunk->blocks[i];
        if (block.beg < shard.beg) block.beg = shard.beg;
        if (block.end > shard.end) block.end = shard.end;
        if (block.beg < block.end) status = kuni_evidence_add_block(writer, &block, err);
    }
    return status;
}

static kuni_status copy_chunks(kuni_evidence_reader *reader, kuni_evidence_writer *writer,
                               kuni_span shard, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    bool first = true;
    for (size_t i = 0; i < kuni_evidence_chunk_count(reader) && !status; i++) {
        kuni_evidence_extent extent;
        kuni_evidence_chunk chunk;
        kuni_evidence_get_extent(reader, i, &extent);
        if (extent.end <= shard.beg || extent.beg >= shard.end) continue;
        status = kuni_evidence_read(reader, i, KUNI_READ_ALL, &chunk, err);
        if (!status) status = copy_chunk(&chunk, writer, shard, first, err);
        first = false;
    }
    return status;
}

static kuni_status copy_finish(void *state, kuni_error *err)
{
    const kuni_task *task = state;
    const kuni_batch *batch = &task->batches[task->batch];
    kuni_evidence_reader *reader = NULL;
    kuni_evidence_writer *writer = NULL;
    char path[4096];
    const char *people = kuni_params_text(task->params, "people"), *slash = strrchr(people, '/');
    (void)snprintf(path, sizeof(path), "%.*s/evidence/%s.ev", (int)(slash - people), people,
                   batch->id);
    kuni_status status = kuni_evidence_open(&reader, path, err);
    if (!status && kuni_evidence_get_header(reader)->n_samples != batch->n_samples)
        status =
            kuni_fail(err, KUNI_DATA, "%s: %u samples, batch %s has %zu", path,
                      kuni_evidence_get_header(reader)->n_samples, batch->id, batch->n_samples);
    if (!status) status = kuni_evidence_create_for_task(&writer, task, "evidence-as-it-is", 1, err);
    if (!status) status = copy_chunks(reader, writer, task->shards[task->shard], err);
    if (!status)
        status = kuni_evidence_finish(writer, err);
    else if (writer)
        kuni_evidence_abandon(writer);
    kuni_evidence_close(reader);
    return status;
}

static const kuni_port evidence[] = {{.kind = "evidence", .extension = "ev"}, {.kind = NULL}};

static const kuni_step steps[] = {{.name = "",
                                   .scatter = KUNI_SCATTER_READS,
                                   .outputs = evidence,
                                   .feed = KUNI_FEED_READS,
                                   .fields = SAM_FLAG,
                                   .open = nothing_open,
                                   .begin_sample = nothing_begin,
                                   .read = nothing_read,
                                   .end_sample = nothing_end,
                                   .drop_sample = nothing_drop,
                                   .finish = copy_finish,
                                   .close = nothing_close,
                                   .combine = kuni_evidence_combine}};

static const kuni_stage stage = {.name = "evidence-as-it-is",
                                 .summary = "gives evidence that is there; for benchmarks",
                                 .version = 1,
                                 .params = params,
                                 .steps = steps,
                                 .n_steps = 1};

KUNI_PLUGIN(stage)
