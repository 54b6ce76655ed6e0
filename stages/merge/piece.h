/* SPDX-License-Identifier: MIT */
/*
 * A piece of a BGZF file: whole blocks without the end marker, so that pieces concatenate.
 */
#ifndef KUNI_STAGES_MERGE_PIECE_H
#define KUNI_STAGES_MERGE_PIECE_H

#include "kuni/buffer.h"

typedef struct piece_writer piece_writer;

KUNI_MUST_CHECK kuni_status piece_create(piece_writer **piece, const char *path, int level,
                                         kuni_error *err);
/*
 * Things that fit a block do not cross into the next; *from and *to, where not NULL, are virtual
 * offsets.
 */
KUNI_MUST_CHECK kuni_status piece_write(piece_writer *piece, const void *bytes, size_t length,
                                        uint64_t *from, uint64_t *to, kuni_error *err);
/* Ends the block under way. */
KUNI_MUST_CHECK kuni_status piece_flush(piece_writer *piece, kuni_error *err);
/* With `end_marker` it is a BGZF file of its own. Frees the piece also on failure. */
KUNI_MUST_CHECK kuni_status piece_close(piece_writer *piece, bool end_marker, kuni_error *err);
/* Gives up. Accepts NULL. */
void piece_discard(piece_writer *piece);

/* Writes a whole BGZF piece. */
KUNI_MUST_CHECK kuni_status piece_put(const char *path, const void *bytes, size_t length, int level,
                                      bool end_marker, kuni_error *err);

#endif
