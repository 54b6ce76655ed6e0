/* SPDX-License-Identifier: MIT */
/*
 * A cohort with known truth: reference, haplotypes, reads, manifest, workflow.
 *
 * Reads are written at their true place, as an aligner would have shown them there (see align.h);
 * nothing is aligned. The same options give the same bytes at any number of threads.
 *
 * The folder `out` gets: reference.fa (unless one was given), reads/SAMPLE.cram with index,
 * manifest.tsv, pedigree.ped, workflow.yaml, ploidy.bed, truth.vcf.gz with index, truth.bed (what
 * was simulated), truth.samples.tsv, and repeats.bed (paralogs).
 */
#ifndef KUNI_SIMULATE_SIMULATE_H
#define KUNI_SIMULATE_SIMULATE_H

#include "simulate_options.h"

/* Sensible defaults for all but `out`. */
void kuni_simulate_defaults(kuni_simulate_options *options);

/*
 * KUNI_USAGE for options that make no sense, KUNI_IO, KUNI_DATA (the given reference), KUNI_MEMORY.
 */
KUNI_MUST_CHECK kuni_status kuni_simulate(const kuni_simulate_options *options, kuni_error *err);

#endif
