/* SPDX-License-Identifier: MIT */
/* What tables that are to be added up must have alike, and the head of their sum. */
#ifndef KUNI_SUMMARY_MERGE_HEADS_H
#define KUNI_SUMMARY_MERGE_HEADS_H

#include "table_reader.h"

typedef struct kuni_merge_heads {
    const kuni_table_reader *first; /* borrowed */
    size_t n;
    int64_t threshold; /* the greatest */
} kuni_merge_heads;

/* KUNI_DATA: it is of another reference, definition or file of features than the first. */
KUNI_MUST_CHECK kuni_status kuni_merge_heads_add(kuni_merge_heads *heads,
                                                 const kuni_table_reader *reader, kuni_error *err);
/* Appends the lines of ##. */
KUNI_MUST_CHECK kuni_status kuni_merge_heads_put(const kuni_merge_heads *heads, kuni_buffer *text,
                                                 kuni_error *err);

#endif
