/* SPDX-License-Identifier: MIT */
/*
 * Records of a sparse call set as lines of text (docs/call-set.md, "Sparse"), and what they say of samples that are in a
 * block that an earlier record began. A part that is cut out of the file begins with a record that tells of everybody, as the
 * stage's writer would begin it there: who is in a block is told of what is left of it.
 */
#ifndef KUNI_COMMAND_SPARSE_LINES_H
#define KUNI_COMMAND_SPARSE_LINES_H

#include "kuni/buffer.h"

/* Who is in which block: sixteen bytes a column. */
typedef struct kuni_sparse_blocks kuni_sparse_blocks;

KUNI_MUST_CHECK kuni_status kuni_sparse_blocks_new(kuni_sparse_blocks **blocks, uint32_t n_columns,
                                                   kuni_error *err);
/* Accepts NULL. */
void kuni_sparse_blocks_free(kuni_sparse_blocks *blocks);
/* Nobody is in any. */
void kuni_sparse_blocks_clear(kuni_sparse_blocks *blocks);

/* Where a line lies: 0-based; -1: it has none. */
int64_t kuni_sparse_line_pos(const char *line);
/* Passes over a line, without an end of line: notes who begins a block in it, and who is in none any more. */
KUNI_MUST_CHECK kuni_status kuni_sparse_blocks_pass(kuni_sparse_blocks *blocks, const char *line,
                                                    kuni_error *err);
/*
 * Appends the line, and its end, with everybody told of. KUNI_DATA: it is no such line, or somebody is neither told of nor
 * in a block.
 */
KUNI_MUST_CHECK kuni_status kuni_sparse_blocks_tell(const kuni_sparse_blocks *blocks,
                                                    const char *line, kuni_buffer *out,
                                                    kuni_error *err);
/* Whether INFO/END is the last of INFO, where the stage's writer puts it, or not there. */
bool kuni_sparse_line_ends_well(const char *line);
/* Appends the line, and its end, with INFO/END there. */
KUNI_MUST_CHECK kuni_status kuni_sparse_line_put_end_last(const char *line, kuni_buffer *out,
                                                          kuni_error *err);

#endif
