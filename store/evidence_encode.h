/* SPDX-License-Identifier: MIT */
/*
 * Encodes one chunk of evidence: dictionary and census, events, blocks.
 */
#ifndef KUNI_STORE_EVIDENCE_ENCODE_H
#define KUNI_STORE_EVIDENCE_ENCODE_H

#include "evidence_chunk.h"
#include "evidence_format.h"

typedef struct kuni_encoder kuni_encoder;

KUNI_MUST_CHECK kuni_encoder *kuni_encoder_new(kuni_error *err);
void kuni_encoder_free(kuni_encoder *encoder);

/*
 * Appends the three groups of the chunk to `out` and fills `extent` but for the offset. crc: of
 * each group.
 */
KUNI_MUST_CHECK kuni_status kuni_encode_chunk(kuni_encoder *encoder, const kuni_chunk_input *input,
                                              kuni_stream *out, kuni_evidence_extent *extent,
                                              uint32_t crc[KUNI_GROUPS], kuni_error *err);

#endif
