/* SPDX-License-Identifier: MIT */
/*
 * A shard under way: its evidence files and the passes over their chunks. See joint.h for the way.
 */
#ifndef KUNI_JOINT_SHARD_H
#define KUNI_JOINT_SHARD_H

#include "allele_prior.h"
#include "called_sites.h"
#include "kept.h"
#include "render.h"
#include "unify.h"

/* One evidence file. */
typedef struct joint_source {
    kuni_evidence_reader *reader;
    const int32_t *columns; /* of its samples */
    uint32_t n_samples;
    size_t
        first_chunk; /* of the file: that of the shard's first, as the file may be of a wider one */
    bool complete;   /* no sample is left out, so the dictionary's counts hold */
} joint_source;

typedef struct joint_shard {
    const kuni_task *task;
    kuni_span shard;
    joint_options options;
    joint_cohort cohort;
    joint_filters filters;
    joint_source *sources;
    size_t n_sources;
    joint_unify *unify;
    joint_sites sites;
    joint_walk *walk;
    joint_kept *kept;
    joint_frequency *frequency;
    joint_coverage *coverage;
    joint_tally tally;
    joint_cells *cells; /* NULL: no genotype columns */
    joint_dense *dense;
    uint8_t *told; /* see reference.h */
    joint_sparse *sparse;
    joint_render *const *renders; /* borrowed */
    size_t n_renders;
    bool counts_late;     /* coverage is counted along with the genotypes */
    kuni_span wanted;     /* of a call set that is exported */
    bool covers;          /* blocks are told to whoever records go through */
    joint_called *called; /* borrowed; sites and frequencies come from here, or NULL */
    joint_copies copies;
    joint_allele_priors *priors;
    joint_next *next; /* by slot: joint_prior.next */
    size_t next_capacity;
    kuni_census *recount; /* of a file with left-out samples */
    size_t recount_capacity;
    joint_local local, scratch[2];
    size_t chunk; /* number in the shard */
    uint32_t
        *cells_at; /* by site: samples with events there, where the first walk has counted them */
    size_t cells_at_capacity;
    double taken; /* by windows so far, as a share of what window_sites() reckoned with; 0: none */
    int64_t work;
} joint_shard;

/*
 * Reads the parameters, opens the evidence files that are the task's inputs. To be closed also on
 * failure.
 */
KUNI_MUST_CHECK kuni_status joint_shard_open(joint_shard **shard, const kuni_task *task,
                                             kuni_error *err);
/*
 * Genotypes all chunks and gives the records to all of `renders`, whose kinds the options ask for. Each
 * chunk's records end a compressed block.
 */
KUNI_MUST_CHECK kuni_status joint_shard_run(joint_shard *shard, joint_render *const *renders,
                                            size_t n_renders, kuni_error *err);
/* As that, of sites in `span` that `called` has. */
KUNI_MUST_CHECK kuni_status joint_shard_run_called(joint_shard *shard, joint_render *render,
                                                   joint_called *called, kuni_span span,
                                                   kuni_error *err);
/* Accepts NULL. */
void joint_shard_close(joint_shard *j);

#endif
