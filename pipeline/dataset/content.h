/* SPDX-License-Identifier: MIT */
/*
 * What a reads file is, by its bytes: neither path nor time count, so that files may be moved, copied
 * and touched.
 */
#ifndef KUNI_DATASET_CONTENT_H
#define KUNI_DATASET_CONTENT_H

#include "hash.h"

enum { KUNI_CONTENT_BLOCKS = 64, KUNI_CONTENT_BLOCK_BYTES = 4096 };

/*
 * Digest of the size and of KUNI_CONTENT_BLOCKS blocks, the first, the last and others evenly between
 * (the whole file where it is no longer than that): two alignments of any kind differ in nearly all of
 * them, and a truncated or rewritten file does. It is no proof against who wants to deceive, and does
 * not notice a flipped byte elsewhere: decoding checks its own checksums. KUNI_IO where the file
 * cannot be read.
 */
KUNI_MUST_CHECK kuni_status kuni_content_of(const char *path, kuni_hash *content, kuni_error *err);

#endif
