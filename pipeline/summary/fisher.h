/* SPDX-License-Identifier: MIT */
/* Fisher's exact test of a table of two rows and two columns. */
#ifndef KUNI_SUMMARY_FISHER_H
#define KUNI_SUMMARY_FISHER_H

#include <stdint.h>

/*
 * Two-sided p of {{a, b}, {c, d}}: the chance, given the margins, of a table that is no likelier than this one.
 * 1 where a margin is 0. Values below 1e-300 are 1e-300.
 */
double kuni_fisher(int64_t a, int64_t b, int64_t c, int64_t d);

#endif
