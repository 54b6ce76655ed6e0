/* SPDX-License-Identifier: MIT */
/*
 * Sites and frequencies from a call set that was made before: what genotypes of some of its samples
 * can be made again from, without the evidence of the others.
 */
#ifndef KUNI_JOINT_CALLED_SITES_H
#define KUNI_JOINT_CALLED_SITES_H

#include <htslib/vcf.h>

#include "added.h"
#include "frequency.h"
#include "unify.h"

typedef struct joint_called joint_called;

/* What a record says of its site beyond its alleles. */
typedef struct joint_called_site {
    int64_t pos;
    double copies;    /* EAN */
    float quality;    /* QUAL */
    double qd;        /* NAN: none */
    float *frequency; /* EAF of the ALTs but "*"; then ESF */
    float *nobody;    /* EAQ of the ALTs but "*" */
    uint32_t n_alts;
    const char **filters;
    uint32_t n_filters;
    joint_added_site added;
} joint_called_site;

/*
 * `calls` is what joint-genotype wrote for a shard, or, with `at`, a file of all shards in which the
 * blocks of the shard begin there, of `contig`; only records that start in `span` are looked
 * at. `added` (borrowed, or NULL) tells their FILTER, where it has them.
 */
KUNI_MUST_CHECK kuni_status joint_called_open(joint_called **called, const char *calls, uint64_t at,
                                              const char *contig, kuni_span span,
                                              joint_added *added, kuni_error *err);
void joint_called_close(joint_called *called);

/*
 * The records with beg <= POS < end, into `unify`, which was begun for that span. Spans must rise.
 */
KUNI_MUST_CHECK kuni_status joint_called_take(joint_called *called, joint_unify *unify,
                                              kuni_error *err);
/* The n-th of them. */
const joint_called_site *joint_called_get(const joint_called *called, uint32_t site);

#endif
