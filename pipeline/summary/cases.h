/* SPDX-License-Identifier: MIT */
/*
 * cases_controls.tsv.gz: alleles that k of n cases carry, beside the controls, and Fisher's exact p of carriers
 * and the others who are called. Of good genotypes (adj).
 */
#ifndef KUNI_SUMMARY_CASES_H
#define KUNI_SUMMARY_CASES_H

#include "freq.h"

/*
 * Appends the row of an ALT where a case carries it and both counts may be told; `told` by cell. Strata without
 * cases have no rows.
 */
KUNI_MUST_CHECK kuni_status kuni_cases_row(const kuni_freq_allele *allele, const kuni_tally *tally,
                                           int alt, const uint8_t *told, kuni_buffer *text,
                                           kuni_error *err);

#endif
