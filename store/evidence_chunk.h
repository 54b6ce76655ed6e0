/* SPDX-License-Identifier: MIT */
/* What goes into a chunk of evidence, before it is encoded. */
#ifndef KUNI_STORE_EVIDENCE_CHUNK_H
#define KUNI_STORE_EVIDENCE_CHUNK_H

#include "kuni/evidence.h"

typedef struct kuni_chunk_input {
    int64_t beg, end;
    uint32_t n_samples;
    kuni_event *events; /* sample by sample, each in position order; their `set` is overwritten */
    size_t n_events;
    const kuni_block *blocks; /* sample by sample, each in position order */
    size_t n_blocks;
} kuni_chunk_input;

#endif
