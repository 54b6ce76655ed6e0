/* SPDX-License-Identifier: MIT */
/*
 * Genotype columns of a sparse call set, as text of VCF 4.5.
 *
 * A sample is told of where something begins: an event at a site, with its local alleles (LAA, LAD,
 * LPL), or a stretch of the genome in which it has a reference block, or no call for one reason
 * (GT, GQ, DP, RNC, and LEN: how far it reaches). At the sites inside of the stretch it is ".". So
 * a row costs what begins there, and two bytes, which compress to nearly none, for any other
 * sample.
 *
 * A stretch goes on over blocks whose GQ and DP are in the same bands (sparse_gq, sparse_dp), and
 * tells of the bands' lower edges: values at a site do not depend on where a stretch begins.
 * Without bands they are the blocks' own. It begins at the first site that it has, and ends at an
 * event, where the sample has another number of copies, or with the 64 kb chunk or the shard;
 * earlier where min_gq makes the genotype another one. GQ is without the prior of a site. Memory is
 * what begins at the sites of a window, some five bytes a stretch.
 */
#ifndef KUNI_JOINT_SPARSE_H
#define KUNI_JOINT_SPARSE_H

#include "cells.h"

typedef struct joint_sparse joint_sparse;

KUNI_MUST_CHECK joint_sparse *joint_sparse_new(joint_cells *cells, const joint_options *options,
                                               kuni_error *err);
void joint_sparse_free(joint_sparse *sparse);

/*
 * Starts a chunk. With min_gq samples in blocks may be called at one site and not at another:
 * joint_sparse_uncalled then says where not, before any row.
 */
KUNI_MUST_CHECK kuni_status joint_sparse_chunk(joint_sparse *sparse, const joint_sites *sites,
                                               kuni_error *err);
void joint_sparse_uncalled(joint_sparse *sparse, int copies, int quality, uint32_t site);

/* Starts a window, which was begun. */
KUNI_MUST_CHECK kuni_status joint_sparse_begin(joint_sparse *sparse, kuni_error *err);
/* All pieces of a column, in order; joint_sparse_flush after its last. */
KUNI_MUST_CHECK kuni_status joint_sparse_piece(joint_sparse *sparse, const joint_piece *piece,
                                               uint8_t who, kuni_error *err);
KUNI_MUST_CHECK kuni_status joint_sparse_flush(joint_sparse *sparse, kuni_error *err);

/*
 * Appends FORMAT and the columns of a row, each led by a tab. Rows must be asked for in rising
 * order, all of a chunk's, but for those that are passed over. *end: where the last of the stretches that begin here
 * ends; 0: none does.
 */
KUNI_MUST_CHECK kuni_status joint_sparse_row(joint_sparse *sparse, const joint_row *row,
                                             kuni_buffer *text, int64_t *end, kuni_error *err);
/* The site has no row: stretches that would begin in it begin in the next, also where that is of the next window. */
KUNI_MUST_CHECK kuni_status joint_sparse_pass_over(joint_sparse *sparse, uint32_t site,
                                                   kuni_error *err);

/* The chunk's last window was written: memory goes back. */
void joint_sparse_end(joint_sparse *sparse);
/* Taken by the window under way. */
int64_t joint_sparse_bytes(const joint_sparse *sparse);

#endif
