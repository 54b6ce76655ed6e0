/* SPDX-License-Identifier: MIT */
/*
 * Byte streams: what columns are made of.
 *
 * A kuni_stream grows at its end and remembers a refused allocation (`failed`), so that the many
 * small puts of an encoder need one check at the end. A kuni_cursor reads bytes and remembers that
 * it ran out or met an overlong number (`bad`); reads then give 0. Numbers are LEB128 varints;
 * signed ones are zigzag-folded first.
 *
 * A pack is a set of streams in one block of bytes, each raw or deflated, small ones deflated
 * together. Format: docs/evidence-format.md.
 */
#ifndef KUNI_STORE_STREAM_H
#define KUNI_STORE_STREAM_H

#include <string.h>

#include "kuni/buffer.h"

typedef struct kuni_stream {
    uint8_t *data;
    size_t length, capacity;
    bool failed;
} kuni_stream;

typedef struct kuni_cursor {
    const uint8_t *at, *end;
    bool bad;
} kuni_cursor;

/* Room for `extra` more bytes; false, and `failed` set, where memory ran out. */
bool kuni_stream_grow(kuni_stream *stream, size_t extra);
void kuni_stream_fini(kuni_stream *stream);

static inline bool kuni_stream_room(kuni_stream *stream, size_t extra)
{
    return stream->capacity - stream->length >= extra || kuni_stream_grow(stream, extra);
}

static inline void kuni_put_byte(kuni_stream *stream, uint8_t value)
{
    if (kuni_stream_room(stream, 1)) stream->data[stream->length++] = value;
}

static inline void kuni_put_bytes(kuni_stream *stream, const void *bytes, size_t length)
{
    if (length == 0 || !kuni_stream_room(stream, length)) return;
    memcpy(stream->data + stream->length, bytes, length);
    stream->length += length;
}

enum { KUNI_VARINT_BYTES_MAX = 10 };

static inline void kuni_put_varint(kuni_stream *stream, uint64_t value)
{
    if (!kuni_stream_room(stream, KUNI_VARINT_BYTES_MAX)) return;
    uint8_t *at = stream->data + stream->length;
    while (value >= 0x80) {
        *at++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *at++ = (uint8_t)value;
    stream->length = (size_t)(at - stream->data);
}

/* Small magnitudes of either sign become small numbers: 0, -1, 1, -2 ... to 0, 1, 2, 3 ... */
static inline uint64_t kuni_zigzag(int64_t value)
{
    return ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
}

static inline int64_t kuni_unzigzag(uint64_t value)
{
    return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

static inline void kuni_put_zigzag(kuni_stream *stream, int64_t value)
{
    kuni_put_varint(stream, kuni_zigzag(value));
}

/* The rest of a varint of two or more bytes. */
uint64_t kuni_get_varint_long(kuni_cursor *cursor);

static inline uint64_t kuni_get_varint(kuni_cursor *cursor)
{
    if (cursor->at < cursor->end && *cursor->at < 0x80) return *cursor->at++;
    return kuni_get_varint_long(cursor);
}

static inline int64_t kuni_get_zigzag(kuni_cursor *cursor)
{
    return kuni_unzigzag(kuni_get_varint(cursor));
}

static inline uint8_t kuni_get_byte(kuni_cursor *cursor)
{
    if (cursor->at < cursor->end) return *cursor->at++;
    cursor->bad = true;
    return 0;
}

/* `length` bytes, or NULL and `bad`. */
static inline const uint8_t *kuni_get_bytes(kuni_cursor *cursor, size_t length)
{
    if ((size_t)(cursor->end - cursor->at) < length) {
        cursor->bad = true;
        return NULL;
    }
    const uint8_t *bytes = cursor->at;
    cursor->at += length;
    return bytes;
}

/* Little-endian numbers of fixed width. */
void kuni_put_fixed(kuni_stream *stream, uint64_t value, int n_bytes);
uint64_t kuni_get_fixed(kuni_cursor *cursor, int n_bytes);
/* Text with a varint length in front. */
void kuni_put_text(kuni_stream *stream, const char *text);

/* --- packs --- */

typedef struct kuni_codec kuni_codec;

enum { KUNI_PACK_STREAMS_MAX = 128 };

KUNI_MUST_CHECK kuni_codec *kuni_codec_new(kuni_error *err);
void kuni_codec_free(kuni_codec *codec);

uint32_t kuni_crc32(const void *bytes, size_t length);

/* Appends a pack of the streams to `out`. */
KUNI_MUST_CHECK kuni_status kuni_pack(kuni_codec *codec, const kuni_stream *streams,
                                      size_t n_streams, kuni_stream *out, kuni_error *err);
/*
 * Unpacks into `raw` (cleared first, owned by the caller) and points the cursors into it. On damage
 * gives KUNI_DATA with the bare cause in err: the caller puts file and chunk before it.
 */
KUNI_MUST_CHECK kuni_status kuni_unpack(kuni_codec *codec, const uint8_t *bytes, size_t length,
                                        kuni_stream *raw, kuni_cursor *cursors, size_t n_streams,
                                        kuni_error *err);

/* Bytes of a stream, and of it in the pack (reading: 0 among the small ones). */
typedef struct kuni_pack_length {
    uint64_t raw, stored;
} kuni_pack_length;

/* The lengths of a pack's streams; small ones get their share of what they take together. */
KUNI_MUST_CHECK kuni_status kuni_pack_measure(const uint8_t *bytes, size_t length,
                                              kuni_pack_length *lengths, size_t n_streams,
                                              kuni_error *err);

#endif
