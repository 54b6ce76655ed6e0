/* SPDX-License-Identifier: MIT */
#include "pgen_difflist.h"

enum {
    GROUP = 64,             /* samples whose first has its number written out */
    GROUP_BYTES_LEAST = 63, /* of the others: what is stored is how many more there are */
    VARINT_BYTES_MOST = 5
};

static uint8_t *put_varint(uint8_t *at, uint32_t value)
{
    for (; value > 127; value >>= 7) *at++ = (uint8_t)(value | 128);
    *at++ = (uint8_t)value;
    return at;
}

static int number_bytes(uint32_t n_samples)
{
    return n_samples <= 1U << 8 ? 1 : n_samples <= 1U << 16 ? 2 : n_samples <= 1U << 24 ? 3 : 4;
}

static uint8_t *put_number(uint8_t *at, uint32_t value, int bytes)
{
    for (int i = 0; i < bytes; i++) *at++ = (uint8_t)(value >> (8 * i));
    return at;
}

static uint8_t *put_values(uint8_t *at, const uint8_t *values, size_t n)
{
    for (size_t i = 0; i < n; i += 4, at++) {
        *at = 0;
        for (size_t k = 0; k < 4 && i + k < n; k++) *at |= (uint8_t)(values[i + k] << (2 * k));
    }
    return at;
}

kuni_status kuni_pgen_put_difflist(kuni_buffer *out, uint32_t n_samples, const uint32_t *samples,
                                   const uint8_t *values, size_t n, kuni_error *err)
{
    size_t groups = (n + GROUP - 1) / GROUP,
           most = VARINT_BYTES_MOST * (n + 1) + 5 * groups + n / 4 + 1;
    kuni_status status = kuni_buffer_reserve(out, most, err);
    if (status) return status;
    uint8_t *start = (uint8_t *)out->data + out->length, *at = put_varint(start, (uint32_t)n);
    for (size_t i = 0; i < n; i += GROUP) at = put_number(at, samples[i], number_bytes(n_samples));
    uint8_t *lengths = at;
    if (n) at += groups - 1;
    if (values) at = put_values(at, values, n);
    for (size_t g = 0; g < groups; g++) {
        uint8_t *first = at;
        for (size_t i = g * GROUP + 1; i < n && i < (g + 1) * GROUP; i++)
            at = put_varint(at, samples[i] - samples[i - 1]);
        if (g + 1 < groups) lengths[g] = (uint8_t)(at - first - GROUP_BYTES_LEAST);
    }
    out->length += (size_t)(at - start);
    out->data[out->length] = '\0';
    return KUNI_OK;
}

kuni_status kuni_pgen_put_packed(kuni_buffer *out, const uint16_t *values, size_t n, int bits,
                                 kuni_error *err)
{
    size_t bytes = (n * (size_t)bits + 7) / 8;
    kuni_status status = kuni_buffer_reserve(out, bytes, err);
    if (status) return status;
    uint8_t *at = (uint8_t *)out->data + out->length;
    for (size_t i = 0; i < bytes; i++) at[i] = 0;
    for (size_t i = 0; i < n; i++) {
        size_t bit = i * (size_t)bits;
        at[bit / 8] |= (uint8_t)(values[i] << bit % 8);
        if (bits > 8) at[bit / 8 + 1] |= (uint8_t)(values[i] >> 8);
    }
    out->length += bytes;
    out->data[out->length] = '\0';
    return KUNI_OK;
}
