/* SPDX-License-Identifier: MIT */
/*
 * Base qualities and errors: a base of quality q is wrong with probability 10^(-q/10), exactly.
 *
 * Qualities follow a chain along the cycles of a read: from the best value to a lower one, more
 * often late in the read, in second reads and in bad reads, and back. A wrong base is any of the
 * three others alike.
 */
#ifndef KUNI_SIMULATE_QUALITY_H
#define KUNI_SIMULATE_QUALITY_H

#include "align.h"
#include "rng.h"
#include "simulate.h"

enum { SIM_QUALITY_LEVELS = 8 };

typedef struct sim_quality {
    uint32_t n_levels;
    uint8_t level[SIM_QUALITY_LEVELS];  /* best first */
    double below[SIM_QUALITY_LEVELS];   /* where a fall ends: cumulative over levels 1 .. */
    uint32_t wrong[SIM_QUALITY_LEVELS]; /* error probability * 2^32 */
    double fall[SIM_READ_MOST_BP];      /* chance of a fall by cycle */
    double stay;                        /* chance to stay low */
} sim_quality;

void sim_quality_init(sim_quality *quality, kuni_simulate_profile which, uint32_t read_length);
/* bases: the template in reference direction; seen: with errors; qualities: 0 .. 60. */
void sim_quality_draw(const sim_quality *quality, sim_rng *rng, const char *bases, int32_t length,
                      bool reverse, bool second, char *seen, char *qualities);

#endif
