/* SPDX-License-Identifier: MIT */
/*
 * What is left of a data file whose bytes have become a part of another one: the blocks of a shard in
 * the merged file. A small file, PATH.stub, says where they are, and holds what is before and after
 * them. The file can be had back from it, byte for byte and with its time; until somebody needs it, it
 * counts as there.
 *
 * The stub has the time of the file, and none in it: the same data have the same stubs. It names the other file relative to its own folder, so that a dataset can be moved: by its name
 * among the data, and by that under which it is published.
 */
#ifndef KUNI_DATASET_STUB_H
#define KUNI_DATASET_STUB_H

#include "hash.h"
#include "kuni/status.h"
#include "seal.h"

/* `bytes` from `from` on of a file are `bytes` from `at` on of another, which has `whole` of them. */
typedef struct kuni_stub_place {
    const char *data, *published; /* the other file, as seen from the folder of the first */
    uint64_t from, at, bytes, whole;
} kuni_stub_place;

/* Leaves a stub in place of the file: on failure the file is still there. */
KUNI_MUST_CHECK kuni_status kuni_stub_leave(const char *path, const kuni_stub_place *place,
                                            kuni_error *err);
/*
 * Whether there is a stub that gives back the file, and what it needs for that: by size, and the time that
 * the stub has from the file, or else by the digest of what it gives back.
 */
bool kuni_stub_stands(const char *path, const kuni_stored_output *stored);
/*
 * Puts the file back where it is missing and has a stub (*back); else does nothing. Several processes may do
 * so at once. Whether the bytes are those of before is for the caller to see, by their digest.
 */
KUNI_MUST_CHECK kuni_status kuni_stub_give_back(const char *path, bool *back, kuni_error *err);
/* The digest of what the stub gives back, without putting it there. */
KUNI_MUST_CHECK kuni_status kuni_stub_digest(const char *path, char hex[KUNI_DIGEST_HEX_BYTES],
                                             kuni_error *err);
/*
 * Where the bytes of the stub's file from *at on are: the path of the other file, which the caller frees,
 * and their place in it. *found is false where there is no stub, or they are not there.
 */
KUNI_MUST_CHECK kuni_status kuni_stub_look(const char *path, char **other, uint64_t *at,
                                           bool *found, kuni_error *err);
/* "PATH.stub"; caller frees. */
KUNI_MUST_CHECK char *kuni_stub_path(const char *path, kuni_error *err);

#endif
