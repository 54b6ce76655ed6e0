/* SPDX-License-Identifier: MIT */
#include "statistics.h"

#include <math.h>

enum { FISHER_LARGE = 400, FISHER_SCALED = 200 };

/* Terms that differ by rounding only are equal. */
static const double tie = 1 + 1e-9;
/* Terms below this share of the mode are nothing. */
static const double nothing = 1e-300;

/*
 * Walks from the likeliest number of heterozygotes in steps of two, P(mode) = 1, down (direction
 * -1) or up; stops where terms vanish. Adds to *total, to *right those with at least `het`, to
 * *tails those no likelier than `limit`; returns the term at `het` if it passed there, else -1. The
 * mode itself is not counted.
 */
static double walk(uint64_t rare, uint64_t samples, uint64_t mode, int direction, uint64_t het,
                   double limit, double *total, double *right, double *tails)
{
    double p = 1, at_het = -1;
    uint64_t h = mode;
    for (;;) {
        double hom_rare = (double)(rare - h) / 2;
        double hom_common = (double)samples - (double)h - hom_rare;
        if (direction < 0) {
            if (h < 2) break;
            p *= (double)h * ((double)h - 1) / (4 * (hom_rare + 1) * (hom_common + 1));
            h -= 2;
        } else {
            if (h + 2 > rare) break;
            p *= 4 * hom_rare * hom_common / (((double)h + 2) * ((double)h + 1));
            h += 2;
        }
        if (p < nothing) break;
        *total += p;
        if (h >= het) *right += p;
        if (p <= limit * tie) *tails += p;
        if (h == het) at_het = p;
    }
    return at_het;
}

void joint_hwe_exact(uint64_t hom_a, uint64_t het, uint64_t hom_b, double *hwe, double *excess)
{
    uint64_t samples = hom_a + het + hom_b;
    uint64_t rare = 2 * (hom_a < hom_b ? hom_a : hom_b) + het;
    *hwe = *excess = 1;
    if (!samples || !rare) return;
    uint64_t mode =
        (uint64_t)((double)rare * (double)(2 * samples - rare) / (double)(2 * samples - 1));
    if ((mode ^ rare) & 1) mode++;
    if (mode > rare) mode = rare;
    double total = 0, right = 0, tails = 0, observed = het == mode ? 1 : 0;
    double down = walk(rare, samples, mode, -1, het, 0, &total, &right, &tails);
    double up = walk(rare, samples, mode, 1, het, 0, &total, &right, &tails);
    if (down >= 0) observed = down;
    if (up >= 0) observed = up;
    total = right = tails = 0;
    (void)walk(rare, samples, mode, -1, het, observed, &total, &right, &tails);
    (void)walk(rare, samples, mode, 1, het, observed, &total, &right, &tails);
    total += 1;
    if (mode >= het) right += 1;
    if (1 <= observed * tie) tails += 1;
    *hwe = tails / total;
    *excess = right / total;
    if (*hwe > 1) *hwe = 1;
    if (*excess > 1) *excess = 1;
}

double joint_inbreeding(uint64_t hom_a, uint64_t het, uint64_t hom_b)
{
    double n = (double)(hom_a + het + hom_b);
    if (n <= 0) return NAN;
    double p = (2 * (double)hom_a + (double)het) / (2 * n), expected = 2 * p * (1 - p) * n;
    return expected > 0 ? 1 - (double)het / expected : NAN;
}

static double log_factorial(uint64_t n)
{
    return lgamma((double)n + 1);
}

double joint_fisher_strand(const uint64_t strands[4])
{
    uint64_t sum = strands[0] + strands[1] + strands[2] + strands[3], t[4];
    if (!sum) return NAN;
    for (int i = 0; i < 4; i++)
        t[i] = sum > FISHER_LARGE ? (uint64_t)((double)strands[i] / ((double)sum / FISHER_SCALED))
                                  : strands[i];
    uint64_t row = t[0] + t[1], other = t[2] + t[3], column = t[0] + t[2], n = row + other;
    double fixed = log_factorial(row) + log_factorial(other) + log_factorial(column) +
                   log_factorial(n - column) - log_factorial(n);
    uint64_t low = column > other ? column - other : 0, high = row < column ? row : column;
    double observed = 0, p[FISHER_LARGE + 1];
    for (uint64_t a = low; a <= high; a++) {
        p[a - low] = exp(fixed - log_factorial(a) - log_factorial(row - a) -
                         log_factorial(column - a) - log_factorial(other - (column - a)));
        if (a == t[0]) observed = p[a - low];
    }
    double tails = 0;
    for (uint64_t a = low; a <= high; a++)
        if (p[a - low] <= observed * (1 + 1e-7)) tails += p[a - low];
    return joint_phred(tails, 3000);
}

double joint_strand_odds(const uint64_t strands[4])
{
    if (!(strands[0] + strands[1] + strands[2] + strands[3])) return NAN;
    double t[4];
    for (int i = 0; i < 4; i++) t[i] = (double)strands[i] + 1;
    double ratio = t[0] * t[3] / (t[2] * t[1]);
    double ref = t[0] < t[1] ? t[0] / t[1] : t[1] / t[0],
           alt = t[2] < t[3] ? t[2] / t[3] : t[3] / t[2];
    return log(ratio + 1 / ratio) + log(ref) - log(alt);
}

double joint_phred(double p, double most)
{
    if (p >= 1) return 0;
    if (p <= 0) return most;
    double phred = -10 * log10(p);
    if (phred < 1e-6) return 0; /* rounding */
    return phred > most ? most : phred;
}
