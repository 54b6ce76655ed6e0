/* SPDX-License-Identifier: MIT */
/* Places that can do work: the ranks but 0 or, in a single process, that one. */
#ifndef KUNI_ENGINE_LANES_H
#define KUNI_ENGINE_LANES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct kuni_lane {
    int64_t outstanding; /* orders that it has */
    int64_t shard;       /* where its last reads task was, -1: none */
    bool lost;           /* the rank is no more */
    size_t host;         /* lanes on one machine have the same number */
} kuni_lane;

typedef struct kuni_lanes {
    kuni_lane *list; /* lane i is rank i + 1, or rank 0 where that is alone */
    size_t n, n_lost;
    int64_t jobs;  /* tasks at once of each */
    double task_s; /* what work took of late; 0: not known yet */
} kuni_lanes;

#endif
