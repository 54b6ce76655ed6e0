/* SPDX-License-Identifier: MIT */
/*
 * A synthetic cohort straight into evidence, without reads: for tests of scale, up to a million
 * samples.
 *
 * The folder `out` gets reference.fa, evidence/bNNNN.ev (one file a batch; the whole contig is one
 * shard), samples.tsv (sample, batch, mean depth), and truth.tsv: position, REF, ALT, true copies,
 * true heterozygotes and homozygotes.
 *
 * Model. Alleles of frequency f come at theta / f a base (neutral, constant size), and besides
 * these the very rare alleles that population growth adds: in number as large cohorts show them
 * (about 0.5 a base at half a million genomes), with k copies in proportion to 1/k^2. Genotypes
 * follow Hardy-Weinberg and alleles are independent, which is the hard case for compression. Depth
 * is Poisson around the sample's own mean, reads of an allele are binomial, and likelihoods follow
 * from reads and base qualities, so calls err where depth is low. Reference blocks have lengths
 * around `block_bp` with depth and quality as a caller would give them; a share of the genome has
 * no data. The same options give the same bytes.
 */
#ifndef KUNI_SIMULATE_EVIDENCE_H
#define KUNI_SIMULATE_EVIDENCE_H

#include <stdio.h>

#include "kuni/status.h"

typedef struct kuni_simulate_evidence_options {
    const char *out;
    bool force; /* write into a folder that holds files */
    const char *contig;
    int64_t length_bp;
    uint32_t n_samples, batch_size;
    double depth;          /* mean of the cohort */
    double heterozygosity; /* theta */
    double indel_ratio;    /* indels a SNP */
    double block_bp;       /* mean length of a reference block */
    double missing;        /* share of the genome without data */
    double noise;          /* false low-confidence events a base and sample */
    uint64_t seed;
    uint32_t n_threads;
    FILE *progress; /* or NULL */
} kuni_simulate_evidence_options;

void kuni_simulate_evidence_defaults(kuni_simulate_evidence_options *options);

KUNI_MUST_CHECK kuni_status kuni_simulate_evidence(const kuni_simulate_evidence_options *options,
                                                   kuni_error *err);

#endif
