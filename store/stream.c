/* SPDX-License-Identifier: MIT */
#include "stream.h"

#include <libdeflate.h>
#include <stdlib.h>

enum {
    /*
     * Streams shorter than this share one deflate block: each of its own would cost a Huffman
     * table.
     */
    SMALL_BYTES = 768,
    /*
     * Of 12. These columns are mostly noise to be Huffman-coded: 6 gains 0.4 % and writes a third
     * slower, 12 gains 4 % and takes 5 times as long.
     */
    DEFLATE_LEVEL = 5,
    /* Deflate cannot expand by more than 1032; a stream that claims more is damaged. */
    DEFLATE_RATIO_MAX = 1032
};

/* What one group of columns may unpack to: guards against absurd sizes in damaged files. */
static const uint64_t UNPACKED_BYTES_MAX = 1ull << 31;

bool kuni_stream_grow(kuni_stream *stream, size_t extra)
{
    if (stream->failed) return false;
    size_t need, capacity = stream->capacity < 64 ? 64 : stream->capacity;
    if (__builtin_add_overflow(stream->length, extra, &need)) goto fail;
    while (capacity < need)
        if (__builtin_add_overflow(capacity, capacity / 2, &capacity)) goto fail;
    uint8_t *data = realloc(stream->data, capacity);
    if (!data) goto fail;
    stream->data = data;
    stream->capacity = capacity;
    return true;
fail:
    stream->failed = true;
    return false;
}

void kuni_stream_fini(kuni_stream *stream)
{
    free(stream->data);
    *stream = (kuni_stream){0};
}

uint64_t kuni_get_varint_long(kuni_cursor *cursor)
{
    uint64_t value = 0;
    const uint8_t *at = cursor->at;
    for (int shift = 0; at < cursor->end && shift < 64; shift += 7) {
        uint8_t byte = *at++;
        if (shift == 63 && byte > 1) break;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            cursor->at = at;
            return value;
        }
    }
    cursor->bad = true;
    cursor->at = cursor->end;
    return 0;
}

void kuni_put_fixed(kuni_stream *stream, uint64_t value, int n_bytes)
{
    for (int i = 0; i < n_bytes; i++) kuni_put_byte(stream, (uint8_t)(value >> (8 * i)));
}

uint64_t kuni_get_fixed(kuni_cursor *cursor, int n_bytes)
{
    const uint8_t *bytes = kuni_get_bytes(cursor, (size_t)n_bytes);
    uint64_t value = 0;
    for (int i = 0; bytes && i < n_bytes; i++) value |= (uint64_t)bytes[i] << (8 * i);
    return value;
}

void kuni_put_text(kuni_stream *stream, const char *text)
{
    size_t length = strlen(text);
    kuni_put_varint(stream, length);
    kuni_put_bytes(stream, text, length);
}

uint32_t kuni_crc32(const void *bytes, size_t length)
{
    return libdeflate_crc32(0, bytes, length);
}

/* --- packs --- */

struct kuni_codec {
    struct libdeflate_compressor *compressor;     /* made on first use */
    struct libdeflate_decompressor *decompressor; /* likewise */
    kuni_stream small, body;                      /* scratch of kuni_pack */
};

kuni_codec *kuni_codec_new(kuni_error *err)
{
    return kuni_alloc(1, sizeof(kuni_codec), err);
}

void kuni_codec_free(kuni_codec *codec)
{
    if (!codec) return;
    libdeflate_free_compressor(codec->compressor);
    libdeflate_free_decompressor(codec->decompressor);
    kuni_stream_fini(&codec->small);
    kuni_stream_fini(&codec->body);
    free(codec);
}

/* Appends the deflated bytes to `out`; *stored == length means that they went in as they are. */
static kuni_status deflate_into(kuni_codec *codec, const uint8_t *bytes, size_t length,
                                kuni_stream *out, size_t *stored, kuni_error *err)
{
    *stored = length;
    if (length == 0) return KUNI_OK;
    if (!codec->compressor) {
        codec->compressor = libdeflate_alloc_compressor(DEFLATE_LEVEL);
        if (!codec->compressor) return kuni_fail_memory(err, 1, 1 << 20);
    }
    if (!kuni_stream_room(out, length)) return kuni_fail_memory(err, length, 1);
    size_t size = length < 8 ? 0
                             : libdeflate_deflate_compress(codec->compressor, bytes, length,
                                                           out->data + out->length, length - 1);
    if (size == 0)
        kuni_put_bytes(out, bytes, length);
    else {
        out->length += size;
        *stored = size;
    }
    return KUNI_OK;
}

/*
 * Layout: for every stream varint raw length and, where that is not 0, varint stored length (0:
 * among the small ones); then varint stored length of the small ones together; then their bytes;
 * then the bytes of the others.
 */
kuni_status kuni_pack(kuni_codec *codec, const kuni_stream *streams, size_t n_streams,
                      kuni_stream *out, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    codec->small.length = 0;
    codec->body.length = 0;
    for (size_t i = 0; i < n_streams; i++) {
        if (streams[i].failed) return kuni_fail_memory(err, streams[i].length, 2);
        kuni_put_varint(out, streams[i].length);
        if (streams[i].length == 0) continue;
        size_t stored = 0;
        if (streams[i].length < SMALL_BYTES)
            kuni_put_bytes(&codec->small, streams[i].data, streams[i].length);
        else
            status =
                deflate_into(codec, streams[i].data, streams[i].length, &codec->body, &stored, err);
        if (status) return status;
        kuni_put_varint(out, stored);
    }
    size_t body = codec->body.length, stored;
    status =
        deflate_into(codec, codec->small.data, codec->small.length, &codec->body, &stored, err);
    if (status) return status;
    kuni_put_varint(out, stored);
    if (codec->body.length > 0) {
        kuni_put_bytes(out, codec->body.data + body, codec->body.length - body);
        kuni_put_bytes(out, codec->body.data, body);
    }
    if (out->failed || codec->small.failed || codec->body.failed)
        return kuni_fail_memory(err, out->length, 2);
    return KUNI_OK;
}

