/* SPDX-License-Identifier: MIT */
/*
 * freq.tsv.gz: a row an allele, group and sex. "all" is the total. Long, so that a further group is no further
 * column, a row is read without looking at others, and what is not told is a word in a place of its own.
 *
 * An allele has its rows where its total may be told; of the finer ones those that may not say "hidden".
 */
#ifndef KUNI_SUMMARY_FREQ_H
#define KUNI_SUMMARY_FREQ_H

#include "telling.h"
#include "vrs.h"

/* What a row is of. */
typedef struct kuni_freq_allele {
    const char *contig, *ref, *alt, *filter;
    size_t ref_length, alt_length;
    int64_t pos; /* from 0 */
    char id[KUNI_VRS_BYTES];
} kuni_freq_allele;

/* As short as can be: letters that REF and ALT share at the end, then those at the begin, but for one. */
void kuni_freq_trim(kuni_freq_allele *allele);

/* Appends the rows of an ALT; nothing where its total is not told. */
KUNI_MUST_CHECK kuni_status kuni_freq_rows(const kuni_freq_allele *allele, const kuni_tally *tally,
                                           int alt, const uint8_t *told, kuni_buffer *text,
                                           kuni_error *err);

/* Appends contig, pos, ref, alt, vrs_id and filter; AC / AN behind a tab, in seven digits. */
KUNI_MUST_CHECK kuni_status kuni_freq_put_allele(const kuni_freq_allele *allele, kuni_buffer *text,
                                                 kuni_error *err);
KUNI_MUST_CHECK kuni_status kuni_freq_put_share(kuni_buffer *text, int64_t ac, int64_t an,
                                                bool told, kuni_error *err);

#endif
