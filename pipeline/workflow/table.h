/* SPDX-License-Identifier: MIT */
/*
 * Reading tables of text line by line in bounded memory, and finding rows by a text.
 */
#ifndef KUNI_WORKFLOW_TABLE_H
#define KUNI_WORKFLOW_TABLE_H

#include <stdio.h>

#include "faults.h"

enum { KUNI_TABLE_LINE_BYTES_MAX = 1 << 20, KUNI_TABLE_FIELDS_MAX = 256 };

/* --- lines --- */

typedef struct kuni_lines {
    FILE *file;
    const char *path;
    char *block;
    size_t beg, end;
    int64_t number; /* of the line last given, from 1 */
    bool at_end;
} kuni_lines;

/* `path` is borrowed. */
KUNI_MUST_CHECK kuni_status kuni_lines_open(kuni_lines *lines, const char *path, kuni_error *err);
/*
 * The next line that is not blank and does not start with "#" (but see `keep_comments`), without
 * line end (\n or \r\n) and byte order mark, to be changed freely until the next call; NULL at the
 * end. A line that is not UTF-8 is a fault and passed over; after one with control characters the
 * file ends.
 */
KUNI_MUST_CHECK kuni_status kuni_lines_next(kuni_lines *lines, bool keep_comments, char **line,
                                            kuni_faults *faults, kuni_error *err);
void kuni_lines_close(kuni_lines *lines);

/*
 * Splits a line in place at `separator` ('\t', ',' with "quoted" fields, or ' ' for any run of
 * blanks); blanks around fields are cut off. Returns the number of fields, of which the first
 * KUNI_TABLE_FIELDS_MAX are given.
 */
size_t kuni_line_split(char *line, char separator, char *fields[KUNI_TABLE_FIELDS_MAX]);

/* --- rows by text --- */

/* A hash table of row numbers; the texts stay with the caller. */
typedef struct kuni_lookup_slot {
    uint32_t row; /* row + 1, 0: free */
    uint32_t hash;
} kuni_lookup_slot;

typedef struct kuni_lookup {
    kuni_lookup_slot *slots;
    size_t n, capacity; /* a power of two */
} kuni_lookup;

enum { KUNI_LOOKUP_NONE = -1 };

/* `text_of(context, row)` gives the text a row was added with. */
typedef const char *kuni_lookup_text(const void *context, uint32_t row);

/* The row of a text, or KUNI_LOOKUP_NONE. */
int64_t kuni_lookup_find(const kuni_lookup *lookup, const char *text, kuni_lookup_text *text_of,
                         const void *context);
/* Adds a row whose text is not in the table yet. */
KUNI_MUST_CHECK kuni_status kuni_lookup_add(kuni_lookup *lookup, const char *text, uint32_t row,
                                            kuni_error *err);
void kuni_lookup_fini(kuni_lookup *lookup);

#endif
