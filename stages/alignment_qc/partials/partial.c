/* SPDX-License-Identifier: MIT */
#include "partial.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "folded.h"
#include "kuni/file.h"

enum { HEADER_BYTES = 40 };
/* Of the first version the body stands as it is. */
static const char magic[8] = {'k', 'u', 'n', 'i', 'q', 'c', '0', '2'};
static const char plain_magic[8] = {'k', 'u', 'n', 'i', 'q', 'c', '0', '1'};

static uint32_t checksum(const char *bytes, size_t length)
{
    return (uint32_t)crc32_z(crc32_z(0, NULL, 0), (const unsigned char *)bytes, length);
}

static kuni_qc_bytes bytes_of(const kuni_buffer *buffer, size_t from)
{
    const unsigned char *data = (const unsigned char *)buffer->data;
    return (kuni_qc_bytes){.at = data + from, .end = data + buffer->length};
}

kuni_status kuni_qc_add_record(kuni_buffer *records, const kuni_buffer *content, kuni_error *err)
{
    kuni_status status = kuni_qc_put_varint(records, content ? content->length : 0, err);
    if (!status && content)
        status = kuni_buffer_append(records, content->data, content->length, err);
    return status;
}

kuni_status kuni_qc_write(const char *path, const kuni_qc_shape *shape, const uint64_t *reference,
                          const kuni_buffer *records, kuni_error *err)
{
    kuni_buffer body = KUNI_BUFFER_INIT, out = KUNI_BUFFER_INIT;
    unsigned char header[HEADER_BYTES] = {0};
    kuni_status status =
        kuni_qc_encode(&body, reference, kuni_qc_length((int32_t)shape->n_contigs), err);
    if (!status && records->length)
        status = kuni_buffer_append(&body, records->data, records->length, err);
    if (!status) status = kuni_buffer_append(&out, header, sizeof(header), err);
    if (!status) status = kuni_qc_fold(bytes_of(&body, 0), shape->n_samples, &out, err);
    if (status) goto done;
    memcpy(header, magic, sizeof(magic));
    kuni_qc_put_le(header + 8, (uint32_t)shape->kind, 4);
    kuni_qc_put_le(header + 12, shape->n_contigs, 4);
    kuni_qc_put_le(header + 16, shape->n_sites, 4);
    kuni_qc_put_le(header + 20, shape->n_samples, 4);
    kuni_qc_put_le(header + 24, out.length - HEADER_BYTES, 8);
    kuni_qc_put_le(header + 32, checksum(out.data + HEADER_BYTES, out.length - HEADER_BYTES), 4);
    memcpy(out.data, header, sizeof(header));
    status = kuni_file_put(path, out.data, out.length, err);
done:
    kuni_buffer_fini(&body);
    kuni_buffer_fini(&out);
    return status;
}

static kuni_status damaged(const char *path, const char *what, kuni_error *err)
{
    return kuni_fail(err, KUNI_DATA, "QC file: %s: %s: remove it and run again", path, what);
}

kuni_status kuni_qc_open(kuni_qc_file *file, const char *path, const kuni_qc_shape *expected,
                         kuni_error *err)
{
    *file = (kuni_qc_file){0};
    kuni_status status = kuni_file_get(path, SIZE_MAX, &file->bytes, err);
    if (status) return status;
    const unsigned char *bytes = (const unsigned char *)file->bytes.data;
    size_t length = file->bytes.length;
    bool plain = length >= HEADER_BYTES && memcmp(bytes, plain_magic, sizeof(magic)) == 0;
    if (!plain && (length < HEADER_BYTES || memcmp(bytes, magic, sizeof(magic)) != 0)) {
        status = damaged(path, "not a QC file of this version", err);
        goto fail;
    }
    file->shape = (kuni_qc_shape){.kind = (kuni_qc_kind)kuni_qc_get_le(bytes + 8, 4),
                                  .n_contigs = (uint32_t)kuni_qc_get_le(bytes + 12, 4),
                                  .n_sites = (uint32_t)kuni_qc_get_le(bytes + 16, 4),
                                  .n_samples = (uint32_t)kuni_qc_get_le(bytes + 20, 4)};
    if (kuni_qc_get_le(bytes + 24, 8) != length - HEADER_BYTES ||
        kuni_qc_get_le(bytes + 32, 4) !=
            checksum(file->bytes.data + HEADER_BYTES, length - HEADER_BYTES)) {
        status = damaged(path, "truncated or damaged (checksum)", err);
        goto fail;
    }
    if (expected &&
        (file->shape.kind != expected->kind || file->shape.n_contigs != expected->n_contigs ||
         file->shape.n_sites != expected->n_sites ||
         file->shape.n_samples != expected->n_samples)) {
        status = damaged(path, "made with another reference, panel or batch", err);
        goto fail;
    }
    kuni_qc_bytes cursor = bytes_of(&file->bytes, HEADER_BYTES);
    if (!plain) {
        kuni_buffer body = KUNI_BUFFER_INIT;
        kuni_error cause = KUNI_ERROR_INIT;
        status = kuni_qc_unfold(cursor, file->shape.n_samples, &body, &cause);
        kuni_buffer_fini(&file->bytes);
        file->bytes = body;
        cursor = bytes_of(&file->bytes, 0);
        if (status == KUNI_DATA)
            status = damaged(path, cause.text, err);
        else if (status)
            (void)kuni_fail(err, status, "%s", cause.text);
        if (status) goto fail;
    }
    file->reference.at = cursor.at;
    uint64_t n = kuni_qc_get_varint(&cursor);
    for (uint64_t i = 0; i < n && !cursor.bad; i++) {
        (void)kuni_qc_get_varint(&cursor);
        (void)kuni_qc_get_varint(&cursor);
    }
    file->reference.end = cursor.at;
    status = KUNI_MEMORY;
    file->records = kuni_alloc(file->shape.n_samples, sizeof(*file->records), err);
    if (!file->records) goto fail;
    for (uint32_t i = 0; i < file->shape.n_samples && !cursor.bad; i++) {
        uint64_t size = kuni_qc_get_varint(&cursor);
        if (size > (uint64_t)(cursor.end - cursor.at)) {
            cursor.bad = true;
            break;
        }
        file->records[i] = (kuni_qc_bytes){cursor.at, cursor.at + size, false};
        cursor.at += size;
    }
    if (cursor.bad || cursor.at != cursor.end) {
        status = damaged(path, "its records do not add up", err);
        goto fail;
    }
    return KUNI_OK;
fail:
    kuni_qc_close(file);
    return status;
}

