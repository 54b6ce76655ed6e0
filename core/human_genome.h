/* SPDX-License-Identifier: MIT */
/*
 * The human assemblies whose sex chromosomes are known: by the lengths of X and Y, and where males
 * have one copy of them. Names of chromosomes: kuni_human_chromosome (kuni/genome.h).
 */
#ifndef KUNI_CORE_HUMAN_GENOME_H
#define KUNI_CORE_HUMAN_GENOME_H

#include "kuni/genome.h"

enum { KUNI_HUMAN_GENOME_SPANS_MAX = 3 };

typedef struct kuni_human_genome {
    const char *name;
    int64_t x_bp, y_bp;
    /* X outside the pseudo-autosomal regions, 0-based half-open; end 0 ends the list. The whole of
     * Y is males' alone: where its copies of these regions are not masked no read can be placed. */
    struct {
        int64_t beg, end;
    } one_x[KUNI_HUMAN_GENOME_SPANS_MAX];
} kuni_human_genome;

/* kuni_human_chromosome of a contig of the genome. 23 and 24 are X and Y only where no contig goes by
 * these letters: other animals have as many autosomes. */
int kuni_human_genome_chromosome(const kuni_genome *genome, int32_t tid);
/* By name, or NULL. */
const kuni_human_genome *kuni_human_genome_find(const char *name);
/* The one whose X or Y the genome has, by length; *tid is that contig. NULL: none. */
const kuni_human_genome *kuni_human_genome_of(const kuni_genome *genome, int32_t *tid);

#endif
