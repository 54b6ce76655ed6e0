/* SPDX-License-Identifier: MIT */
/* What can be chosen of a simulated cohort. */
#ifndef KUNI_SIMULATE_OPTIONS_H
#define KUNI_SIMULATE_OPTIONS_H

#include <stdio.h>

#include "kuni/status.h"

typedef enum kuni_simulate_profile {
    KUNI_SIMULATE_NOVASEQ, /* qualities 2, 12, 23, 37 */
    KUNI_SIMULATE_HISEQ,   /* qualities 2, 11, 18, 25, 30, 34, 38, 41 */
    KUNI_SIMULATE_PERFECT  /* every base Q40 and right */
} kuni_simulate_profile;

typedef struct kuni_simulate_options {
    const char *out;
    bool force; /* write into a folder that holds files */
    uint64_t seed;
    uint32_t n_threads;
    FILE *progress; /* lines of progress, or NULL */

    /* reference */
    const char *reference; /* FASTA to simulate on, or NULL: make one */
    const char *regions;   /* with `reference`: CONTIG:BEG-END,... or NULL: all of it */
    const char *ploidy;    /* with `reference`: see kuni_ploidy_open */
    const char *contigs;   /* to make: NAME[:LENGTH],... */
    int64_t length_bp;     /* of contigs without a LENGTH */
    uint32_t n_paralogs;   /* pairs of 10-15 kb, at 0.5 and 1.5 % divergence in turn */

    /* cohort */
    uint32_t n_samples;
    uint32_t n_trios;      /* the first 3 n samples are father, mother, child */
    double heterozygosity; /* SNP differences a bp between two haplotypes */
    double indel_ratio;    /* indels a SNP */
    double str_share;      /* share of the indels that are length changes of tandem repeats */
    bool natural_repeats;  /* repeats change length as often as those of people instead */
    double cluster_rate;   /* chance that a variant gets an unrelated neighbour within 12 bp */
    double recombination;  /* a bp and generation */

    /* reads */
    bool bam;                       /* BAM instead of CRAM */
    bool no_reads;                  /* truth only */
    double depth_least, depth_most; /* mean depth of a sample, drawn uniformly */
    double depth_spread;            /* standard deviation of its logarithm, on top */
    uint32_t read_length;
    double insert_mean, insert_sd;
    double duplicates;  /* share of fragments read twice */
    double chimeras;    /* share of pairs whose ends do not belong together */
    double unmapped;    /* share of pairs from elsewhere */
    double gc_bias;     /* 0: none, 1: strong */
    double indel_error; /* slippage in tandem repeats: 1 as PCR-free libraries, 10 as PCR+ */
    double mt_factor;   /* depth of mitochondrial contigs over the rest */
    kuni_simulate_profile profile;
    double contamination; /* share of a contaminated sample's reads that are another's */
    uint32_t n_contaminated;
} kuni_simulate_options;

#endif
