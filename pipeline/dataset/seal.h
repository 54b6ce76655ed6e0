/* SPDX-License-Identifier: MIT */
/*
 * Seals: that all reads tasks of a step are done for a batch, and what their files are. From then on
 * the files are primary data, which no run makes again, replaces or removes. One file a step and
 * batch: DATASET/sealed/STEP/BATCH.tsv, tab-separated, with a digest of its own at the end.
 *
 *   #kuni seal 1                    2 where #folded stands
 *   #made HEX                       digest of the step's settings: see kuni_keys_init
 *   #folded STEP HEX                the files were summed: those that STEP's seal tells of stand for them;
 *                                   HEX digests the names of the shards
 *   #without SAMPLE WHERE REASON    quarantined when the batch was sealed: nothing of it is in the files
 *   SHARD KEY16 OUTPUT BYTES MTIME DIGEST     one an output that was written; BYTES -1: was not
 *   #end LINES HEX
 */
#ifndef KUNI_DATASET_SEAL_H
#define KUNI_DATASET_SEAL_H

#include "hash.h"

typedef struct kuni_stored_output {
    int64_t bytes; /* -1: an optional output that was not written */
    int64_t mtime_ns;
    kuni_hash digest;
} kuni_stored_output;

/* True where the file is what is told of it: same size and time, or else same digest. */
bool kuni_stored_is_intact(const char *path, const kuni_stored_output *stored);

/* What is to be told of a file that was just made: its size, time and digest. */
KUNI_MUST_CHECK kuni_status kuni_stored_look(const char *path, kuni_stored_output *stored,
                                             kuni_error *err);

/* A line of a seal; texts are borrowed for the call. */
typedef struct kuni_seal_line {
    const char *made;                     /* of "#made", else NULL */
    const char *folded, *shards;          /* of "#folded", else NULL */
    const char *without, *where, *reason; /* of "#without", else NULL */
    const char *shard;                    /* of a file, else NULL */
    uint64_t key;
    size_t output;
    kuni_stored_output stored;
} kuni_seal_line;

typedef kuni_status kuni_seal_visitor(void *context, const kuni_seal_line *line, kuni_error *err);

/* Calls `visit` for each line of a whole seal; *found false where there is none. KUNI_IO: damaged. */
KUNI_MUST_CHECK kuni_status kuni_seal_read(const char *path, kuni_seal_visitor *visit,
                                           void *context, bool *found, kuni_error *err);

typedef struct kuni_seal_writer kuni_seal_writer;

KUNI_MUST_CHECK kuni_status kuni_seal_create(kuni_seal_writer **writer, const char *path,
                                             const kuni_hash *made, kuni_error *err);
/* As kuni_seal_create, of files that were summed by a step: no file is to be added. */
KUNI_MUST_CHECK kuni_status kuni_seal_create_folded(kuni_seal_writer **writer, const char *path,
                                                    const kuni_hash *made, const char *step,
                                                    const kuni_hash *shards, kuni_error *err);
KUNI_MUST_CHECK kuni_status kuni_seal_without(kuni_seal_writer *writer, const char *sample,
                                              const char *where, const char *reason,
                                              kuni_error *err);
KUNI_MUST_CHECK kuni_status kuni_seal_add(kuni_seal_writer *writer, const char *shard, uint64_t key,
                                          size_t output, const kuni_stored_output *stored,
                                          kuni_error *err);
/* Writes it, or with `keep` false drops it; frees the writer. */
KUNI_MUST_CHECK kuni_status kuni_seal_close(kuni_seal_writer *writer, bool keep, kuni_error *err);

#endif
