/* SPDX-License-Identifier: MIT */
/* What is counted of an allele in a class of people. */
#ifndef KUNI_DISCLOSURE_COUNTS_H
#define KUNI_DISCLOSURE_COUNTS_H

#include <stdint.h>

/* People, for one allele: with it and another, with it twice, with the only copy; called, and without it. */
typedef struct kuni_disclosure_counts {
    int64_t het, hom, hemi, none;
} kuni_disclosure_counts;

#endif
