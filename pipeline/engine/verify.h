/* SPDX-License-Identifier: MIT */
/*
 * Whether a dataset's files are what was written, and what can be done where they are not: what
 * `kuni verify` and `kuni repair` do. One process.
 */
#ifndef KUNI_ENGINE_VERIFY_H
#define KUNI_ENGINE_VERIFY_H

#include "run.h"

typedef struct kuni_verify_request {
    kuni_run_options run; /* workflow, settings */
    bool deep;            /* read every byte; else size and time are believed */
    bool repair;
    bool
        together; /* all ranks share the work, and get the same result; not with repair. Collective */
    const char *from; /* repair: an intact copy of the dataset, or NULL */
    int64_t lock_wait_ms;
    /* A line for people. */
    void (*tell)(void *context, const char *text);
    /* repair: told what will be done before it is; false: leave everything as it is. */
    bool (*agree)(void *context, const char *text);
    void *context;
} kuni_verify_request;

typedef struct kuni_verify_result {
    size_t files;     /* looked at */
    size_t damaged;   /* missing or altered */
    size_t copied;    /* repair: taken from the copy */
    size_t unsealed;  /* repair: batches and steps that the next run makes again from the reads */
    size_t removed;   /* repair: files that the next run makes again from evidence */
    size_t rewritten; /* repair: settings.json, reference.tsv */
    size_t beyond;    /* repair: nothing here can mend it */
} kuni_verify_result;

/*
 * Verifying changes nothing; KUNI_IO where something is damaged. Repairing takes the lock; KUNI_IO
 * where something is beyond repair: all that can be mended is mended all the same.
 */
KUNI_MUST_CHECK kuni_status kuni_verify(const kuni_verify_request *request,
                                        kuni_verify_result *result, kuni_buffer *faults,
                                        kuni_error *err);

#endif
