/* SPDX-License-Identifier: MIT */
/*
 * The identity of an allele that does not depend on how it is written: the computed identifier of GA4GH VRS 2.0,
 * ga4gh:VA. and a digest.
 *
 * The allele is normalised fully justified: what REF and ALT share is cut; an insertion or a deletion is spread
 * over all places where it could stand alike. What then follows from the reference's own letters is a
 * ReferenceLengthExpression (length, length of the repeated unit), the rest a LiteralSequenceExpression.
 * https://vrs.ga4gh.org/en/2.0/conventions/normalization.html, .../computed_identifiers.html
 */
#ifndef KUNI_SUMMARY_VRS_H
#define KUNI_SUMMARY_VRS_H

#include "kuni/genome.h"
#include "refget.h"

enum { KUNI_VRS_BYTES = 42 }; /* "ga4gh:VA.", 32 signs, NUL */

/* The reference, read where alleles are. Not thread-safe. */
typedef struct kuni_vrs {
    kuni_genome *genome;                   /* borrowed */
    int32_t tid;                           /* of what is below; -1: nothing */
    char accession[KUNI_SHA512T24U_BYTES]; /* what follows "SQ." */
    char *bases;
    int64_t beg, end, contig_end;
    kuni_buffer text;
    kuni_buffer letters;
} kuni_vrs;

void kuni_vrs_init(kuni_vrs *vrs, kuni_genome *genome);
void kuni_vrs_fini(kuni_vrs *vrs);

/*
 * An allele: `ref_length` bases of the reference from `pos` (from 0) become `alt`. The first of a contig reads it
 * whole.
 */
KUNI_MUST_CHECK kuni_status kuni_vrs_identify(kuni_vrs *vrs, int32_t tid, int64_t pos,
                                              int64_t ref_length, const char *alt,
                                              size_t alt_length, char id[KUNI_VRS_BYTES],
                                              kuni_error *err);

/* --- its parts, for tests --- */

typedef struct kuni_vrs_state {
    int64_t start, end;          /* of the location */
    const char *sequence;        /* literal; NULL: by length */
    int64_t length, unit_length; /* of what is by length, or of the sequence and 0 */
} kuni_vrs_state;

/* `sequence` is valid until the next call. The contig was given to kuni_vrs_use. */
KUNI_MUST_CHECK kuni_status kuni_vrs_normalise(kuni_vrs *vrs, int64_t pos, int64_t ref_length,
                                               const char *alt, size_t alt_length,
                                               kuni_vrs_state *state, kuni_error *err);
/* The digest of an allele on the sequence of `accession` (what follows "SQ."). */
KUNI_MUST_CHECK kuni_status kuni_vrs_digest(kuni_buffer *text, const char *accession,
                                            const kuni_vrs_state *state, char id[KUNI_VRS_BYTES],
                                            kuni_error *err);
/* Goes to a contig. */
KUNI_MUST_CHECK kuni_status kuni_vrs_use(kuni_vrs *vrs, int32_t tid, kuni_error *err);

#endif
