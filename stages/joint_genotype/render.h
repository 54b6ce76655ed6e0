/* SPDX-License-Identifier: MIT */
/*
 * Records of a call set: INFO and FILTER from the counters, and the file.
 */
#ifndef KUNI_JOINT_RENDER_H
#define KUNI_JOINT_RENDER_H

#include "dense.h"
#include "filters.h"
#include "frequency.h"
#include "header.h"
#include "sparse.h"

typedef struct joint_render joint_render;

/*
 * Creates the file at `path`, `headed`: with its header; mode as hts_open has it: "wb", "wz", "w".
 */
KUNI_MUST_CHECK kuni_status joint_render_open(joint_render **render, joint_render_kind kind,
                                              const char *path, const char *mode, bool headed,
                                              const kuni_task *task, const joint_cohort *cohort,
                                              const joint_options *options,
                                              const joint_filters *filters,
                                              const joint_added *added, kuni_error *err);
/* Flushes and closes; frees also on failure. */
KUNI_MUST_CHECK kuni_status joint_render_finish(joint_render *render, kuni_error *err);
/* Frees without finishing. Accepts NULL. */
void joint_render_abandon(joint_render *render);

/*
 * Writes the header alone to a file of its own. It tells of local alleles only with `local`; numbers in the
 * dictionary are the same.
 */
KUNI_MUST_CHECK kuni_status joint_render_head(const joint_render *render, const char *path,
                                              const char *mode, bool local, kuni_error *err);
/* Whether a record with local alleles was written; of a sparse call set all are. */
bool joint_render_has_local(const joint_render *render);

/*
 * Says that the blocks of a dense call set are what they shall be in any file that it is joined into: an
 * end marker of BGZF stands before that of the file's end. Nothing may be written after.
 */
KUNI_MUST_CHECK kuni_status joint_render_seal(joint_render *render, kuni_error *err);

/* Ends the compressed block under way, so that the file can be cut and joined here. */
KUNI_MUST_CHECK kuni_status joint_render_flush(joint_render *render, kuni_error *err);

/* Records from now on are of this contig. */
void joint_render_contig(joint_render *render, int32_t tid);

/* What a record is made of. */
typedef struct joint_record {
    uint32_t site;
    const joint_tally *tally;
    const joint_allele_frequency *alleles; /* of the site */
    double copies;                         /* that they are estimated from */
    int64_t quality;                       /* thousandths of phred */
    const char *const *filters;            /* as another call set has them; NULL: to be found */
    uint32_t n_filters;
    const joint_added_site *added; /* NULL: nothing */
    float given_quality;           /* likewise, where filters are given */
    double given_qd;
    uint32_t n_with; /* samples that have a copy of the contig here, whatever their sex */
    uint32_t n_without, n_undecided;
    joint_ploidy expected[JOINT_WHO_MAX]; /* where there is no evidence */
    joint_call (*block_calls)[JOINT_QUALITIES];
    joint_dense *dense;   /* for JOINT_RENDER_DENSE */
    joint_sparse *sparse; /* for JOINT_RENDER_SPARSE */
} joint_record;

KUNI_MUST_CHECK kuni_status joint_render_record(joint_render *render, const joint_record *what,
                                                kuni_error *err);

#endif
