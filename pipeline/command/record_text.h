/* SPDX-License-Identifier: MIT */
/* Columns of a record as text, for tables that are no VCF but share some of its columns. */
#ifndef KUNI_COMMAND_RECORD_TEXT_H
#define KUNI_COMMAND_RECORD_TEXT_H

#include <htslib/kstring.h>
#include <htslib/vcf.h>

/* Appends QUAL and FILTER of a record whose filters are unpacked, a tab between. Below 0: memory ran out. */
int kuni_put_qual_and_filter(const bcf_hdr_t *header, const bcf1_t *record, kstring_t *line);

#endif
