/* SPDX-License-Identifier: MIT */
/* The prior of each ALT of a chunk, as its caller has it: by substitution, or by repeat. */
#ifndef KUNI_JOINT_ALLELE_PRIOR_H
#define KUNI_JOINT_ALLELE_PRIOR_H

#include "joint.h"
#include "kuni/genome.h"

typedef struct joint_allele_priors joint_allele_priors;

/*
 * `genome` is borrowed; the heterozygosities are those of call-variants: of a base, and of an indel
 * outside repeats.
 */
KUNI_MUST_CHECK joint_allele_priors *joint_allele_priors_new(kuni_genome *genome,
                                                             double snp_heterozygosity,
                                                             double indel_heterozygosity,
                                                             kuni_error *err);
void joint_allele_priors_free(joint_allele_priors *priors);

/*
 * By slot; 0 for REF and "*". The result is valid until the next call; NULL on failure. The
 * reference around the chunk is read where it has indels.
 */
KUNI_MUST_CHECK const double *joint_allele_priors_of(joint_allele_priors *priors,
                                                     const joint_sites *sites, int32_t tid,
                                                     kuni_error *err);

#endif
