/* SPDX-License-Identifier: MIT */
/*
 * What is the same for all records of a file that are converted, and what they are converted into.
 */
#ifndef KUNI_IMPORT_CONVERSION_H
#define KUNI_IMPORT_CONVERSION_H

#include "collect.h"
#include "gvcf_record.h"
#include "normalise.h"

typedef struct kuni_convert {
    kuni_collect *collect;
    kuni_reference_window *window;
    kuni_import_counts *counts;
    kuni_span shard;
    const kuni_ploidy *ploidy; /* for records without a genotype */
    int64_t max_shift;
    bool several_samples; /* ALTs that only other samples have are dropped */
    bool combined;        /* the file leaves genotypes to the likelihoods: see called.h */
    bool mitochondrial;   /* the contig */
    bool own;             /* kuni wrote it: GQ 0 of a block is a call, of least confidence */
    double mito_min_fraction;
} kuni_convert;

#endif
