/* SPDX-License-Identifier: MIT */
/*
 * Finds ids of people in text and in bytes, as whole words: before and after one stands no letter,
 * digit or underscore. A word inside the id of somebody who stays ("P1" in "P1-2") is none.
 */
#ifndef KUNI_DATASET_WORDS_H
#define KUNI_DATASET_WORDS_H

#include "kuni/buffer.h"
#include "names.h"

enum { KUNI_WORD_BYTES_MAX = 256 }; /* of an id: manifests allow 200 */

typedef struct kuni_words {
    kuni_names wanted, others;
    uint8_t *starts; /* [first byte << 8 | second byte]: some id begins so */
    size_t lengths[KUNI_WORD_BYTES_MAX], n_lengths; /* of ids, each once */
    const char **ids;                               /* those that are looked for */
    size_t n, capacity;
} kuni_words;

/* An empty set; to be closed with kuni_words_fini also after a failure. */
KUNI_MUST_CHECK kuni_status kuni_words_init(kuni_words *words, kuni_error *err);
void kuni_words_fini(kuni_words *words);
/* Adds an id that is looked for; it is borrowed. Longer ones than any id can be are passed over. */
KUNI_MUST_CHECK kuni_status kuni_words_add(kuni_words *words, const char *id, kuni_error *err);
/* Adds an id that is not: somebody who stays; borrowed. */
KUNI_MUST_CHECK kuni_status kuni_words_add_other(kuni_words *words, const char *id,
                                                 kuni_error *err);
/*
 * The first id at or after *at within `length` bytes, or NULL: *at becomes its place. `least`: ids of
 * fewer bytes are passed over (among bytes that are no text, short ones stand by chance).
 */
const char *kuni_words_find(const kuni_words *words, const char *bytes, size_t length, size_t least,
                            size_t *at);
/* Whether a text holds one. */
bool kuni_words_in(const kuni_words *words, const char *text);
/* Whether a file (none: false) holds one; KUNI_IO where it cannot be read. */
KUNI_MUST_CHECK kuni_status kuni_words_in_file(const kuni_words *words, const char *path,
                                               bool *found, kuni_error *err);

/*
 * Reads a list of ids, one a line (empty lines and those that begin with # are passed over), into a
 * growing array; the texts live in `arena`. KUNI_USAGE names a line with more.
 */
KUNI_MUST_CHECK kuni_status kuni_ids_read(const char *path, kuni_arena *arena, const char ***ids,
                                          size_t *n, size_t *capacity, kuni_error *err);

#endif
