/* SPDX-License-Identifier: MIT */
/*
 * The columns of all tables of a release: what heads them is made of this, and dictionary.tsv is.
 */
#ifndef KUNI_SUMMARY_COLUMNS_H
#define KUNI_SUMMARY_COLUMNS_H

#include "kuni/buffer.h"

typedef struct kuni_table_column {
    const char *name, *type, *unit, *meaning, *missing;
} kuni_table_column;

typedef struct kuni_table_kind {
    const char *file; /* within the release */
    const char *about;
    const kuni_table_column *columns; /* ended by name NULL */
} kuni_table_kind;

extern const kuni_table_kind kuni_table_freq, kuni_table_cases, kuni_table_genes,
    kuni_table_capability, kuni_table_samples, kuni_table_distribution, kuni_table_failures;

/* All of them, ended by NULL. */
extern const kuni_table_kind *const kuni_table_kinds[];

/* Appends "#contig\tpos...\n". */
KUNI_MUST_CHECK kuni_status kuni_table_head(const kuni_table_kind *kind, kuni_buffer *text,
                                            kuni_error *err);
/* Appends the whole of dictionary.tsv: a row a column of each of the files, ended by NULL. */
KUNI_MUST_CHECK kuni_status kuni_table_dictionary(const char *const *files, kuni_buffer *text,
                                                  kuni_error *err);

#endif
