/* SPDX-License-Identifier: MIT */
/*
 * How much of a surprise a variant is: the chance that a copy has it where nothing else is known.
 * One prior for calling a sample and for calling a cohort.
 */
#ifndef KUNI_VARIANT_PRIOR_H
#define KUNI_VARIANT_PRIOR_H

#include <stdint.h>

#include "kuni/params.h"

KUNI_API_BEGIN

/* The rows of a stage's parameters that the functions below take their `heterozygosity` from. */
#define KUNI_HETEROZYGOSITY_PARAMS                                                                 \
    {.name = "snp_heterozygosity",                                                                 \
     .type = KUNI_PARAM_FLOAT,                                                                     \
     .value = "0.001",                                                                             \
     .least = 1e-9,                                                                                \
     .most = 0.5,                                                                                  \
     .help = "prior chance that a copy differs from the reference in a base"},                     \
        {.name = "indel_heterozygosity",                                                           \
         .type = KUNI_PARAM_FLOAT,                                                                 \
         .value = "0.000125",                                                                      \
         .least = 1e-9,                                                                            \
         .most = 0.5,                                                                              \
         .help = "prior chance that an indel starts at a base outside repeats"}

enum {
    KUNI_REPEAT_UNIT_MOST = 8,
    KUNI_REPEAT_LOOK_BP = 64 + KUNI_REPEAT_UNIT_MOST /* bases behind a place that are looked at */
};

/*
 * Chance that a copy has base `alt` for `ref` (upper case): people have 2.1 transitions a
 * transversion, and a base has one transition and two transversions.
 */
static inline double kuni_snp_prior(double heterozygosity, char ref, char alt)
{
    int transition = (ref == 'A' && alt == 'G') || (ref == 'G' && alt == 'A') ||
                     (ref == 'C' && alt == 'T') || (ref == 'T' && alt == 'C');
    return heterozygosity * (transition ? 0.68 : 0.16);
}

/*
 * Copies of the unit of 1..8 bases that repeats most in sequence[at .. length); *unit its length.
 * KUNI_REPEAT_LOOK_BP bases tell.
 */
int kuni_repeat_in(const char *sequence, int64_t length, int64_t at, int *unit);

/*
 * Chance that a copy has another length of a repeat of `copies` units of `unit` bases than the
 * reference. From the benchmark of HG002 (GIAB v4.2.1, chr20 9.64-12.48M), runs within its BED.
 */
double kuni_repeat_diversity(int unit, int copies);

/*
 * Chance that a copy has the indel that puts `alt` for `ref_length` bases, minimal, on the base
 * before sequence[at]. Whole units of a repeat there, lost or gained, are changes of its length,
 * which fall with the units changed; all else has `heterozygosity`, also bases inserted into a
 * repeat that are none of its units. Steps from the benchmarks of HG001 and HG002.
 */
double kuni_indel_prior(double heterozygosity, const char *sequence, int64_t length, int64_t at,
                        int64_t ref_length, const char *alt, int64_t alt_length);

KUNI_API_END

#endif
