/* SPDX-License-Identifier: MIT */
/*
 * An erasure under way: DATASET/erasing.tsv (mode 0600), which stands from before the first byte is
 * changed until the last one is gone, so that the same command can go on after a crash. It names
 * the people, and is gone with them. Beside it DATASET/outdated tells which generations still hold
 * people who were erased, by their number alone: they go once a younger one is published.
 *
 *   #kuni erasing 1
 *   token       HEX             of this erasure; new files are named by it
 *   by, reason  TEXT            for the history
 *   sample      ID BATCH PLACE  of the batch, from 0
 *   participant ID              withdraws with samples to come, too
 *   word        ID              must not be found any more, like the ids above
 *   #end
 */
#ifndef KUNI_DATASET_ERASURE_H
#define KUNI_DATASET_ERASURE_H

#include "kuni/buffer.h"
#include "words.h"

enum { KUNI_ERASURE_TOKEN_BYTES = 33 };

typedef struct kuni_erased_sample {
    const char *id, *batch;
    int64_t place;
} kuni_erased_sample;

typedef struct kuni_erasure {
    char token[KUNI_ERASURE_TOKEN_BYTES];
    const char *by, *reason; /* or NULL */
    kuni_erased_sample *samples;
    size_t n_samples, samples_capacity;
    const char **participants, **words;
    size_t n_participants, participants_capacity, n_words, words_capacity;
    kuni_arena *arena; /* owns the texts */
} kuni_erasure;

/* An empty one with a token of its own; kuni_erasure_fini also after a failure. */
KUNI_MUST_CHECK kuni_status kuni_erasure_init(kuni_erasure *erasure, kuni_error *err);
void kuni_erasure_fini(kuni_erasure *erasure);
KUNI_MUST_CHECK kuni_status kuni_erasure_add_sample(kuni_erasure *erasure, const char *id,
                                                    const char *batch, int64_t place,
                                                    kuni_error *err);
KUNI_MUST_CHECK kuni_status kuni_erasure_add_participant(kuni_erasure *erasure, const char *id,
                                                         kuni_error *err);
KUNI_MUST_CHECK kuni_status kuni_erasure_add_word(kuni_erasure *erasure, const char *id,
                                                  kuni_error *err);
/* A copy in the erasure's arena. */
KUNI_MUST_CHECK kuni_status kuni_erasure_say(kuni_erasure *erasure, const char **place,
                                             const char *text, kuni_error *err);
/* All of its ids, for a search; `words` borrows them. */
KUNI_MUST_CHECK kuni_status kuni_erasure_words(const kuni_erasure *erasure, kuni_words *words,
                                               kuni_error *err);

/* Whether an erasure of the dataset is under way. */
bool kuni_erasure_stands(const char *folder);
/* KUNI_USAGE where one is: nothing else may be done with the dataset. */
KUNI_MUST_CHECK kuni_status kuni_erasure_check(const char *folder, kuni_error *err);
/* KUNI_IO where it is damaged. Initialises `erasure`. */
KUNI_MUST_CHECK kuni_status kuni_erasure_read(kuni_erasure *erasure, const char *folder,
                                              kuni_error *err);
KUNI_MUST_CHECK kuni_status kuni_erasure_write(const kuni_erasure *erasure, const char *folder,
                                               kuni_error *err);
KUNI_MUST_CHECK kuni_status kuni_erasure_remove(const char *folder, kuni_error *err);

/* The last generation that holds people who were erased; 0: none does. */
KUNI_MUST_CHECK kuni_status kuni_outdated_read(const char *folder, int64_t *generation,
                                               kuni_error *err);
/* 0: none does any more. */
KUNI_MUST_CHECK kuni_status kuni_outdated_write(const char *folder, int64_t generation,
                                                kuni_error *err);

#endif
