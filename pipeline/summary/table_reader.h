/* SPDX-License-Identifier: MIT */
/*
 * Reads tables of releases again: what heads them, and rows whose columns must be those of a kind.
 */
#ifndef KUNI_SUMMARY_TABLE_READER_H
#define KUNI_SUMMARY_TABLE_READER_H

#include "columns.h"
#include "kuni/lines.h"

typedef struct kuni_table_reader {
    kuni_lines lines;
    char *path;
    size_t n_columns;
    /* of the lines of ##; in the arena */
    const char *reference, *definitions, *features, *contigs;
    int64_t threshold;
    kuni_arena *arena;
} kuni_table_reader;

/* KUNI_DATA: it is no table of this kind. To be given to _close in any case. */
KUNI_MUST_CHECK kuni_status kuni_table_reader_open(kuni_table_reader *reader, const char *folder,
                                                   const kuni_table_kind *kind, kuni_error *err);
void kuni_table_reader_close(kuni_table_reader *reader);
/* The fields of the next row, valid until the next call; *got: there is one. */
KUNI_MUST_CHECK kuni_status kuni_table_reader_next(kuni_table_reader *reader,
                                                   char *fields[KUNI_LINE_FIELDS_MAX], bool *got,
                                                   kuni_error *err);
/* KUNI_DATA with path and line. */
kuni_status kuni_table_reader_wrong(const kuni_table_reader *reader, const char *what,
                                    kuni_error *err);

/* A count as tables tell it. */
typedef struct kuni_told {
    int64_t count;
    bool hidden, unseen; /* "hidden", "not_assessed" */
} kuni_told;

/* False: it is none of these. */
bool kuni_told_parse(kuni_told *told, const char *text);
KUNI_MUST_CHECK kuni_status kuni_told_put(const kuni_told *told, kuni_buffer *text,
                                          kuni_error *err);

#endif
