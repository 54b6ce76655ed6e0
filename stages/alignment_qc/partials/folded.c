/* SPDX-License-Identifier: MIT */
#include "folded.h"

#include <stdlib.h>
#include <zlib.h>

enum { GAPS, LOWS, HIGHS, OTHERS, STREAMS };
enum { HEAD_BYTES = 16, LEVEL = 6, RATIO_MOST = 1100 }; /* zlib inflates to 1,032 times at most */

static kuni_status damaged(kuni_error *err)
{
    return kuni_fail(err, KUNI_DATA, "its records do not add up");
}

/* --- folding --- */

static kuni_status fold_counts(kuni_qc_bytes *from, kuni_buffer streams[STREAMS], kuni_error *err)
{
    uint64_t n = kuni_qc_get_varint(from);
    kuni_status status = kuni_qc_put_varint(&streams[GAPS], n, err);
    for (uint64_t i = 0; i < n && !from->bad && !status; i++) {
        status = kuni_qc_put_varint(&streams[GAPS], kuni_qc_get_varint(from), err);
        uint64_t count = kuni_qc_get_varint(from);
        unsigned char low = (unsigned char)count;
        if (!status) status = kuni_buffer_append(&streams[LOWS], &low, 1, err);
        if (!status) status = kuni_qc_put_varint(&streams[HIGHS], count >> 8, err);
    }
    if (status) return status;
    return from->bad ? damaged(err) : KUNI_OK;
}

static kuni_status fold_record(kuni_qc_bytes *from, kuni_buffer streams[STREAMS], kuni_error *err)
{
    uint64_t size = kuni_qc_get_varint(from);
    if (from->bad || size > (uint64_t)(from->end - from->at)) return damaged(err);
    kuni_status status = kuni_qc_put_varint(&streams[GAPS], size, err);
    if (status || size == 0) return status;
    kuni_qc_bytes record = {.at = from->at, .end = from->at + size};
    from->at += size;
    status = fold_counts(&record, streams, err);
    size_t rest = (size_t)(record.end - record.at);
    return status || !rest ? status : kuni_buffer_append(&streams[OTHERS], record.at, rest, err);
}

static kuni_status deflate_streams(const kuni_buffer streams[STREAMS], kuni_buffer *out,
                                   kuni_error *err)
{
    unsigned char head[STREAMS * HEAD_BYTES];
    kuni_buffer packed = KUNI_BUFFER_INIT;
    kuni_status status = KUNI_OK;
    for (int i = 0; i < STREAMS && !status; i++) {
        uLongf length = compressBound((uLong)streams[i].length);
        unsigned char *room = kuni_alloc(length, 1, err);
        if (!room) status = KUNI_MEMORY;
        if (!status && compress2(room, &length, (const unsigned char *)streams[i].data,
                                 (uLong)streams[i].length, LEVEL) != Z_OK)
            status = kuni_fail_memory(err, length, 1);
        if (!status) status = kuni_buffer_append(&packed, room, length, err);
        free(room);
        kuni_qc_put_le(head + (size_t)i * HEAD_BYTES, streams[i].length, 8);
        kuni_qc_put_le(head + (size_t)i * HEAD_BYTES + 8, length, 8);
    }
    if (!status) status = kuni_buffer_append(out, head, sizeof(head), err);
    if (!status) status = kuni_buffer_append(out, packed.data, packed.length, err);
    kuni_buffer_fini(&packed);
    return status;
}

kuni_status kuni_qc_fold(kuni_qc_bytes body, uint32_t n_samples, kuni_buffer *out, kuni_error *err)
{
    kuni_buffer streams[STREAMS] = {KUNI_BUFFER_INIT, KUNI_BUFFER_INIT, KUNI_BUFFER_INIT,
                                    KUNI_BUFFER_INIT};
    kuni_status status = fold_counts(&body, streams, err);
    for (uint32_t i = 0; i < n_samples && !status; i++) status = fold_record(&body, streams, err);
    if (!status && body.at != body.end) status = damaged(err);
    if (!status) status = deflate_streams(streams, out, err);
    for (int i = 0; i < STREAMS; i++) kuni_buffer_fini(&streams[i]);
    return status;
}

