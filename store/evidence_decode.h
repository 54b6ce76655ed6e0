/* SPDX-License-Identifier: MIT */
/*
 * Decodes the groups of an evidence chunk into memory that is used again for the next chunk. The
 * input may be anything: what does not make sense gives KUNI_DATA with the bare cause, which the
 * caller completes with file and chunk.
 */
#ifndef KUNI_STORE_EVIDENCE_DECODE_H
#define KUNI_STORE_EVIDENCE_DECODE_H

#include "evidence_format.h"

typedef struct kuni_decoder {
    kuni_codec *codec;
    kuni_stream stored, raw;
    /* dictionary */
    kuni_census *alleles;
    kuni_allele_set *sets;
    const char **names; /* alleles of the sets, all in a row */
    int32_t *links;
    char *text;
    size_t alleles_capacity, sets_capacity, names_capacity, links_capacity, text_capacity;
    /* events */
    kuni_event *events;
    uint16_t *pl;
    uint32_t *ad;
    struct kuni_shape_plan *plans;
    size_t events_capacity, pl_capacity, ad_capacity, plans_capacity;
    /* blocks */
    kuni_block *blocks, *unordered;
    uint32_t *places;
    size_t *starts; /* of each sample's spans */
    kuni_event_span *spans;
    uint32_t *lengths; /* of REF, by set */
    size_t blocks_capacity, unordered_capacity, places_capacity, starts_capacity, spans_capacity,
        lengths_capacity;
} kuni_decoder;

/* What the chunk must agree with. */
typedef struct kuni_decode_frame {
    kuni_evidence_extent extent;
    uint32_t n_samples, version;
    bool by_sample; /* the order of blocks */
} kuni_decode_frame;

void kuni_decoder_fini(kuni_decoder *decoder);

KUNI_MUST_CHECK kuni_status kuni_decode_census(kuni_decoder *decoder,
                                               const kuni_decode_frame *frame, const uint8_t *bytes,
                                               kuni_evidence_chunk *chunk, kuni_error *err);
/* After kuni_decode_census of the same chunk. */
KUNI_MUST_CHECK kuni_status kuni_decode_events(kuni_decoder *decoder,
                                               const kuni_decode_frame *frame, const uint8_t *bytes,
                                               kuni_evidence_chunk *chunk, kuni_error *err);
/* After kuni_decode_events of the same chunk. */
KUNI_MUST_CHECK kuni_status kuni_decode_blocks(kuni_decoder *decoder,
                                               const kuni_decode_frame *frame, const uint8_t *bytes,
                                               kuni_evidence_chunk *chunk, kuni_error *err);

#endif
