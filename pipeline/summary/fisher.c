/* SPDX-License-Identifier: MIT */
#include "fisher.h"

#include <math.h>

/* Terms that differ by rounding only are equal. */
static const double tie = 1e-7;
static const double least = 1e-300;

static double log_choose(int64_t n, int64_t k)
{
    return lgamma((double)n + 1) - lgamma((double)k + 1) - lgamma((double)(n - k) + 1);
}

/*
 * P(a) = C(a + b, a) C(c + d, c) / C(n, a + c). Terms that matter lie on either side of the mode and fall away from
 * it, so each side is walked from its end towards the mode until they are likelier than the table.
 */
double kuni_fisher(int64_t a, int64_t b, int64_t c, int64_t d)
{
    int64_t row = a + b, other = c + d, column = a + c, n = row + other;
    if (!row || !other || !column || column == n) return 1;
    int64_t low = column > other ? column - other : 0, high = row < column ? row : column;
    double all = log_choose(n, column);
    double observed = log_choose(row, a) + log_choose(other, c) - all, sum = 0;
    double term = log_choose(row, low) + log_choose(other, column - low) - all;
    int64_t x = low;
    for (; x <= high && term <= observed + tie; x++) {
        sum += exp(term);
        term += log((double)(row - x) * (double)(column - x)) -
                log((double)(x + 1) * (double)(other - column + x + 1));
    }
    term = log_choose(row, high) + log_choose(other, column - high) - all;
    for (int64_t y = high; y > x && term <= observed + tie; y--) {
        sum += exp(term);
        term += log((double)y * (double)(other - column + y)) -
                log((double)(row - y + 1) * (double)(column - y + 1));
    }
    return sum > 1 ? 1 : sum < least ? least : sum;
}
