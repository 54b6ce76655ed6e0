/* SPDX-License-Identifier: MIT */
/* The distribution of a number over a cohort, as the pages draw it: quantiles and bins. */
#ifndef KUNI_STAGES_COMMON_DISTRIBUTION_H
#define KUNI_STAGES_COMMON_DISTRIBUTION_H

#include "kuni/json.h"

/*
 * Member `key`: {"n", "q": the quantiles at `shares`, "low", "high", "bins": counts between these}, or null where n is 0.
 * Numbers have `decimals`; values that do not differ in these are one bin. The bins reach four interquartile
 * ranges beyond the quartiles, and the first and the last hold what lies beyond. Sorts `values`.
 */
void kuni_distribution_put(kuni_json *json, const char *key, double *values, size_t n,
                           const double *shares, size_t n_shares, int decimals);

/* Member `key`: its quantiles alone, of n values, 1 or more. Sorts `values`. */
void kuni_distribution_put_quantiles(kuni_json *json, const char *key, double *values, size_t n,
                                     const double *shares, size_t n_shares, int decimals);

#endif
