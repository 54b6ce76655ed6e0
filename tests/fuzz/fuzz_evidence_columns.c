/* SPDX-License-Identifier: MIT */
/*
 * Any columns as the groups of a chunk: the decoders behind checksums and deflate, which
 * fuzz_evidence seldom gets past. Input: samples (1 byte), then for each stream of each group a
 * length (2 bytes, little-endian) and its bytes.
 */
#include <stdint.h>
#include <stdlib.h>

#include "evidence_decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const size_t n_streams[KUNI_GROUPS] = {CENSUS_STREAMS, EVENTS_STREAMS, BLOCKS_STREAMS};

/* Packs the next group of the input; the first numbers of its head become the footer's. */
static void take_group(kuni_codec *codec, kuni_cursor *in, int group, kuni_stream *packed,
                       uint64_t head[2])
{
    kuni_stream streams[EVENTS_STREAMS] = {0};
    kuni_error err = KUNI_ERROR_INIT;
    for (size_t i = 0; i < n_streams[group]; i++) {
        size_t length = (size_t)kuni_get_fixed(in, 2), left = (size_t)(in->end - in->at);
        if (length > left) length = left;
        kuni_put_bytes(&streams[i], kuni_get_bytes(in, length), length);
    }
    head[0] = head[1] = 0;
    if (streams[0].length > 0) {
        kuni_cursor first = {.at = streams[0].data, .end = streams[0].data + streams[0].length};
        head[0] = kuni_get_varint(&first);
        head[1] = kuni_get_varint(&first);
    }
    packed->length = 0;
    if (kuni_pack(codec, streams, n_streams[group], packed, &err)) abort();
    for (size_t i = 0; i < n_streams[group]; i++) kuni_stream_fini(&streams[i]);
}

static uint64_t touch(const kuni_evidence_chunk *chunk)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < chunk->n_alleles; i++)
        sum += strlen(chunk->alleles[i].ref) + strlen(chunk->alleles[i].alt);
    for (size_t i = 0; i < chunk->n_events; i++) {
        const kuni_event *event = &chunk->events[i];
        uint32_t n_pl = kuni_pl_count(event->n_alleles, event->ploidy);
        if (event->gt[0] >= event->n_alleles || event->gt[1] >= event->n_alleles) abort();
        for (uint32_t k = 0; k < event->n_alleles; k++)
            sum += strlen(event->alleles[k]) + (event->ad ? event->ad[k] : 0);
        for (uint32_t k = 0; event->pl && k < n_pl; k++) sum += event->pl[k];
    }
    for (size_t i = 0; i < chunk->n_blocks; i++) {
        if (chunk->blocks[i].beg < chunk->beg || chunk->blocks[i].end > chunk->end) abort();
        sum += chunk->blocks[i].min_dp;
    }
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static volatile uint64_t sink;
    static kuni_decoder decoder;
    static kuni_codec *codec;
    static kuni_stream packed;
    kuni_error err = KUNI_ERROR_INIT;
    if (size == 0) return 0;
    kuni_cursor in = {.at = data, .end = data + size};
    uint64_t head[2];
    if (!codec) codec = kuni_codec_new(&err);
    kuni_decode_frame frame = {.n_samples = (uint32_t)kuni_get_byte(&in) + 1};
    kuni_evidence_extent *extent = &frame.extent;
    extent->beg = 65536;
    extent->end = 2 * 65536;
    kuni_evidence_chunk chunk = {.beg = extent->beg, .end = extent->end};
    take_group(codec, &in, KUNI_GROUP_CENSUS, &packed, head);
    extent->n_alleles = (uint32_t)head[0];
    extent->n_sets = (uint32_t)head[1];
    extent->census_bytes = (uint32_t)packed.length;
    kuni_status census = kuni_decode_census(&decoder, &frame, packed.data, &chunk, &err);
    take_group(codec, &in, KUNI_GROUP_EVENTS, &packed, head);
    extent->n_events = (uint32_t)head[0];
    extent->events_bytes = (uint32_t)packed.length;
    kuni_error_clear(&err);
    if (!census && kuni_decode_events(&decoder, &frame, packed.data, &chunk, &err))
        chunk.n_events = 0;
    take_group(codec, &in, KUNI_GROUP_BLOCKS, &packed, head);
    extent->n_blocks = (uint32_t)head[0];
    extent->blocks_bytes = (uint32_t)packed.length;
    kuni_error_clear(&err);
    if (kuni_decode_blocks(&decoder, &frame, packed.data, &chunk, &err)) chunk.n_blocks = 0;
    sink = sink + touch(&chunk);
    return 0;
}
