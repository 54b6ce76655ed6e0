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
 * A stretch begins at the first site that it has and ends with the evidence's block: at the latest
 * with the 64 kb chunk or the shard. It ends earlier only where min_gq makes the genotype another
 * one. GQ of a block is the block's own, without the prior of a site. Nothing else looks back or
 * ahead, and memory is four bytes a sample for where its stretch ends, and four for who is due.
 */
#ifndef KUNI_JOINT_SPARSE_H
#define KUNI_JOINT_SPARSE_H

#include "window.h"

typedef struct joint_sparse joint_sparse;

/* The window must tell gaps. */
KUNI_MUST_CHECK joint_sparse *joint_sparse_new(joint_window *window, kuni_error *err);
void joint_sparse_free(joint_sparse *sparse);

/* Starts a chunk. `varies`: samples in blocks may be called at one site of it and not at another;
 * joint_sparse_uncalled then says where not. */
KUNI_MUST_CHECK kuni_status joint_sparse_begin(joint_sparse *sparse, const joint_sites *sites,
                                               uint32_t n_columns, bool varies, kuni_error *err);
void joint_sparse_uncalled(joint_sparse *sparse, int copies, int quality, uint32_t site);

/* Appends FORMAT and the columns of a row, each led by a tab. Rows must be asked for in rising
 * order, all of a chunk's. */
KUNI_MUST_CHECK kuni_status joint_sparse_row(joint_sparse *sparse, const joint_row *row,
                                             const joint_cohort *cohort,
                                             const joint_options *options, kuni_buffer *text,
                                             kuni_error *err);

#endif
