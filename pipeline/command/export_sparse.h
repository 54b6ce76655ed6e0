/* SPDX-License-Identifier: MIT */
/*
 * Sparse records of everybody, taken from the published file by its index: lines as they stand there, but for the first of a
 * part, which tells of everybody (sparse_lines.h): the bytes are those that joint_export_shard makes from evidence. Blocks of the
 * file that hold one record alone are taken as they are.
 */
#ifndef KUNI_COMMAND_EXPORT_SPARSE_H
#define KUNI_COMMAND_EXPORT_SPARSE_H

#include "exporter.h"

/* A share's file under way. */
typedef struct kuni_sparse_copying kuni_sparse_copying;

/* The file has no header: see kuni_sparse_copying_head. */
KUNI_MUST_CHECK kuni_status kuni_sparse_copying_open(kuni_sparse_copying **made,
                                                     const kuni_exporter *x, const char *path,
                                                     kuni_error *err);
/* Writes the header to a file of its own; `source`: what it says that it is made by. */
KUNI_MUST_CHECK kuni_status kuni_sparse_copying_head(const kuni_sparse_copying *copying,
                                                     const char *path, const char *source,
                                                     kuni_error *err);
/* Adds the records that start in the span. Compressed blocks end where those of joint_export_shard do. */
KUNI_MUST_CHECK kuni_status kuni_sparse_copying_span(kuni_sparse_copying *copying, kuni_span span,
                                                     kuni_error *err);
/* Closes; frees also on failure. */
KUNI_MUST_CHECK kuni_status kuni_sparse_copying_finish(kuni_sparse_copying *copying,
                                                       kuni_error *err);
/* Accepts NULL. */
void kuni_sparse_copying_abandon(kuni_sparse_copying *copying);

#endif
