/* SPDX-License-Identifier: MIT */
/*
 * The allele sets and the allele dictionary of a chunk under construction, with the census.
 */
#ifndef KUNI_STORE_EVIDENCE_DICTIONARY_H
#define KUNI_STORE_EVIDENCE_DICTIONARY_H

#include "evidence_chunk.h"

typedef struct kuni_dictionary_set {
    int64_t pos;
    uint32_t n_alleles;
    const char *const *alleles; /* of one of its events */
    int32_t *links;             /* of each allele: index into the dictionary or KUNI_CENSUS_NONE */
} kuni_dictionary_set;

typedef struct kuni_dictionary {
    kuni_dictionary_set *sets; /* by (pos, alleles as texts) */
    size_t n_sets;
    kuni_census *alleles; /* by (pos, ref, alt) */
    size_t n_alleles;
} kuni_dictionary;

/*
 * Builds it from the input's events, whose `set` becomes the index of theirs. All memory is the
 * arena's.
 */
KUNI_MUST_CHECK kuni_status kuni_dictionary_build(kuni_dictionary *dictionary, kuni_arena *arena,
                                                  const kuni_chunk_input *input, kuni_error *err);

#endif
