/* SPDX-License-Identifier: MIT */
/* Lines of sparse call sets: megabytes long, and nearly all of columns that are not told of (docs/call-set.md). */
#ifndef KUNI_STAGES_COMMON_SPARSE_TEXT_H
#define KUNI_STAGES_COMMON_SPARSE_TEXT_H

#include <htslib/bgzf.h>
#include <htslib/kstring.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Appends what the file goes on with, up to the end of the line or of the block; *ended: of the line, which is not appended. -1
 * at the end of the file, below where it is damaged. bgzf_getline looks at each byte by itself: half of the time that inflating takes.
 */
int sparse_read_some(BGZF *file, kstring_t *line, bool *ended);

/*
 * Passes over columns that are not told of, nearly all of most records: from the tab before a column on, up to one that is, or
 * to `end`, where a NUL stands.
 */
const char *sparse_skip_dots(const char *at, const char *end, uint32_t *column);

#endif
