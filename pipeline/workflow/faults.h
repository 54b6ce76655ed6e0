/* SPDX-License-Identifier: MIT */
/*
 * Faults of an input file, collected so that all of them can be shown at once, sorted by line.
 *
 * A fault reads "file:line:column: what; expected ...; did you mean ...?". The number kept is
 * bounded: a file of another kind must not bury the first, telling faults.
 */
#ifndef KUNI_WORKFLOW_FAULTS_H
#define KUNI_WORKFLOW_FAULTS_H

#include "kuni/buffer.h"

enum { KUNI_FAULTS_MAX = 500 };

typedef struct kuni_fault {
    const char *file;     /* an included one; NULL: the file */
    const char *origin;   /* what stands in front instead of file and line (a --set), or NULL */
    int64_t line, column; /* from 1; 0: none */
    size_t order;
    const char *text;
} kuni_fault;

typedef struct kuni_faults {
    const char *file;   /* as the user wrote it */
    const char *within; /* the included file that is read now; NULL: none */
    kuni_arena *arena;
    kuni_fault *items;
    size_t n, capacity;
    size_t hidden;  /* those beyond KUNI_FAULTS_MAX */
    kuni_error err; /* memory ran out while collecting */
} kuni_faults;

/* `file` is borrowed. */
KUNI_MUST_CHECK kuni_status kuni_faults_init(kuni_faults *faults, const char *file,
                                             kuni_error *err);
void kuni_faults_fini(kuni_faults *faults);

void kuni_faults_add(kuni_faults *faults, const char *origin, int64_t line, int64_t column,
                     const char *format, ...) KUNI_PRINTF(5, 6);
void kuni_faults_add_list(kuni_faults *faults, const char *origin, int64_t line, int64_t column,
                          const char *format, va_list args) KUNI_PRINTF(5, 0);
/* True where nothing was found and nothing failed. */
bool kuni_faults_none(const kuni_faults *faults);
/*
 * Appends the faults to `out`, sorted, one a line. KUNI_OK where there are none, else `status` and
 * a summary in err.
 */
KUNI_MUST_CHECK kuni_status kuni_faults_report(kuni_faults *faults, kuni_status status,
                                               kuni_buffer *out, kuni_error *err);

#endif
