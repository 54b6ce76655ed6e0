/* SPDX-License-Identifier: MIT */
/*
 * Alleles that shall be genotyped whatever the reads suggest: read from a VCF or BCF, made minimal
 * and left-aligned, by position.
 */
#ifndef KUNI_CALL_GIVEN_ALLELES_H
#define KUNI_CALL_GIVEN_ALLELES_H

#include "kuni/buffer.h"
#include "variants.h"

typedef struct kuni_given_alleles {
    kuni_variant *list; /* by position */
    size_t n, capacity;
    kuni_arena *arena;
} kuni_given_alleles;

/*
 * Loads the alleles on `contig` in [beg, end). The file may have an index, else it is read through.
 * Symbolic alleles, '*' and alleles longer than the caller's regions are passed over.
 */
KUNI_MUST_CHECK kuni_status kuni_given_alleles_load(kuni_given_alleles *given, const char *path,
                                                    const char *contig, int64_t beg, int64_t end,
                                                    const kuni_call_reference *reference,
                                                    kuni_error *err);
void kuni_given_alleles_fini(kuni_given_alleles *given);
/* Index of the first allele at or after `pos`. */
size_t kuni_given_alleles_find(const kuni_given_alleles *given, int64_t pos);

#endif
