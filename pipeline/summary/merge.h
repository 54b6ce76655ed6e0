/* SPDX-License-Identifier: MIT */
/*
 * Adds up the tables of several datasets, so that countries can tell what they have together without a genotype
 * leaving any of them.
 *
 * freq.tsv.gz: counts of an allele are sums; groups of one name are one group. A cell that one dataset hides is
 * hidden. An allele that a dataset has no row of adds 0 where that one tells all (threshold 1), and makes
 * the sum hidden where it may have hidden it. AN of such a dataset is known where it has another allele at the
 * place; where it has none its people are not in AN, and not in `datasets`.
 * gene_counts.tsv: sums, of the datasets that assessed the class. feature_capability.tsv: the least of them.
 */
#ifndef KUNI_SUMMARY_MERGE_H
#define KUNI_SUMMARY_MERGE_H

#include "kuni/status.h"

/*
 * Merges the tables in n folders into files of `out`, a folder that stands. KUNI_DATA: one is none, or they are of
 * different references, definitions or features.
 */
KUNI_MUST_CHECK kuni_status kuni_merge_freq(const char *const *folders, size_t n, const char *out,
                                            kuni_error *err);
/* Where all folders have one. */
KUNI_MUST_CHECK kuni_status kuni_merge_genes(const char *const *folders, size_t n, const char *out,
                                             kuni_error *err);

#endif
