/* SPDX-License-Identifier: MIT */
/*
 * Sites as a table of text: a line an allele, keyed by CHROM, POS, REF and ALT in their minimal form, with counts and
 * frequencies of all, of each sex and of each group, by the names that gnomAD's INFO fields have.
 */
#ifndef KUNI_COMMAND_SITES_TABLE_H
#define KUNI_COMMAND_SITES_TABLE_H

#include <htslib/vcf.h>

#include "kuni/buffer.h"

typedef struct kuni_sites_table {
    int *ids; /* of the INFO fields, in order of the header */
    size_t n;
} kuni_sites_table;

KUNI_MUST_CHECK kuni_status kuni_sites_table_init(kuni_sites_table *t, const bcf_hdr_t *header,
                                                  kuni_error *err);
void kuni_sites_table_fini(kuni_sites_table *t);
/* Appends the line of names. */
KUNI_MUST_CHECK kuni_status kuni_sites_table_head(const kuni_sites_table *t,
                                                  const bcf_hdr_t *header, kuni_buffer *out,
                                                  kuni_error *err);
/* Appends the lines of a record, but for `*`. */
KUNI_MUST_CHECK kuni_status kuni_sites_table_put(const kuni_sites_table *t, const bcf_hdr_t *header,
                                                 bcf1_t *record, kuni_buffer *out, kuni_error *err);

#endif
