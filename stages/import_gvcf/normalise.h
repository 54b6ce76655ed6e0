/* SPDX-License-Identifier: MIT */
/*
 * Alleles of one record, made minimal and left-aligned as a set against the reference.
 */
#ifndef KUNI_IMPORT_NORMALISE_H
#define KUNI_IMPORT_NORMALISE_H

#include "kuni/buffer.h"
#include "kuni/genome.h"

/* Reference sequence around a shard; what lies beyond is fetched when asked for. */
typedef struct kuni_reference_window {
    kuni_genome *genome;
    kuni_span loaded, spare_span;
    char *sequence, *spare;
    int64_t contig_bp;
} kuni_reference_window;

KUNI_MUST_CHECK kuni_status kuni_reference_window_init(kuni_reference_window *window,
                                                       kuni_genome *genome, kuni_span span,
                                                       kuni_error *err);
void kuni_reference_window_fini(kuni_reference_window *window);
/* The bases from beg to end (within the contig); valid until the next call. */
KUNI_MUST_CHECK kuni_status kuni_reference_window_get(kuni_reference_window *window, int64_t beg,
                                                      int64_t end, const char **bases,
                                                      kuni_error *err);

typedef struct kuni_allele_text {
    char *text; /* the caller's; has `max_shift` bytes of room before it */
    size_t length;
} kuni_allele_text;

/*
 * Trims and left-aligns REF (alleles[0]) and ALT sequences together: the algorithm of Tan, Abecasis
 * and Kang, Bioinformatics 31:2202 (2015), stopped after max_shift bases. *pos moves along. The
 * texts change in place.
 */
KUNI_MUST_CHECK kuni_status kuni_normalise(kuni_allele_text *alleles, size_t n_alleles,
                                           int64_t *pos, int64_t max_shift,
                                           kuni_reference_window *window, kuni_error *err);

/*
 * After it: reference bases before all alleles, so many that the minimal form of each ALT is
 * left-aligned by itself, where another ALT of the record held it back. At most max_shift bases,
 * for which the texts need room.
 */
KUNI_MUST_CHECK kuni_status kuni_normalise_apart(kuni_allele_text *alleles, size_t n_alleles,
                                                 int64_t *pos, int64_t max_shift,
                                                 kuni_reference_window *window, kuni_error *err);

#endif
