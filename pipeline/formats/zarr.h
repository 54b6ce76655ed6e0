/* SPDX-License-Identifier: MIT */
/*
 * Arrays of a Zarr store, version 2 (zarr-specs.readthedocs.io), as folders of compressed chunks: bytes by Blosc with
 * zstd. Chunks are written by whom and in which order one likes; each is a file of its own. Nothing here is flushed to
 * disk: a store is made under another name and renamed when all of it is.
 */
#ifndef KUNI_FORMATS_ZARR_H
#define KUNI_FORMATS_ZARR_H

#include "kuni/buffer.h"

enum { KUNI_ZARR_DIMENSIONS = 3 };

typedef enum kuni_zarr_type {
    KUNI_ZARR_BOOL,
    KUNI_ZARR_I1,
    KUNI_ZARR_I2,
    KUNI_ZARR_I4,
    KUNI_ZARR_I8,
    KUNI_ZARR_F4,
    KUNI_ZARR_U1,  /* one character, of four bytes */
    KUNI_ZARR_TEXT /* UTF-8 of any length: chunks as kuni_zarr_text_start makes them */
} kuni_zarr_type;

typedef enum kuni_zarr_fill {
    KUNI_ZARR_FILL_NULL, /* every chunk is there */
    KUNI_ZARR_FILL_ZERO,
    KUNI_ZARR_FILL_EMPTY
} kuni_zarr_fill;

typedef struct kuni_zarr_array {
    const char *name;
    kuni_zarr_type type;
    kuni_zarr_fill fill;
    int n_dimensions;
    uint64_t shape[KUNI_ZARR_DIMENSIONS], chunks[KUNI_ZARR_DIMENSIONS]; /* chunks: at least 1 */
    const char *dimensions[KUNI_ZARR_DIMENSIONS];                       /* names */
    const char *description;                                            /* NULL: none */
    bool bits; /* chunks are shuffled by bits, not by bytes */
} kuni_zarr_array;

/* Bytes of a value; 0: text. */
size_t kuni_zarr_value_bytes(kuni_zarr_type type);

/* Makes the folder of an array, and says what it is. */
KUNI_MUST_CHECK kuni_status kuni_zarr_create(const char *store, const kuni_zarr_array *array,
                                             kuni_error *err);
/* Writes a chunk (also at the end of a dimension one of full size), by its place in each dimension. */
KUNI_MUST_CHECK kuni_status kuni_zarr_write(const char *store, const kuni_zarr_array *array,
                                            const uint64_t *place, const void *bytes, size_t n,
                                            kuni_buffer *scratch, kuni_error *err);

/* A chunk of so many texts, that are then added in order. */
KUNI_MUST_CHECK kuni_status kuni_zarr_text_start(kuni_buffer *chunk, uint64_t n, kuni_error *err);
KUNI_MUST_CHECK kuni_status kuni_zarr_text_add(kuni_buffer *chunk, const char *text, size_t length,
                                               kuni_error *err);

/* For bytes that are read again soon: packs to the end of `out`, and back; `out` is replaced. */
KUNI_MUST_CHECK kuni_status kuni_zarr_pack(kuni_buffer *out, const void *bytes, size_t n,
                                           kuni_error *err);
KUNI_MUST_CHECK kuni_status kuni_zarr_unpack(kuni_buffer *out, const void *packed, size_t n,
                                             kuni_error *err);

#endif
