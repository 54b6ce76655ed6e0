/* SPDX-License-Identifier: MIT */
/* The integral over an allele's frequency that frequency.h speaks of. */
#ifndef KUNI_JOINT_INTEGRAL_H
#define KUNI_JOINT_INTEGRAL_H

#include <stddef.h>

/* `count` samples of one answer: likelihoods with 1 and 2 copies against none; one copy: first. */
typedef struct joint_answer {
    double one, two;
    double count;
    int copies;
} joint_answer;

typedef struct joint_integral {
    double log_nobody; /* ln P(nobody has the allele) */
    double copies;     /* expected */
} joint_integral;

/* G(n) of frequency.h: how much less of a chance a new allele has after n copies without it. */
double joint_new_allele(double copies);

/*
 * `sure` copies are REF beyond doubt, besides the answers. `guess`: about as many copies as can be,
 * from EM.
 */
joint_integral joint_integrate(const joint_answer *answers, size_t n, double sure, double theta,
                               double guess);

#endif
