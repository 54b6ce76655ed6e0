/* SPDX-License-Identifier: MIT */
#include <stdbool.h>
#include <string.h>

#include "math10.h"

static const double LOG10_OF_2 = 0.30102999566398119521;
static const double LOG10_OF_E = 0.43429448190325182765;
static const double LOG2_OF_10 = 3.32192809488736234787;
static const double LN_OF_2 = 0.69314718055994530942;

double kuni_log10(double x)
{
    if (!(x > 0)) return -400;
    uint64_t bits;
    memcpy(&bits, &x, sizeof(bits));
    int exponent = (int)(bits >> 52) - 1023;
    if (exponent < -1022) return -400;
    bits = (bits & 0xfffffffffffffu) | 0x3ff0000000000000u;
    double m;
    memcpy(&m, &bits, sizeof(m));
    if (m > 1.4142135623730951) {
        m *= 0.5;
        exponent++;
    }
    /* ln m = 2 atanh(s), s = (m-1)/(m+1), |s| <= 0.1716 */
    double s = (m - 1) / (m + 1), t = s * s, sum = 0;
    for (int k = 21; k >= 1; k -= 2) sum = sum * t + 1.0 / k;
    return exponent * LOG10_OF_2 + 2 * s * sum * LOG10_OF_E;
}

double kuni_exp10(double x)
{
    if (x < -300) return 0;
    if (x > 300) x = 300;
    double y = x * LOG2_OF_10;
    int whole = (int)y;
    if (y < whole) whole--;
    /* e^f, f < ln 2, by its series: what is left out is less than 1e-17 */
    static const double over[] = {1.0 / 1,  1.0 / 2,  1.0 / 3,  1.0 / 4,  1.0 / 5,  1.0 / 6,
                                  1.0 / 7,  1.0 / 8,  1.0 / 9,  1.0 / 10, 1.0 / 11, 1.0 / 12,
                                  1.0 / 13, 1.0 / 14, 1.0 / 15, 1.0 / 16};
    double f = (y - whole) * LN_OF_2, sum = 1;
    for (int k = 15; k >= 0; k--) sum = 1 + f * over[k] * sum;
    uint64_t bits = (uint64_t)(whole + 1023) << 52;
    double power;
    memcpy(&power, &bits, sizeof(power));
    return sum * power;
}

const kuni_phred_table *kuni_phred(void)
{
    static kuni_phred_table table;
    static bool ready;
    if (!ready) {
        for (int q = 0; q < KUNI_PHRED_TABLE; q++) table.error[q] = kuni_exp10(-q / 10.0);
        ready = true;
    }
    return &table;
}
