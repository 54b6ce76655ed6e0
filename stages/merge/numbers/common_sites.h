/* SPDX-License-Identifier: MIT */
/*
 * Common sites of the call set itself, for kinship and principal components: SNPs with one ALT that
 * passed, where everybody has two copies, at least 95 % are called, and the rarer allele has a share
 * of 5 % or more. Of each stretch of the genome there is one, that with the least hash of contig
 * and position; stretches are so long that there are at most COMMON_SITES_MOST of them, and some at
 * the ends of contigs. So sites lie apart, their number is bounded, and it does not matter
 * where shards are cut: of the sites that two shards offer for one stretch, the lesser counts.
 *
 * A file is a sequence of sites, each with the genotypes of all columns, two bits a genotype: 0, 1, 2
 * ALTs, 3 unknown.
 */
#ifndef KUNI_STAGES_MERGE_COMMON_SITES_H
#define KUNI_STAGES_MERGE_COMMON_SITES_H

#include "genotypes.h"

enum { COMMON_SITES_MOST = 16384 };

typedef struct common_site {
    uint64_t hash;
    int64_t pos;
    uint64_t copies, all; /* of ALT; called */
    int32_t tid;
    char ref, alt;
    char unused[2];
} common_site;

typedef struct common_sites common_sites;

/* Bases of a stretch: the least of which there are few enough. */
int64_t common_sites_stretch(const kuni_task *task);
/* Genotypes of `n_columns` take so many bytes. */
static inline size_t common_sites_bytes(uint32_t n_columns)
{
    return ((size_t)n_columns + 3) / 4;
}
static inline int common_sites_genotype(const unsigned char *genotypes, uint32_t column)
{
    return genotypes[column / 4] >> (2 * (column % 4)) & 3;
}

KUNI_MUST_CHECK kuni_status common_sites_create(common_sites **sites, const kuni_task *task,
                                                uint32_t n_columns, const char *path,
                                                kuni_error *err);
/* Whether a site with these counts is common, and the least of its stretch so far. */
bool common_sites_want(const common_sites *sites, int32_t tid, int64_t pos, uint64_t copies,
                       uint64_t all);
/* Takes a site that is wanted. */
void common_sites_take(common_sites *sites, int32_t tid, int64_t pos, char ref, char alt,
                       uint64_t copies, uint64_t all, const callset_genotypes *genotypes);
/* To be called when a site is passed whose stretch may be another; writes those that are done. */
KUNI_MUST_CHECK kuni_status common_sites_pass(common_sites *sites, int32_t tid, int64_t pos,
                                              kuni_error *err);
/* Frees the sites also on failure. */
KUNI_MUST_CHECK kuni_status common_sites_commit(common_sites *sites, kuni_error *err);
void common_sites_discard(common_sites *sites);

/*
 * Appends the chosen sites of a file to those of the files before, in genome order: `genotypes`
 * is written to as many rows. The last site of the files before may be replaced.
 */
typedef struct common_sites_list {
    common_site *sites;
    size_t n, capacity;
    uint32_t n_columns;
    int64_t stretch;
    FILE *rows; /* common_sites_bytes each */
} common_sites_list;

KUNI_MUST_CHECK kuni_status common_sites_list_add(common_sites_list *list, const char *path,
                                                  kuni_error *err);
void common_sites_list_fini(common_sites_list *list);

#endif
