/* SPDX-License-Identifier: MIT */
#include "counters.h"

void kuni_qc_put_le(unsigned char *to, uint64_t value, int n_bytes)
{
    for (int i = 0; i < n_bytes; i++) to[i] = (unsigned char)(value >> (8 * i));
}

uint64_t kuni_qc_get_le(const unsigned char *from, int n_bytes)
{
    uint64_t value = 0;
    for (int i = n_bytes; i-- > 0;) value = value << 8 | from[i];
    return value;
}

kuni_status kuni_qc_put_varint(kuni_buffer *out, uint64_t value, kuni_error *err)
{
    unsigned char bytes[10];
    size_t n = 0;
    while (value >= 0x80) {
        bytes[n++] = (unsigned char)(value | 0x80);
        value >>= 7;
    }
    bytes[n++] = (unsigned char)value;
    return kuni_buffer_append(out, bytes, n, err);
}

uint64_t kuni_qc_get_varint(kuni_qc_bytes *bytes)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (bytes->at == bytes->end) break;
        unsigned char byte = *bytes->at++;
        if (shift == 63 && byte > 1) break;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) return value;
    }
    bytes->bad = true;
    return 0;
}

kuni_status kuni_qc_put_signed(kuni_buffer *out, int64_t value, kuni_error *err)
{
    return kuni_qc_put_varint(out, ((uint64_t)value << 1) ^ (value < 0 ? UINT64_MAX : 0), err);
}

int64_t kuni_qc_get_signed(kuni_qc_bytes *bytes)
{
    uint64_t coded = kuni_qc_get_varint(bytes);
    return (int64_t)(coded >> 1) ^ -(int64_t)(coded & 1);
}

kuni_status kuni_qc_encode(kuni_buffer *out, const uint64_t *counts, size_t length, kuni_error *err)
{
    size_t n = 0;
    for (size_t i = 0; i < length; i++) n += counts[i] != 0;
    kuni_status status = kuni_qc_put_varint(out, n, err);
    size_t next = 0;
    for (size_t i = 0; i < length && !status; i++) {
        if (!counts[i]) continue;
        status = kuni_qc_put_varint(out, i - next, err);
        if (!status) status = kuni_qc_put_varint(out, counts[i], err);
        next = i + 1;
    }
    return status;
}

bool kuni_qc_decode_add(kuni_qc_bytes *bytes, uint64_t *counts, size_t length)
{
    uint64_t n = kuni_qc_get_varint(bytes);
    size_t at = 0;
    for (uint64_t i = 0; i < n; i++) {
        uint64_t gap = kuni_qc_get_varint(bytes);
        uint64_t value = kuni_qc_get_varint(bytes);
        if (bytes->bad || at >= length || gap >= length - at) return false;
        at += (size_t)gap;
        counts[at++] += value;
    }
    return !bytes->bad;
}
