/* SPDX-License-Identifier: MIT */
/*
 * Several records of one sample at one position, as one event.
 *
 * - A SNP and an indel, or two changes of which neither touches the other's bases, on the same
 *   haplotype: the haplotype has one allele, with both changes (Strelka, decomposed files). Which
 *   haplotypes they are on is known where one of the genotypes is homozygous, or where both are
 *   phased together. The accounts are independent: PL of a pair of haplotypes is the sum of what
 *   each record says of it.
 * - The parts of a multiallelic record that was split (bcftools norm -m): each has a part of the
 *   genotype and of the likelihoods. Where all copies of the genotype are found the record is put
 *   together again.
 */
#ifndef KUNI_IMPORT_JOIN_H
#define KUNI_IMPORT_JOIN_H

#include "kuni/buffer.h"
#include "kuni/evidence.h"

/*
 * Joins two events of one position. *joined is false, and *out untouched, where they are not of one
 * haplotype, are of an unknown one, or change the same bases. Texts and numbers are in the arena.
 */
KUNI_MUST_CHECK kuni_status kuni_join_haplotypes(const kuni_event *a, const kuni_event *b,
                                                 kuni_arena *arena, kuni_event *out, bool *joined,
                                                 kuni_error *err);

typedef struct kuni_split_part {
    const kuni_event *event;
    uint32_t lack; /* kuni_likelihoods_lack */
} kuni_split_part;

/* Puts a split record together. *joined is false where copies of the genotype are missing. */
KUNI_MUST_CHECK kuni_status kuni_join_split(const kuni_split_part *parts, size_t n,
                                            kuni_arena *arena, kuni_event *out, bool *joined,
                                            kuni_error *err);

#endif
