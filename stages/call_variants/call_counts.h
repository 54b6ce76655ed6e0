/* SPDX-License-Identifier: MIT */
/* How many loci took which way: for benchmarks and tests. */
#ifndef KUNI_CALL_COUNTS_H
#define KUNI_CALL_COUNTS_H

#include <stdint.h>

typedef struct kuni_call_counts {
    uint64_t positions;
    uint64_t sites;        /* genotyped from the pileup */
    uint64_t regions;      /* active regions */
    uint64_t regions_left; /* of these, without an indel candidate: left to tier 1 */
    uint64_t assembled;    /* of these, assembled */
    uint64_t haplotypes, reads_scored, cells;
    uint64_t events;
} kuni_call_counts;

/* Of a call-variants READS step's state, before `finish`. */
kuni_call_counts kuni_call_variants_counts(void *state);

#endif
