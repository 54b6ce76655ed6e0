/* SPDX-License-Identifier: MIT */
/*
 * Sealed batches of few people are put together into larger ones: what `kuni compact` does. One process, under
 * the lock. Batches that follow one another become one in their place, so that nobody's column changes; their
 * files are made anew by the stages (kuni_step.combine) and sealed under a new name; then the register names
 * the new batches, in one step, and the old seals go. Old files are removed by the next run, as all that
 * nothing refers to.
 *
 * Until the register is written all is as it was; after that all is as it will be. What was begun and not
 * finished is noted (compacting.h): nothing else is done with the dataset before the same command has gone on.
 */
#ifndef KUNI_ENGINE_COMPACT_H
#define KUNI_ENGINE_COMPACT_H

#include "run.h"

typedef struct kuni_compact_request {
    const char *workflow;
    const char *const *settings; /* --set */
    size_t n_settings;
    int64_t below; /* batches of fewer people are put together; 0: half of the workflow's `batch` */
    bool dry_run;  /* only tell */
    const char *by; /* for the history; or NULL */
    int64_t lock_wait_ms;
    /* Told what will be done before it is; false: leave everything as it is. */
    bool (*agree)(void *context, const char *text);
    void (*tell)(void *context, const char *text); /* a line for each new batch */
    void *context;
} kuni_compact_request;

typedef struct kuni_compact_result {
    size_t batches, into, people, files; /* files: that are made */
    int64_t bytes, bytes_after;
    size_t hindered; /* batches of few people that stay as they are for what a step of theirs is */
    char hindrance[192]; /* of the first of them: "BATCH: step STEP ..." */
} kuni_compact_result;

KUNI_MUST_CHECK kuni_status kuni_compact(const kuni_compact_request *request,
                                         kuni_compact_result *result, kuni_buffer *faults,
                                         kuni_error *err);

#endif
