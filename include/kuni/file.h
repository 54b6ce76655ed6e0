/* SPDX-License-Identifier: MIT */
/*
 * Files: atomic creation, whole-file reading, paths, digests.
 *
 * A kuni_file is written under a temporary name beside its place and appears there, flushed to
 * disk, only on commit. Nothing that kuni writes can therefore be seen half-written. Every write,
 * flush, fsync, close and rename is checked.
 */
#ifndef KUNI_FILE_H
#define KUNI_FILE_H

#include <stdio.h>

#include "kuni/api.h"
#include "kuni/buffer.h"

KUNI_API_BEGIN

typedef struct kuni_file kuni_file;

/* Starts a new file that shall stand at `path`. */
KUNI_MUST_CHECK kuni_status kuni_file_create(kuni_file **file, const char *path, kuni_error *err);
KUNI_MUST_CHECK kuni_status kuni_file_write(kuni_file *file, const void *bytes, size_t length,
                                            kuni_error *err);
KUNI_MUST_CHECK kuni_status kuni_file_printf(kuni_file *file, kuni_error *err, const char *format,
                                             ...) KUNI_PRINTF(3, 4);
/* Bytes written so far. */
uint64_t kuni_file_size(const kuni_file *file);
/*
 * Flushes, syncs, renames into place, syncs the folder; frees `file` also on failure. Outputs of
 * tasks are synced when the engine has looked at them, and not before.
 */
KUNI_MUST_CHECK kuni_status kuni_file_commit(kuni_file *file, kuni_error *err);
/* Removes the temporary file and frees `file`. Accepts NULL. */
void kuni_file_discard(kuni_file *file);

/* Writes a whole file atomically. */
KUNI_MUST_CHECK kuni_status kuni_file_put(const char *path, const void *bytes, size_t length,
                                          kuni_error *err);
/* Appends a whole file to `buffer`; KUNI_IO where it cannot be read or exceeds limit_bytes. */
KUNI_MUST_CHECK kuni_status kuni_file_get(const char *path, size_t limit_bytes, kuni_buffer *buffer,
                                          kuni_error *err);

/*
 * After reading `path` has failed with errno *code (0: not known): true where that lies with the
 * machine, the network or the file system, and not with the bytes of the file; also where the file
 * cannot be opened and read any more. *code is then an errno that tells why. A URL is not tried.
 */
bool kuni_file_is_out_of_reach(const char *path, int *code);

/* fsync `path`, rename it to `target`, fsync the folder: for files that a library wrote. */
KUNI_MUST_CHECK kuni_status kuni_file_publish(const char *path, const char *target,
                                              kuni_error *err);

/* Takes the end marker of BGZF off a file that htslib wrote, so that another can follow it. */
KUNI_MUST_CHECK kuni_status kuni_file_cut_end_marker(const char *path, kuni_error *err);

/* mkdir -p */
KUNI_MUST_CHECK kuni_status kuni_make_folders(const char *path, kuni_error *err);
/* "folder/name", or `name` itself where it is absolute; caller frees. NULL when memory ran out. */
KUNI_MUST_CHECK char *kuni_path_join(const char *folder, const char *name, kuni_error *err);

/* --- digests: BLAKE2b-256 (libsodium crypto_generichash), printed as 64 hex digits --- */

enum { KUNI_DIGEST_HEX_BYTES = 65 };

typedef struct kuni_digest kuni_digest; /* a digest under way */

KUNI_MUST_CHECK kuni_digest *kuni_digest_new(kuni_error *err);
void kuni_digest_add(kuni_digest *digest, const void *bytes, size_t length);
/*
 * Adds text with its length in front, so that fields cannot run into each other. NULL counts as "".
 */
void kuni_digest_add_text(kuni_digest *digest, const char *text);
void kuni_digest_add_int(kuni_digest *digest, int64_t value);
/* Writes the hex digest and frees `digest`. */
void kuni_digest_finish(kuni_digest *digest, char hex[KUNI_DIGEST_HEX_BYTES]);
void kuni_digest_free(kuni_digest *digest);

KUNI_MUST_CHECK kuni_status kuni_digest_file(const char *path, char hex[KUNI_DIGEST_HEX_BYTES],
                                             kuni_error *err);

KUNI_API_END

#endif
