/* SPDX-License-Identifier: MIT */
/*
 * A stretch of a haplotype: its letters and where each stands on the reference.
 *
 * Bases whose anchor lies in [block.beg, block.end) are the block's own: fragments start there. It
 * goes on beyond, so that fragments have room. Blocks that follow each other share no own
 * base.
 */
#ifndef KUNI_SIMULATE_STRETCH_H
#define KUNI_SIMULATE_STRETCH_H

#include "model.h"

typedef struct sim_run {
    int32_t beg, unit, length; /* a tandem repeat of the stretch */
} sim_run;

typedef struct sim_stretch {
    char *bases;
    int64_t *places;     /* -1: inserted */
    int32_t *gc, *n;     /* G or C, and N, before each base */
    int32_t length, own; /* the first `own` bases are the block's */
    size_t bases_capacity, places_capacity, gc_capacity, n_capacity;
    sim_run *runs;
    size_t n_runs, runs_capacity;
} sim_stretch;

/*
 * ref holds [ref_beg, ref_end), which reaches beyond the block. `with_runs`: find tandem repeats
 * too.
 */
KUNI_MUST_CHECK kuni_status sim_stretch_build(sim_stretch *stretch, const sim_region *region,
                                              const sim_haplotype *haplotype, kuni_span block,
                                              const char *ref, int64_t ref_beg, int64_t ref_end,
                                              bool with_runs, kuni_error *err);
void sim_stretch_fini(sim_stretch *stretch);

#endif
