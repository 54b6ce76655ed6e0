/* SPDX-License-Identifier: MIT */
/* Evidence again, without some of its people; and that of several batches as one. */
#include <stdlib.h>
#include <string.h>

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

/* --- several as one --- */

typedef struct combining {
    const kuni_task_file *files;
    size_t n;
    kuni_evidence_header header; /* of the first, with the ids of all */
    const char **ids;
    char **kept; /* what the header borrows */
    size_t n_kept;
} combining;

static const char *keep(combining *c, const char *text, kuni_error *err)
{
    char *copy = kuni_strdup(text, err);
    if (copy) c->kept[c->n_kept++] = copy;
    return copy;
}

static bool is_alike(const kuni_evidence_header *a, const kuni_evidence_header *b)
{
    return a->shard.tid == b->shard.tid && a->shard.beg == b->shard.beg &&
           a->shard.end == b->shard.end && strcmp(a->contig, b->contig) == 0 &&
           strcmp(a->reference_md5, b->reference_md5) == 0 &&
           strcmp(a->producer, b->producer) == 0 && strcmp(a->params, b->params) == 0;
}

enum { TEXTS = 4 };

static kuni_status take_header(combining *c, const kuni_evidence_header *header, size_t room,
                               kuni_error *err)
{
    c->header = *header;
    c->header.n_samples = 0;
    c->ids = kuni_alloc(room + 1, sizeof(*c->ids), err);
    c->kept = kuni_alloc(room + TEXTS, sizeof(*c->kept), err);
    if (!c->ids || !c->kept) return KUNI_MEMORY;
    c->header.samples = c->ids;
    const char **const texts[TEXTS] = {&c->header.contig, &c->header.reference_md5,
                                       &c->header.producer, &c->header.params};
    for (size_t i = 0; i < TEXTS; i++)
        if (!(*texts[i] = keep(c, *texts[i], err))) return KUNI_MEMORY;
    return KUNI_OK;
}

static kuni_status add_header(combining *c, size_t file, size_t room, kuni_error *err)
{
    kuni_evidence_reader *reader;
    kuni_status status = kuni_evidence_open(&reader, c->files[file].path, err);
    if (status) return status;
    const kuni_evidence_header *header = kuni_evidence_get_header(reader);
    if (file == 0) status = take_header(c, header, room, err);
    if (!status &&
        (!is_alike(header, &c->header) || header->n_samples > room - c->header.n_samples))
        status = kuni_fail(err, KUNI_DATA, "%s: was not made as that of the batch before it",
                           c->files[file].path);
    for (uint32_t i = 0; !status && i < header->n_samples; i++) {
        const char *id = keep(c, header->samples[i], err);
        if (id)
            c->ids[c->header.n_samples++] = id;
        else
            status = KUNI_MEMORY;
    }
    kuni_evidence_close(reader);
    return status;
}

/* Everybody must be where the new batch has them. */
static kuni_status check_people(const combining *c, const kuni_task *task, kuni_error *err)
{
    const kuni_batch *batch = &task->batches[task->batch];
    bool same = c->header.n_samples == batch->n_samples;
    for (size_t i = 0; i < batch->n_samples && same; i++)
        same = strcmp(c->ids[i], task->samples[batch->first + i].id) == 0;
    return same ? KUNI_OK
                : kuni_fail(err, KUNI_DATA,
                            "%s and what follows it tell of other people than batch %s",
                            c->files[0].path, batch->id);
}

static kuni_status copy_all(const char *path, uint32_t first, kuni_evidence_writer *writer,
                            uint32_t *n_samples, kuni_error *err)
{
    kuni_evidence_reader *reader;
    kuni_status status = kuni_evidence_open(&reader, path, err);
    if (status) return status;
    *n_samples = kuni_evidence_get_header(reader)->n_samples;
    for (size_t k = 0; k < kuni_evidence_chunk_count(reader) && !status; k++) {
        kuni_evidence_chunk chunk;
        status = kuni_evidence_read(reader, k, KUNI_READ_EVENTS | KUNI_READ_BLOCKS, &chunk, err);
        for (size_t i = 0; !status && i < chunk.n_events; i++) {
            kuni_event event = chunk.events[i];
            event.sample += first;
            if (k == 0 || !(event.flags & KUNI_EVENT_CARRIED))
                status = kuni_evidence_add_event(writer, &event, err);
        }
        for (size_t i = 0; !status && i < chunk.n_blocks; i++) {
            kuni_block block = chunk.blocks[i];
            block.sample += first;
            status = kuni_evidence_add_block(writer, &block, err);
        }
    }
    kuni_evidence_close(reader);
    return status;
}

kuni_status kuni_evidence_combine(const kuni_task *task, kuni_error *err)
{
    combining c = {.n = 0};
    kuni_evidence_writer *writer = NULL;
    c.files = kuni_task_inputs(task, "evidence", &c.n);
    kuni_status status = c.n ? KUNI_OK : kuni_fail(err, KUNI_BUG, "no evidence is to be combined");
    for (size_t i = 0; i < c.n && !status; i++) status = add_header(&c, i, task->n_samples, err);
    if (!status) status = check_people(&c, task, err);
    if (!status)
        status = kuni_evidence_create(&writer, kuni_task_output(task, "evidence"), &c.header, err);
    uint32_t first = 0, n_samples = 0;
    for (size_t i = 0; i < c.n && !status; i++, first += n_samples)
        status = copy_all(c.files[i].path, first, writer, &n_samples, err);
    if (!status)
        status = kuni_evidence_finish(writer, err);
    else if (writer)
        kuni_evidence_abandon(writer);
    for (size_t i = 0; i < c.n_kept; i++) free(c.kept[i]);
    free(c.kept);
    free(c.ids);
    return status;
}