/* --- unfolding --- */

static kuni_status inflate_streams(kuni_qc_bytes stored, kuni_buffer streams[STREAMS],
                                   kuni_error *err)
{
    const unsigned char *head = stored.at;
    if (stored.end - stored.at < STREAMS * HEAD_BYTES) return damaged(err);
    const unsigned char *at = head + (size_t)STREAMS * HEAD_BYTES;
    for (int i = 0; i < STREAMS; i++) {
        uint64_t raw = kuni_qc_get_le(head + (size_t)i * HEAD_BYTES, 8);
        uint64_t length = kuni_qc_get_le(head + (size_t)i * HEAD_BYTES + 8, 8);
        if (length > (uint64_t)(stored.end - at) || raw / RATIO_MOST > length) return damaged(err);
        uLongf got = (uLongf)raw;
        kuni_status status = kuni_buffer_reserve(&streams[i], (size_t)raw + 1, err);
        if (status) return status;
        if (uncompress((unsigned char *)streams[i].data, &got, at, (uLong)length) != Z_OK ||
            got != raw)
            return damaged(err);
        streams[i].length = (size_t)raw;
        at += length;
    }
    return at == stored.end ? KUNI_OK : damaged(err);
}

static kuni_status unfold_counts(kuni_qc_bytes from[STREAMS], kuni_buffer *out, kuni_error *err)
{
    uint64_t n = kuni_qc_get_varint(&from[GAPS]);
    kuni_status status = kuni_qc_put_varint(out, n, err);
    for (uint64_t i = 0; i < n && !status; i++) {
        status = kuni_qc_put_varint(out, kuni_qc_get_varint(&from[GAPS]), err);
        uint64_t high = kuni_qc_get_varint(&from[HIGHS]);
        if (from[GAPS].bad || from[HIGHS].bad || high > UINT64_MAX >> 8 ||
            from[LOWS].at == from[LOWS].end)
            return damaged(err);
        if (!status) status = kuni_qc_put_varint(out, high << 8 | *from[LOWS].at++, err);
    }
    if (status) return status;
    return from[GAPS].bad ? damaged(err) : KUNI_OK;
}

static kuni_status unfold_record(kuni_qc_bytes from[STREAMS], kuni_buffer *out, kuni_error *err)
{
    uint64_t size = kuni_qc_get_varint(&from[GAPS]);
    if (from[GAPS].bad) return damaged(err);
    kuni_status status = kuni_qc_put_varint(out, size, err);
    if (status || size == 0) return status;
    size_t began = out->length;
    status = unfold_counts(from, out, err);
    if (status) return status;
    uint64_t made = out->length - began;
    if (made > size || size - made > (uint64_t)(from[OTHERS].end - from[OTHERS].at))
        return damaged(err);
    const unsigned char *rest = from[OTHERS].at;
    from[OTHERS].at += size - made;
    return size > made ? kuni_buffer_append(out, rest, (size_t)(size - made), err) : KUNI_OK;
}

kuni_status kuni_qc_unfold(kuni_qc_bytes stored, uint32_t n_samples, kuni_buffer *out,
                           kuni_error *err)
{
    kuni_buffer streams[STREAMS] = {KUNI_BUFFER_INIT, KUNI_BUFFER_INIT, KUNI_BUFFER_INIT,
                                    KUNI_BUFFER_INIT};
    kuni_qc_bytes from[STREAMS];
    kuni_status status = inflate_streams(stored, streams, err);
    for (int i = 0; i < STREAMS && !status; i++) {
        const unsigned char *data = (const unsigned char *)streams[i].data;
        from[i] = (kuni_qc_bytes){.at = data, .end = data + streams[i].length};
    }
    if (!status) status = unfold_counts(from, out, err);
    for (uint32_t i = 0; i < n_samples && !status; i++) status = unfold_record(from, out, err);
    for (int i = 0; i < STREAMS && !status; i++)
        if (from[i].at != from[i].end) status = damaged(err);
    for (int i = 0; i < STREAMS; i++) kuni_buffer_fini(&streams[i]);
    return status;
}
