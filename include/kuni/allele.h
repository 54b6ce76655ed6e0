/* SPDX-License-Identifier: MIT */
/*
 * The minimal form of an allele: what makes two spellings of a variant the same one.
 *
 * An ALT is minimal against its own position when REF and ALT share neither a last base (while both
 * are longer than one) nor a first base (while both are longer than one): the suffix goes first,
 * then the prefix, as VCF normalisers do. This does not left-align; that needs the reference.
 */
#ifndef KUNI_ALLELE_H
#define KUNI_ALLELE_H

#include <stddef.h>

#include "kuni/api.h"

KUNI_API_BEGIN

/*
 * ref[skip .. skip + ref_length) and alt[skip .. skip + alt_length) are the minimal form; its
 * position is pos + skip.
 */
typedef struct kuni_allele_trim {
    size_t skip, ref_length, alt_length;
} kuni_allele_trim;

static inline kuni_allele_trim kuni_allele_minimal(const char *ref, size_t ref_length,
                                                   const char *alt, size_t alt_length)
{
    while (ref_length > 1 && alt_length > 1 && ref[ref_length - 1] == alt[alt_length - 1]) {
        ref_length--;
        alt_length--;
    }
    size_t skip = 0;
    while (ref_length > 1 && alt_length > 1 && ref[skip] == alt[skip]) {
        skip++;
        ref_length--;
        alt_length--;
    }
    kuni_allele_trim trim = {skip, ref_length, alt_length};
    return trim;
}

KUNI_API_END

#endif
