/* SPDX-License-Identifier: MIT */
#include "ranks.h"

#include <math.h>

uint8_t kuni_rank_of(const kuni_rank_counts *counts)
{
    uint64_t below = 0, n = 0, double_u = 0;
    double ties = 0;
    for (int v = 0; v < KUNI_RANK_VALUES; v++) {
        uint64_t ref = counts->n[0][v], alt = counts->n[1][v];
        double equal = (double)(ref + alt);
        double_u += alt * (2 * below + ref);
        ties += equal * equal * equal - equal;
        below += ref;
        n += alt;
    }
    if (!below || !n) return KUNI_RANK_UNKNOWN;
    double pairs = (double)below * (double)n, all = (double)(below + n);
    double variance = pairs / 12 * (all + 1 - ties / (all * (all - 1)));
    /* all are equal: what is left is rounding */
    if (variance < 1e-6 * pairs) return KUNI_RANK_EQUAL;
    return kuni_rank_code(((double)double_u - pairs) / 2 / sqrt(variance));
}