/* One stored stream into `raw` at its end. */
static kuni_status inflate_into(kuni_codec *codec, kuni_cursor *in, size_t stored, size_t length,
                                kuni_stream *raw, kuni_error *err)
{
    const uint8_t *bytes = kuni_get_bytes(in, stored);
    if (!bytes) return kuni_fail(err, KUNI_DATA, "a column reaches beyond its group");
    if (stored == length) {
        kuni_put_bytes(raw, bytes, length);
        return KUNI_OK;
    }
    if (!codec->decompressor) {
        codec->decompressor = libdeflate_alloc_decompressor();
        if (!codec->decompressor) return kuni_fail_memory(err, 1, 1 << 16);
    }
    size_t consumed = 0;
    if (libdeflate_deflate_decompress_ex(codec->decompressor, bytes, stored,
                                         raw->data + raw->length, length, &consumed,
                                         NULL) != LIBDEFLATE_SUCCESS ||
        consumed != stored)
        return kuni_fail(err, KUNI_DATA, "a column does not decompress");
    raw->length += length;
    return KUNI_OK;
}

static bool plausible(uint64_t raw, uint64_t stored)
{
    return stored <= raw && raw / DEFLATE_RATIO_MAX <= stored;
}

/* The head of a pack. */
static kuni_status read_lengths(kuni_cursor *in, kuni_pack_length *lengths, size_t n_streams,
                                uint64_t *small_stored, kuni_error *err)
{
    uint64_t length = (uint64_t)(in->end - in->at), small = 0, total = 0, body = 0;
    for (size_t i = 0; i < n_streams; i++) {
        uint64_t size = kuni_get_varint(in), stored = size ? kuni_get_varint(in) : 0;
        if (in->bad || size > UNPACKED_BYTES_MAX || stored > length ||
            (stored > 0 && !plausible(size, stored)))
            return kuni_fail(err, KUNI_DATA, "column %zu has an impossible length", i);
        lengths[i] = (kuni_pack_length){.raw = size, .stored = stored};
        total += size;
        body += stored;
        if (stored == 0) small += size;
    }
    *small_stored = kuni_get_varint(in);
    if (in->bad || total > UNPACKED_BYTES_MAX || !plausible(small, *small_stored) ||
        body + *small_stored != (uint64_t)(in->end - in->at))
        return kuni_fail(err, KUNI_DATA, "the columns do not add up to their group");
    return KUNI_OK;
}

kuni_status kuni_pack_measure(const uint8_t *bytes, size_t length, kuni_pack_length *lengths,
                              size_t n_streams, kuni_error *err)
{
    kuni_cursor in = {.at = bytes, .end = bytes + length, .bad = false};
    uint64_t together, small = 0;
    kuni_status status = read_lengths(&in, lengths, n_streams, &together, err);
    if (status) return status;
    for (size_t i = 0; i < n_streams; i++)
        if (lengths[i].stored == 0) small += lengths[i].raw;
    for (size_t i = 0; i < n_streams; i++) {
        if (lengths[i].stored > 0 || lengths[i].raw == 0) continue;
        uint64_t share = together * lengths[i].raw / small;
        lengths[i].stored = share;
        together -= share;
        small -= lengths[i].raw;
    }
    return KUNI_OK;
}

kuni_status kuni_unpack(kuni_codec *codec, const uint8_t *bytes, size_t length, kuni_stream *raw,
                        kuni_cursor *cursors, size_t n_streams, kuni_error *err)
{
    kuni_pack_length lengths[KUNI_PACK_STREAMS_MAX];
    kuni_cursor in = {.at = bytes, .end = bytes + length, .bad = false};
    uint64_t small = 0, total = 0, small_stored;
    if (n_streams > KUNI_PACK_STREAMS_MAX)
        return kuni_fail(err, KUNI_BUG, "too many columns in a group");
    kuni_status status = read_lengths(&in, lengths, n_streams, &small_stored, err);
    if (status) return status;
    for (size_t i = 0; i < n_streams; i++) {
        total += lengths[i].raw;
        if (lengths[i].stored == 0) small += lengths[i].raw;
    }
    raw->length = 0;
    if (!kuni_stream_room(raw, total + 1)) return kuni_fail_memory(err, total, 1);
    if (small) status = inflate_into(codec, &in, small_stored, small, raw, err);
    const uint8_t *next = raw->data;
    for (size_t i = 0; !status && i < n_streams; i++) {
        const uint8_t *from;
        if (lengths[i].stored == 0) {
            from = next;
            next += lengths[i].raw;
        } else {
            from = raw->data + raw->length;
            status = inflate_into(codec, &in, lengths[i].stored, lengths[i].raw, raw, err);
        }
        cursors[i] = (kuni_cursor){.at = from, .end = from + lengths[i].raw, .bad = false};
    }
    return status;
}
