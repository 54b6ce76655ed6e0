/* SPDX-License-Identifier: MIT */
/*
 * A pack: the files that a step made of the spans of a bundle, one behind another in one file.
 *
 *   KUNIPACK | members | index | trailer
 *
 * The index has a line for each span of the bundle, in their order: contig, begin, end, offset and
 * bytes, separated by tabs; bytes is -1 for a span of which the step wrote nothing (an optional
 * output). The trailer is 32 bytes: 16 hex digits of the index's offset, 8 of its CRC-32, KUNIPACE.
 * A member has the very bytes that a file of its own would have.
 */
#ifndef KUNI_DATASET_PACK_H
#define KUNI_DATASET_PACK_H

#include "kuni/buffer.h"
#include "kuni/file.h"

typedef struct kuni_pack_member {
    const char *contig;
    int64_t beg, end;
    uint64_t offset, bytes; /* in the pack */
    bool present;
} kuni_pack_member;

/* The index of a pack; it holds no descriptor. */
typedef struct kuni_pack {
    char *path;
    kuni_pack_member *members;
    size_t n, capacity;
    char *text; /* of the index */
} kuni_pack;

/* False also where the file cannot be read: whoever opens it will tell. */
bool kuni_is_pack(const char *path);
/* KUNI_DATA where the file is not a whole pack. Close it with kuni_pack_close, also after errors. */
KUNI_MUST_CHECK kuni_status kuni_pack_open(kuni_pack *pack, const char *path, kuni_error *err);
void kuni_pack_close(kuni_pack *pack);
/* A member that is present, as a file of its own at `to` (neither atomic nor flushed). */
KUNI_MUST_CHECK kuni_status kuni_pack_extract(const kuni_pack *pack, size_t member, const char *to,
                                              kuni_error *err);
/*
 * The same in a file without a name, of which /proc/self/fd/N is the path: whoever is to look at it
 * can open that as often as it likes until `fd` is closed, and nothing is left behind.
 */
typedef struct kuni_pack_view {
    int fd;
    char path[40];
} kuni_pack_view;
KUNI_MUST_CHECK kuni_status kuni_pack_view_open(kuni_pack_view *view, const kuni_pack *pack,
                                                size_t member, kuni_error *err);
void kuni_pack_view_close(kuni_pack_view *view);

typedef struct kuni_pack_writer kuni_pack_writer;

/* The pack is made with kuni_file_create. */
KUNI_MUST_CHECK kuni_status kuni_pack_create(kuni_pack_writer **writer, const char *path,
                                             kuni_error *err);
/* The next member; `file` NULL: there is none. */
KUNI_MUST_CHECK kuni_status kuni_pack_add(kuni_pack_writer *writer, const char *contig, int64_t beg,
                                          int64_t end, const char *file, kuni_error *err);
/* Both free the writer. */
KUNI_MUST_CHECK kuni_status kuni_pack_finish(kuni_pack_writer *writer, kuni_error *err);
void kuni_pack_discard(kuni_pack_writer *writer);

#endif
