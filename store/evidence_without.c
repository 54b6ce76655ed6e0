/* SPDX-License-Identifier: MIT */
/* Evidence again, without some of its people. */
#include <stdlib.h>

#include "kuni/evidence.h"
#include "kuni/stage.h"

/*
 * What reaches in from the chunk before stands there, too: it is taken once. Before the first chunk
 * there is none, so what reaches into the shard is taken from that.
 */
static kuni_status copy_events(const kuni_evidence_chunk *chunk, bool first, const uint8_t *gone,
                               kuni_evidence_writer *writer, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < chunk->n_events && !status; i++) {
        const kuni_event *event = &chunk->events[i];
        if (!gone[event->sample] && (first || !(event->flags & KUNI_EVENT_CARRIED)))
            status = kuni_evidence_add_event(writer, event, err);
    }
    return status;
}

static kuni_status copy_chunks(kuni_evidence_reader *reader, const uint8_t *gone,
                               kuni_evidence_writer *writer, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    for (size_t k = 0; k < kuni_evidence_chunk_count(reader) && !status; k++) {
        kuni_evidence_chunk chunk;
        status = kuni_evidence_read(reader, k, KUNI_READ_EVENTS | KUNI_READ_BLOCKS, &chunk, err);
        if (!status) status = copy_events(&chunk, k == 0, gone, writer, err);
        for (size_t i = 0; !status && i < chunk.n_blocks; i++)
            if (!gone[chunk.blocks[i].sample])
                status = kuni_evidence_add_block(writer, &chunk.blocks[i], err);
    }
    return status;
}

kuni_status kuni_evidence_leave_out(const char *from, const char *to, const uint8_t *gone,
                                    size_t n_samples, kuni_error *err)
{
    kuni_evidence_reader *reader;
    kuni_evidence_writer *writer = NULL;
    kuni_status status = kuni_evidence_open(&reader, from, err);
    if (status) return status;
    kuni_evidence_header header = *kuni_evidence_get_header(reader);
    const char **ids = kuni_alloc((size_t)header.n_samples + 1, sizeof(*ids), err);
    if (!ids) status = KUNI_MEMORY;
    if (!status && header.n_samples != n_samples)
        status = kuni_fail(err, KUNI_DATA, "%s: has %u samples, its batch %zu", from,
                           header.n_samples, n_samples);
    for (uint32_t i = 0; !status && i < header.n_samples; i++)
        ids[i] = gone[i] ? KUNI_SAMPLE_NOBODY : header.samples[i];
    header.samples = ids;
    if (!status) status = kuni_evidence_create(&writer, to, &header, err);
    if (!status) {
        status = copy_chunks(reader, gone, writer, err);
        if (!status)
            status = kuni_evidence_finish(writer, err);
        else
            kuni_evidence_abandon(writer);
    }
    kuni_evidence_close(reader);
    free(ids);
    return status;
}

kuni_status kuni_evidence_without(const kuni_task *task, const uint8_t *gone, kuni_error *err)
{
    size_t n;
    const kuni_task_file *from = kuni_task_inputs(task, "evidence", &n);
    if (n != 1) return kuni_fail(err, KUNI_BUG, "%zu files of evidence of one task", n);
    return kuni_evidence_leave_out(from->path, kuni_task_output(task, "evidence"), gone,
                                   task->batches[task->batch].n_samples, err);
}
