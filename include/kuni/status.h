/* SPDX-License-Identifier: MIT */
/*
 * Status codes and the error object.
 *
 * A function that can fail returns kuni_status and takes a caller-owned kuni_error. The error is
 * set once, where the fault arises, with what happened, where, and what to do about it; it is left
 * untouched on success. Libraries never print and never exit: only main() does.
 */
#ifndef KUNI_STATUS_H
#define KUNI_STATUS_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kuni/api.h"

KUNI_API_BEGIN

#define KUNI_MUST_CHECK        __attribute__((warn_unused_result))
#define KUNI_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* The values are the process exit codes (sysexits.h). */
typedef enum kuni_status {
    KUNI_OK = 0,      /* success */
    KUNI_USAGE = 64,  /* the command line or the workflow file is wrong */
    KUNI_DATA = 65,   /* an input file is damaged, foreign or contradicts another */
    KUNI_BUG = 70,    /* kuni broke a promise of its own, or a stage crashed */
    KUNI_MEMORY = 71, /* an allocation was refused */
    KUNI_IO = 74,     /* the system refused to open, read, write, flush or rename */
    KUNI_AGAIN = 75   /* stopped on request, or the dataset is busy: run the same command again */
} kuni_status;

enum { KUNI_ERROR_TEXT_BYTES = 2048 };

typedef struct kuni_error {
    kuni_status status;
    /* Index into the task's samples of the one at fault, or -1: see kuni_fail_sample. */
    int64_t sample;
    char text[KUNI_ERROR_TEXT_BYTES];
} kuni_error;

/* By position, for C++ before 20 has no designated initialisers. */
#define KUNI_ERROR_INIT {KUNI_OK, -1, ""}

/*
 * Sets err (unless it is already set or NULL) and returns status. The text is one line without a
 * final full stop or newline: "what: where: what to do". What of it is no UTF-8, or would steer a
 * terminal, is replaced.
 */
kuni_status kuni_fail(kuni_error *err, kuni_status status, const char *format, ...)
    KUNI_PRINTF(3, 4);

/* As kuni_fail; marks that the fault lies in one sample's input, so that it can be quarantined. */
kuni_status kuni_fail_sample(kuni_error *err, kuni_status status, int64_t sample,
                             const char *format, ...) KUNI_PRINTF(4, 5);

/* As kuni_fail with KUNI_IO; ": " and the text of errno are appended. Call before errno changes. */
kuni_status kuni_fail_errno(kuni_error *err, const char *format, ...) KUNI_PRINTF(2, 3);

/* As kuni_fail with KUNI_MEMORY: `count` elements of `size` bytes were refused. */
kuni_status kuni_fail_memory(kuni_error *err, size_t count, size_t size);

#ifdef __clang_analyzer__
/* An analyser sees one source at a time and cannot know that these never return KUNI_OK. */
#define kuni_fail(ERR, STATUS, ...) ((void)kuni_fail(ERR, STATUS, __VA_ARGS__), (STATUS))
#define kuni_fail_sample(ERR, STATUS, I, ...)                                                      \
    ((void)kuni_fail_sample(ERR, STATUS, I, __VA_ARGS__), (STATUS))
#define kuni_fail_errno(ERR, ...)          ((void)kuni_fail_errno(ERR, __VA_ARGS__), KUNI_IO)
#define kuni_fail_memory(ERR, COUNT, SIZE) ((void)kuni_fail_memory(ERR, COUNT, SIZE), KUNI_MEMORY)
#endif

/* Makes err ready for use again. */
void kuni_error_clear(kuni_error *err);

/* "data", "I/O", ...: a word for messages and the journal. */
const char *kuni_status_name(kuni_status status);

KUNI_API_END

#endif
