/* SPDX-License-Identifier: MIT */
/*
 * 256-bit digests as numbers: what content keys are made of.
 *
 * The digest of a set (the inputs of a task, the samples of a batch) is the sum modulo 2^256 of the
 * digests of its elements, each of which names its place in the set. A sum can be built in any
 * order and an element can be taken out again, so that a joint task over thousands of files needs
 * 32 bytes of memory for its key, not a list. The sum guards against change and accident, not
 * against an adversary who may choose the inputs.
 */
#ifndef KUNI_DATASET_HASH_H
#define KUNI_DATASET_HASH_H

#include "kuni/file.h"

typedef struct kuni_hash {
    uint64_t word[4]; /* least significant first */
} kuni_hash;

void kuni_hash_add(kuni_hash *sum, const kuni_hash *element);
void kuni_hash_subtract(kuni_hash *sum, const kuni_hash *element);
bool kuni_hash_equal(const kuni_hash *a, const kuni_hash *b);
/* 64 hex digits, most significant first; false where `hex` is not that. */
bool kuni_hash_parse(kuni_hash *hash, const char *hex);
void kuni_hash_print(const kuni_hash *hash, char hex[KUNI_DIGEST_HEX_BYTES]);
/* The leading 64 bits: the part of a key that stands in file names as 16 hex digits. Never 0. */
uint64_t kuni_hash_short(const kuni_hash *hash);
/* These 16 hex digits; false where `hex` is not that. */
bool kuni_hash_parse_short(uint64_t *key, const char *hex);

/* Adds the hash to a digest under way. */
void kuni_digest_add_hash(kuni_digest *digest, const kuni_hash *hash);
/* Finishes a digest as a number; frees it. */
void kuni_digest_finish_hash(kuni_digest *digest, kuni_hash *hash);

#endif
