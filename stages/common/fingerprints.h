/* SPDX-License-Identifier: MIT */
/*
 * Relatives, duplicates and swaps over the whole cohort from genotypes at common sites: of a panel, or
 * of the call set itself.
 *
 * KING-robust kinship between families (Manichaikul et al., Bioinformatics 2010, equation 11), over
 * sites called in both: phi = (N_het,het - 2 N_opposite) / (2 N_het(i)) + 1/2 - (N_het(i) +
 * N_het(j)) / (4 N_het(i)), i the one with fewer heterozygous sites. Expected: 1/2 the same person
 * or identical twins, 1/4 parent and child or full siblings; limits are the usual powers 2^-1.5 and
 * 2^-2.5. It needs no allele frequencies and holds across ancestries.
 *
 * Cost. Genotypes are bit planes; a pair is judged first on 1,024 sites spread over the genome, and
 * on all only where that leaves a relation possible. Measured at about 45 ns a pair on one core: 14
 * s for 25,000 samples, 4 minutes for 100,000, 6 hours for 1,000,000 (pairs grow with the square,
 * the constant is small). The planes lie in a scratch file, about 4 KB a sample for 10,000 sites,
 * and are read in blocks.
 */
#ifndef KUNI_STAGES_COMMON_FINGERPRINTS_H
#define KUNI_STAGES_COMMON_FINGERPRINTS_H

#include "kuni/buffer.h"

typedef struct kuni_fingerprints kuni_fingerprints;

typedef struct kuni_relation {
    uint32_t a, b;       /* samples by the number they were added with, a < b */
    uint32_t n_sites;    /* called in both */
    uint32_t n_opposite; /* homozygous for different alleles (IBS0) */
    double kinship;      /* NaN where neither is heterozygous anywhere */
} kuni_relation;

/* `folder`: where the scratch file may stand. */
KUNI_MUST_CHECK kuni_status kuni_fingerprints_new(kuni_fingerprints **prints, size_t n_sites,
                                                  const char *folder, kuni_error *err);
/*
 * Adds a sample's genotypes, two bits a site and four sites a byte from the low bits on: 0, 1, 2 ALTs, 3
 * unknown. Samples are numbered from 0.
 */
KUNI_MUST_CHECK kuni_status kuni_fingerprints_add(kuni_fingerprints *prints,
                                                  const unsigned char *genotypes, kuni_error *err);
/* Ends adding; comparisons may follow. */
KUNI_MUST_CHECK kuni_status kuni_fingerprints_seal(kuni_fingerprints *prints, kuni_error *err);
/* One pair on all sites. */
kuni_relation kuni_fingerprints_compare(const kuni_fingerprints *prints, uint32_t a, uint32_t b);
/*
 * All pairs with kinship >= least on at least min_sites sites, ordered by (a, b). The caller frees
 * *relations. `heartbeat` may be NULL.
 */
KUNI_MUST_CHECK kuni_status kuni_fingerprints_search(const kuni_fingerprints *prints, double least,
                                                     uint32_t min_sites,
                                                     void (*heartbeat)(int64_t done),
                                                     kuni_relation **relations, size_t *n_relations,
                                                     kuni_error *err);
void kuni_fingerprints_free(kuni_fingerprints *prints);

/* An allele is shared at as many sites as parents and children share one. */
bool kuni_relation_shares(const kuni_relation *relation);
/* "duplicate", "parent_child", "full_siblings", "second_degree" or "unrelated". */
const char *kuni_relation_name(const kuni_relation *relation);

#endif
