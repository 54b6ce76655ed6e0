/* SPDX-License-Identifier: MIT */
/*
 * What the simulator's parts share: the world (reference, samples, haplotypes) that truth and reads
 * come from.
 *
 * A haplotype is a list of alleles (edits of the reference) in position order that do not overlap.
 * Slot 2s is sample s's copy from its mother, 2s + 1 from its father; where a sample has one copy
 * it is the first slot.
 */
#ifndef KUNI_SIMULATE_MODEL_H
#define KUNI_SIMULATE_MODEL_H

#include "kuni/buffer.h"
#include "kuni/genome.h"
#include "simulate_options.h"

/* An edit: minimal and left-aligned; indels keep the base before them. */
typedef struct sim_allele {
    int64_t pos;
    int32_t ref_len, alt_len;
    const char *alt;
    uint32_t copies; /* haplotype slots that carry it */
} sim_allele;

typedef struct sim_haplotype {
    uint32_t *alleles; /* indices into the region's alleles */
    size_t n, capacity;
} sim_haplotype;

/* A contig, or the part of it, that is simulated. */
typedef struct sim_region {
    kuni_span span;
    bool mitochondrial;
    sim_allele *alleles; /* by position, REF length, ALT */
    size_t n_alleles, alleles_capacity;
    sim_haplotype *haplotypes; /* 2 a sample */
} sim_region;

/* Two stretches of one contig that differ by substitutions only. */
typedef struct sim_paralog {
    int32_t tid;
    int64_t beg[2], length;
    uint32_t *differences; /* length + 1: how many lie before each offset */
} sim_paralog;

typedef struct sim_person {
    char id[16];
    kuni_sex sex;
    int32_t father, mother; /* samples, or -1 */
    double depth;
    double contamination; /* share of reads that come from the next sample */
} sim_person;

typedef struct sim_world {
    const kuni_simulate_options *options;
    char *reference; /* path */
    char *header;    /* @HD and @SQ lines */
    kuni_genome *genome;
    kuni_ploidy *ploidy;
    sim_region *regions;
    size_t n_regions;
    sim_paralog *paralogs;
    size_t n_paralogs, paralogs_capacity;
    sim_person *people;
    kuni_arena *arena; /* owns allele texts */
} sim_world;

/* reference.c: writes out/reference.fa, ploidy.bed and repeats.bed; fills world->paralogs. */
KUNI_MUST_CHECK kuni_status sim_reference_write(sim_world *world, kuni_error *err);

/* cohort.c: people, then alleles and haplotypes of each region. */
KUNI_MUST_CHECK kuni_status sim_people_draw(sim_world *world, kuni_error *err);
KUNI_MUST_CHECK kuni_status sim_cohort_draw(sim_world *world, sim_region *region,
                                            const char *sequence, kuni_error *err);

/*
 * reads.c: one sample's file and its index. Called by several threads, each with a genome of its
 * own.
 */
KUNI_MUST_CHECK kuni_status sim_reads_write(const sim_world *world, kuni_genome *genome,
                                            uint32_t sample, kuni_error *err);

/* truth.c: truth.vcf.gz and its index; truth.bed; manifest, pedigree, workflow. */
KUNI_MUST_CHECK kuni_status sim_truth_write(sim_world *world, kuni_error *err);
KUNI_MUST_CHECK kuni_status sim_papers_write(sim_world *world, kuni_error *err);

/* Copies of the genome a sample has at a position. */
static inline int sim_copies(const sim_world *world, uint32_t sample, int32_t tid, int64_t pos,
                             int64_t *until)
{
    return kuni_ploidy_at(world->ploidy, tid, pos, world->people[sample].sex, until);
}

#endif
