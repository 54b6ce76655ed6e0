/* SPDX-License-Identifier: MIT */
#include "work.h"

#include <stdlib.h>
#include <string.h>

void kuni_work_fini(kuni_work *work)
{
    free(work->parts);
    free(work->files);
    free(work->skip);
    *work = (kuni_work){.id = 0};
}

kuni_status kuni_work_add_part(kuni_work *work, size_t node, const kuni_hash *key, kuni_error *err)
{
    kuni_status status = kuni_grow((void **)&work->parts, &work->parts_capacity, work->n_parts + 1,
                                   sizeof(kuni_work_part), err);
    if (status) return status;
    work->parts[work->n_parts++] = (kuni_work_part){
        .node = (uint16_t)node, .key = *key, .first_file = (uint32_t)work->n_files};
    return KUNI_OK;
}

kuni_status kuni_work_add_file(kuni_work *work, kuni_work_file file, kuni_error *err)
{
    kuni_status status = kuni_grow((void **)&work->files, &work->files_capacity, work->n_files + 1,
                                   sizeof(kuni_work_file), err);
    if (status) return status;
    work->files[work->n_files++] = file;
    work->parts[work->n_parts - 1].n_files++;
    return KUNI_OK;
}

kuni_status kuni_work_add_skip(kuni_work *work, uint32_t sample, kuni_error *err)
{
    kuni_status status = kuni_grow((void **)&work->skip, &work->skip_capacity, work->n_skip + 1,
                                   sizeof(uint32_t), err);
    if (status) return status;
    work->skip[work->n_skip++] = sample;
    return KUNI_OK;
}

/* --- packing --- */

kuni_status kuni_message_start(kuni_buffer *message, kuni_message_type type, kuni_error *err)
{
    char byte = (char)type;
    kuni_buffer_clear(message);
    return kuni_buffer_append(message, &byte, 1, err);
}

kuni_status kuni_message_put_u64(kuni_buffer *message, uint64_t value, kuni_error *err)
{
    return kuni_buffer_append(message, &value, sizeof(value), err);
}

kuni_status kuni_work_pack(const kuni_work *work, kuni_buffer *message, kuni_error *err)
{
    const uint64_t head[] = {work->id,
                             (uint64_t)(int64_t)work->shard,
                             (uint64_t)(int64_t)work->batch,
                             work->attempt,
                             work->n_parts,
                             work->n_files,
                             work->n_skip};
    kuni_status status = kuni_buffer_append(message, head, sizeof(head), err);
    if (!status && work->n_parts)
        status =
            kuni_buffer_append(message, work->parts, work->n_parts * sizeof(*work->parts), err);
    if (!status && work->n_files)
        status =
            kuni_buffer_append(message, work->files, work->n_files * sizeof(*work->files), err);
    if (!status && work->n_skip)
        status = kuni_buffer_append(message, work->skip, work->n_skip * sizeof(*work->skip), err);
    return status;
}

/* --- unpacking --- */

int kuni_message_open(kuni_message_reader *reader, const kuni_buffer *message)
{
    if (message->length == 0) return 0;
    *reader =
        (kuni_message_reader){.at = message->data + 1, .end = message->data + message->length};
    return (unsigned char)message->data[0];
}

static kuni_status foreign(kuni_error *err)
{
    return kuni_fail(err, KUNI_BUG,
                     "a message between ranks is damaged: do all ranks run this kuni?");
}

static kuni_status take(kuni_message_reader *reader, void *out, size_t bytes, kuni_error *err)
{
    if ((size_t)(reader->end - reader->at) < bytes) return foreign(err);
    if (bytes) memcpy(out, reader->at, bytes);
    reader->at += bytes;
    return KUNI_OK;
}

kuni_status kuni_message_get_u64(kuni_message_reader *reader, uint64_t *value, kuni_error *err)
{
    return take(reader, value, sizeof(*value), err);
}

static kuni_status take_array(kuni_message_reader *reader, void **array, size_t *capacity,
                              uint64_t n, size_t size, kuni_error *err)
{
    if (n > (size_t)(reader->end - reader->at) / size) return foreign(err);
    kuni_status status = kuni_grow(array, capacity, n ? n : 1, size, err);
    return status ? status : take(reader, *array, n * size, err);
}

kuni_status kuni_work_unpack(kuni_work *work, kuni_message_reader *reader, kuni_error *err)
{
    uint64_t head[7];
    kuni_status status = take(reader, head, sizeof(head), err);
    if (status) return status;
    work->id = head[0];
    work->shard = (int32_t)(int64_t)head[1];
    work->batch = (int32_t)(int64_t)head[2];
    work->attempt = (uint32_t)head[3];
    status = take_array(reader, (void **)&work->parts, &work->parts_capacity, head[4],
                        sizeof(*work->parts), err);
    if (!status)
        status = take_array(reader, (void **)&work->files, &work->files_capacity, head[5],
                            sizeof(*work->files), err);
    if (!status)
        status = take_array(reader, (void **)&work->skip, &work->skip_capacity, head[6],
                            sizeof(*work->skip), err);
    if (status) return status;
    work->n_parts = head[4];
    work->n_files = head[5];
    work->n_skip = head[6];
    for (size_t i = 0; i < work->n_parts; i++)
        if (work->parts[i].first_file > work->n_files ||
            work->parts[i].n_files > work->n_files - work->parts[i].first_file)
            return foreign(err);
    return KUNI_OK;
}
