/* SPDX-License-Identifier: MIT */
/*
 * Spools: many byte strings that grow at their ends, then are each read once from the front.
 *
 * What a writer collects per sample before a chunk of all samples can be encoded. Beyond a memory
 * limit the bytes go to an unnamed temporary file, so memory stays bounded whatever the batch.
 */
#ifndef KUNI_STORE_SPOOL_H
#define KUNI_STORE_SPOOL_H

#include "stream.h"

typedef struct kuni_spool kuni_spool;

/* `folder` is where a temporary file may be made. */
KUNI_MUST_CHECK kuni_spool *kuni_spool_new(size_t n_strings, const char *folder,
                                           size_t memory_bytes, kuni_error *err);
void kuni_spool_free(kuni_spool *spool);

KUNI_MUST_CHECK kuni_status kuni_spool_append(kuni_spool *spool, size_t string, const void *bytes,
                                              size_t length, kuni_error *err);
/* Makes a string empty again. */
void kuni_spool_drop(kuni_spool *spool, size_t string);

/*
 * Reading. Gives a view of a string's unread bytes that is at least `want` long, or all there are.
 * The view is valid until the next call for the same string.
 */
KUNI_MUST_CHECK kuni_status kuni_spool_peek(kuni_spool *spool, size_t string, size_t want,
                                            kuni_cursor *view, kuni_error *err);
/* Marks bytes of the last view as read. */
void kuni_spool_consume(kuni_spool *spool, size_t string, size_t length);

#endif
