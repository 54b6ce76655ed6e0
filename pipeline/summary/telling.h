/* SPDX-License-Identifier: MIT */
/*
 * Which rows of an allele may be told. A cell is told of adj genotypes, of raw ones, of both, or not at all.
 */
#ifndef KUNI_SUMMARY_TELLING_H
#define KUNI_SUMMARY_TELLING_H

#include "tally.h"

/* By cell: bits of what may be told. */
enum {
    KUNI_TELL_CARRIERS = 1, /* how many carry the allele, by adj genotypes */
    KUNI_TELL_CLASSES = 2,  /* het, hom, hemi and what follows (AC, AF), by adj genotypes */
    KUNI_TELL_RAW = 4       /* the same of raw ones */
};

/*
 * Sets told[cell] for each cell of the tally's strata. A threshold of 1: all is told. Above: that
 * of a level of cells (all; groups; sexes; cases and controls; group and sex) of which each has, in each class
 * and quality, nobody or at least `threshold` people, and so has what remains beside it.
 */
void kuni_telling_decide(const kuni_tally *tally, int alt, int64_t threshold, uint8_t *told);

#endif
