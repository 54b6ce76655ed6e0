/* SPDX-License-Identifier: MIT */
/*
 * How much of what identifies people an extract holds: an aid for whoever must weigh it against a law that
 * counts (as Japan's Act on the Protection of Personal Information does: 40 SNPs that are independent of each
 * other, or 9 repeats of four bases). It is no legal advice, and less than a limit is no anonymity.
 */
#ifndef KUNI_RELEASE_METER_H
#define KUNI_RELEASE_METER_H

#include "kuni/genome.h"

enum {
    KUNI_METER_APART_BP = 100000, /* common SNPs so far apart are taken for independent */
    KUNI_METER_SNPS = 40,
    KUNI_METER_REPEATS = 9
};

typedef struct kuni_meter {
    int64_t snps;    /* common ones (5 % to 95 %), each KUNI_METER_APART_BP from the one before */
    int64_t rare;    /* people's genotypes with an allele of less than 1 % */
    int64_t repeats; /* of units of four bases, at which lengths differ */
} kuni_meter;

/* Counts in a release's calls: BCF, or bgzipped VCF; by INFO alone (AC, AN, nhet, nhomalt, nhemi). */
KUNI_MUST_CHECK kuni_status kuni_meter_read(kuni_meter *meter, const char *path,
                                            kuni_genome *genome, kuni_error *err);

#endif
