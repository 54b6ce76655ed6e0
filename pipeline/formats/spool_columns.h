/* SPDX-License-Identifier: MIT */
/*
 * Columns on their way from records to chunks: rows of fields as records come, written in groups, each field apart and
 * in slices of samples, and read again row by row. A value is bytes of a type and a number that may be others in each row. Two
 * files: the packed groups, and where in it they are. Memory is that of a group.
 */
#ifndef KUNI_FORMATS_SPOOL_COLUMNS_H
#define KUNI_FORMATS_SPOOL_COLUMNS_H

#include "kuni/file.h"

/* What all files of an export have in common. */
typedef struct kuni_columns_shape {
    size_t n_fields;
    size_t n_samples, slice; /* samples, and how many to a slice */
    const bool *by_sample;   /* of each field: as many values for each sample */
} kuni_columns_shape;

/* A field of a row: of no bytes where the row does not have it. */
typedef struct kuni_columns_value {
    uint8_t type;        /* as the writer was told; 0: the row does not have it */
    uint32_t bytes;      /* of the row, or of each sample */
    const uint8_t *data; /* of the slice, or of all */
} kuni_columns_value;

typedef struct kuni_columns_writer kuni_columns_writer;

/* Writes to two files, both borrowed; `shape` is borrowed. */
KUNI_MUST_CHECK kuni_columns_writer *kuni_columns_writer_new(const kuni_columns_shape *shape,
                                                             kuni_file *groups, kuni_file *index,
                                                             kuni_error *err);
/* A field of the row under way; each field once, or not at all. */
KUNI_MUST_CHECK kuni_status kuni_columns_put(kuni_columns_writer *w, size_t field, uint8_t type,
                                             const void *data, uint32_t bytes, kuni_error *err);
/* Ends the row. */
KUNI_MUST_CHECK kuni_status kuni_columns_end_row(kuni_columns_writer *w, kuni_error *err);
/* Writes what is left. */
KUNI_MUST_CHECK kuni_status kuni_columns_finish(kuni_columns_writer *w, kuni_error *err);
/* Accepts NULL. */
void kuni_columns_writer_free(kuni_columns_writer *w);

typedef struct kuni_columns_reader kuni_columns_reader;

/* The rows of several writers, one after another. */
KUNI_MUST_CHECK kuni_status kuni_columns_open(kuni_columns_reader **r,
                                              const kuni_columns_shape *shape, char *const *groups,
                                              char *const *indexes, size_t n, kuni_error *err);
void kuni_columns_close(kuni_columns_reader *r);
uint64_t kuni_columns_rows(const kuni_columns_reader *r);
/* A field of a row, of a slice (0 where it is not by sample); valid until the next call. Rows in order are quick. */
KUNI_MUST_CHECK kuni_status kuni_columns_get(kuni_columns_reader *r, size_t field, size_t slice,
                                             uint64_t row, kuni_columns_value *value,
                                             kuni_error *err);

#endif