void kuni_qc_close(kuni_qc_file *file)
{
    kuni_buffer_fini(&file->bytes);
    free(file->records);
    *file = (kuni_qc_file){0};
}

/* --- without some --- */

static kuni_status keep_records(const kuni_qc_file *file, const uint8_t *gone, kuni_buffer *records,
                                kuni_error *err)
{
    kuni_status status = KUNI_OK;
    for (uint32_t i = 0; i < file->shape.n_samples && !status; i++) {
        size_t length = gone[i] ? 0 : (size_t)(file->records[i].end - file->records[i].at);
        status = kuni_qc_put_varint(records, length, err);
        if (!status && length)
            status = kuni_buffer_append(records, file->records[i].at, length, err);
    }
    return status;
}

kuni_status kuni_qc_leave_out(const char *from, const char *to, const uint8_t *gone,
                              size_t n_samples, kuni_error *err)
{
    kuni_qc_file file;
    kuni_buffer records = KUNI_BUFFER_INIT;
    kuni_status status = kuni_qc_open(&file, from, NULL, err);
    if (status) return status;
    size_t length = kuni_qc_length((int32_t)file.shape.n_contigs);
    uint64_t *reference = kuni_alloc(length, sizeof(*reference), err);
    if (!reference)
        status = KUNI_MEMORY;
    else if (file.shape.kind != KUNI_QC_PARTIAL || file.shape.n_samples != n_samples ||
             !kuni_qc_decode_add(&file.reference, reference, length))
        status = damaged(from, "made with another reference, panel or batch", err);
    if (!status) status = keep_records(&file, gone, &records, err);
    if (!status) status = kuni_qc_write(to, &file.shape, reference, &records, err);
    kuni_buffer_fini(&records);
    free(reference);
    kuni_qc_close(&file);
    return status;
}

/* --- several as one --- */

static bool goes_with(const kuni_qc_shape *a, const kuni_qc_shape *b)
{
    return a->kind == KUNI_QC_PARTIAL && b->kind == KUNI_QC_PARTIAL &&
           a->n_contigs == b->n_contigs && a->n_sites == b->n_sites;
}

/* The same regions were processed, so the reference counts are the same. */
static kuni_status add_records(const char *path, kuni_qc_shape *all, kuni_buffer *reference,
                               kuni_buffer *records, kuni_error *err)
{
    kuni_qc_file file;
    kuni_status status = kuni_qc_open(&file, path, NULL, err);
    if (status) return status;
    size_t length = (size_t)(file.reference.end - file.reference.at);
    bool first = all->n_samples == 0;
    if (first) {
        *all = (kuni_qc_shape){file.shape.kind, file.shape.n_contigs, file.shape.n_sites, 0};
        status = kuni_buffer_append(reference, file.reference.at, length, err);
    }
    if (!status && (!goes_with(all, &file.shape) || length != reference->length ||
                    memcmp(reference->data, file.reference.at, length) != 0))
        status = damaged(path, "made with another reference, panel or regions", err);
    for (uint32_t i = 0; i < file.shape.n_samples && !status; i++) {
        size_t bytes = (size_t)(file.records[i].end - file.records[i].at);
        status = kuni_qc_put_varint(records, bytes, err);
        if (!status && bytes) status = kuni_buffer_append(records, file.records[i].at, bytes, err);
    }
    all->n_samples += file.shape.n_samples;
    kuni_qc_close(&file);
    return status;
}

kuni_status kuni_qc_put_together(const char *const *from, size_t n, size_t n_samples,
                                 const char *to, kuni_error *err)
{
    kuni_qc_shape all = {.n_samples = 0};
    kuni_buffer coded = KUNI_BUFFER_INIT, records = KUNI_BUFFER_INIT;
    uint64_t *reference = NULL;
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < n && !status; i++)
        status = add_records(from[i], &all, &coded, &records, err);
    if (!status && all.n_samples != n_samples)
        status = damaged(from[0], "with those after it of another number of samples", err);
    if (!status) {
        size_t length = kuni_qc_length((int32_t)all.n_contigs);
        kuni_qc_bytes bytes = bytes_of(&coded, 0);
        reference = kuni_alloc(length, sizeof(*reference), err);
        if (!reference)
            status = KUNI_MEMORY;
        else if (!kuni_qc_decode_add(&bytes, reference, length))
            status = damaged(from[0], "damaged counts", err);
    }
    if (!status) status = kuni_qc_write(to, &all, reference, &records, err);
    free(reference);
    kuni_buffer_fini(&coded);
    kuni_buffer_fini(&records);
    return status;
}
