/* SPDX-License-Identifier: MIT */
/*
 * Whether anything is left of people who were erased: what `kuni verify --erased` looks for. One
 * process, no lock; nothing is written.
 *
 * Every file of the dataset's folder is looked into, hidden ones too: its name, where a link leads,
 * its bytes, what they are of when they are compressed (gzip, BGZF: BCF, VCF), and of evidence the
 * samples of the header and whether a place that is nobody's has brought anything.
 */
#ifndef KUNI_ENGINE_ERASED_H
#define KUNI_ENGINE_ERASED_H

#include "kuni/buffer.h"

typedef struct kuni_erased_request {
    const char *workflow;
    const char *const *settings; /* --set */
    size_t n_settings;
    const char *list; /* ids, one a line: the dataset does not know them any more */
    /* A line for people: where one was found, or that one was never erased. */
    void (*tell)(void *context, const char *text);
    void *context;
} kuni_erased_request;

typedef struct kuni_erased_result {
    size_t ids, files, found; /* places where one was found */
    size_t never;             /* ids that no tombstone covers as erased */
} kuni_erased_result;

/* KUNI_IO where something is left. */
KUNI_MUST_CHECK kuni_status kuni_erased_verify(const kuni_erased_request *request,
                                               kuni_erased_result *result, kuni_buffer *faults,
                                               kuni_error *err);

#endif
