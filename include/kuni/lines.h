/* SPDX-License-Identifier: MIT */
/*
 * Reading tables of text: the one reader of lines, and strict numbers.
 *
 * Plain or packed by gzip or bgzip. Line ends are \n or \r\n, the last may lack; a byte order mark is
 * passed over. Memory is bounded by the longest line that is allowed.
 */
#ifndef KUNI_LINES_H
#define KUNI_LINES_H

#include "kuni/api.h"
#include "kuni/buffer.h"

KUNI_API_BEGIN

enum { KUNI_LINE_BYTES_MAX = 1 << 20, KUNI_LINE_FIELDS_MAX = 256 };

/* What may be wrong with a line. */
typedef enum kuni_line_fault {
    KUNI_LINE_FINE = 0,
    KUNI_LINE_LONG,   /* over KUNI_LINE_BYTES_MAX */
    KUNI_LINE_BINARY, /* control characters: no text */
    KUNI_LINE_NOT_UTF8
} kuni_line_fault;

typedef struct kuni_lines {
    const char *path; /* borrowed */
    int64_t number;   /* of the line last given, from 1 */
    void *file;       /* BGZF */
    void *text;       /* kstring_t */
} kuni_lines;

/* A finished or failed one is to be closed. KUNI_IO where the file cannot be opened. */
KUNI_MUST_CHECK kuni_status kuni_lines_open(kuni_lines *lines, const char *path, kuni_error *err);
void kuni_lines_close(kuni_lines *lines);
/*
 * The next line, to be changed freely until the next call; NULL at the end. *fault tells what is
 * wrong with it, for callers that collect faults: the line is then not to be used.
 */
KUNI_MUST_CHECK kuni_status kuni_lines_look(kuni_lines *lines, char **line, kuni_line_fault *fault,
                                            kuni_error *err);
/* As kuni_lines_look; a line with a fault is KUNI_DATA. */
KUNI_MUST_CHECK kuni_status kuni_lines_next(kuni_lines *lines, char **line, kuni_error *err);
/* "holds bytes that are no text; ...": for messages. */
const char *kuni_line_fault_text(kuni_line_fault fault);

/*
 * Splits a line in place at `separator` ('\t', ',' with "quoted" fields, or ' ' for any run of
 * blanks); blanks around fields are cut off. Returns the number of fields, of which the first
 * KUNI_LINE_FIELDS_MAX are given.
 */
size_t kuni_line_split(char *line, char separator, char *fields[KUNI_LINE_FIELDS_MAX]);

/* The whole text is a decimal number within the range: no blanks, no sign but '-', no wrap. */
bool kuni_text_int(const char *text, int64_t least, int64_t most, int64_t *value);
/* The whole text is a finite number in decimal notation. */
bool kuni_text_double(const char *text, double *value);

KUNI_API_END

#endif
