/* SPDX-License-Identifier: MIT */
/*
 * What samples say at a site, counted in classes: memory and time follow the number of different
 * answers and not the cohort. An answer is an event's likelihoods over REF, its two likeliest ALTs
 * and "other", each rounded to one of 32 levels (whole phreds where they are small).
 */
#ifndef KUNI_JOINT_CLASSES_H
#define KUNI_JOINT_CLASSES_H

#include "local.h"

enum {
    JOINT_CLASS_ALLELES = 4, /* REF, two ALTs, other */
    JOINT_CLASS_GENOTYPES = 10,
    JOINT_LEVELS = 32,
    JOINT_LEVEL_BITS = 5
};

#define JOINT_ONE_COPY ((uint64_t)1 << 60)

typedef struct joint_class {
    uint32_t site;
    uint16_t a, b;   /* the ALTs, 0: none; a < b where both stand */
    uint64_t levels; /* JOINT_LEVEL_BITS a genotype; JOINT_ONE_COPY: they are of one copy */
    uint32_t count;
} joint_class;

typedef struct joint_classes {
    const joint_sites *sites;
    joint_class *list;
    size_t n, capacity;
    uint32_t *table; /* open addressing: 1 + index into list */
    size_t table_size;
    size_t *first; /* of each site's classes, once sorted; one more behind the last */
    size_t first_capacity;
    double likelihood[JOINT_LEVELS];
} joint_classes;

void joint_classes_init(joint_classes *classes);
void joint_classes_fini(joint_classes *classes);

/* Starts over for the sites of a chunk (borrowed). */
KUNI_MUST_CHECK kuni_status joint_classes_begin(joint_classes *classes, const joint_sites *sites,
                                                kuni_error *err);

/* The class of a sample; false where it has an allele that is none of the site's. */
bool joint_classify(const joint_local *local, uint32_t site, joint_class *found);

/*
 * Counts a sample's likelihoods at a site. Calls that cannot be genotyped (local->reason) are not
 * for counting.
 */
KUNI_MUST_CHECK kuni_status joint_classes_add(joint_classes *classes, uint32_t site,
                                              const joint_local *local, kuni_error *err);

/* Ends the counting: the classes of a site then stand together, in an order of their own. */
void joint_classes_finish(joint_classes *classes);

/* Likelihood of the class's genotype a/b, a <= b (b alone with one copy): its own numbers. */
static inline double joint_class_likelihood(const joint_classes *classes, const joint_class *c,
                                            uint32_t a, uint32_t b)
{
    uint32_t g = c->levels & JOINT_ONE_COPY ? b : joint_genotype_index(a, b);
    return classes->likelihood[c->levels >> (JOINT_LEVEL_BITS * g) & (JOINT_LEVELS - 1)];
}

#endif
