/* SPDX-License-Identifier: MIT */
/*
 * A VCF Zarr store from columns: its arrays, and their chunks, which any number of processes write. Chunks are those of
 * vcf2zarr: 1,000 variants x 10,000 samples, of fewer samples where one would have more than KUNI_ZARR_CHUNK_BYTES.
 */
#ifndef KUNI_COMMAND_ZARR_STORE_H
#define KUNI_COMMAND_ZARR_STORE_H

#include "zarr_fields.h"

enum { KUNI_ZARR_VARIANTS = 1000, KUNI_ZARR_SAMPLES = 10000, KUNI_ZARR_CHUNK_BYTES = 256 << 20 };

typedef struct kuni_zarr_store kuni_zarr_store;

/* `fields` knows all records; they and the reader are borrowed. */
KUNI_MUST_CHECK kuni_status kuni_zarr_store_open(kuni_zarr_store **store, const char *folder,
                                                 const kuni_zarr_fields *fields,
                                                 kuni_columns_reader *reader, kuni_error *err);
void kuni_zarr_store_close(kuni_zarr_store *store);
/* How many chunks lie behind one another along the variants. */
uint64_t kuni_zarr_store_chunks(const kuni_zarr_store *store);

/* Writes what says what the store is, and arrays without variants; `source` is told in it. */
KUNI_MUST_CHECK kuni_status kuni_zarr_store_describe(kuni_zarr_store *store, const char *source,
                                                     kuni_error *err);
/* Writes a chunk of each array. */
KUNI_MUST_CHECK kuni_status kuni_zarr_store_write(kuni_zarr_store *store, uint64_t chunk,
                                                  kuni_error *err);
/* Writes the index of regions. */
KUNI_MUST_CHECK kuni_status kuni_zarr_store_index(kuni_zarr_store *store, kuni_error *err);

#endif
