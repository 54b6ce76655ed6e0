/* SPDX-License-Identifier: MIT */
#include "kuni/variant_prior.h"

enum { LOOK_BP = KUNI_REPEAT_LOOK_BP - KUNI_REPEAT_UNIT_MOST };

int kuni_repeat_in(const char *sequence, int64_t length, int64_t at, int *unit)
{
    int most = 1;
    *unit = 1;
    for (int u = 1; u <= KUNI_REPEAT_UNIT_MOST; u++) {
        int64_t p = at;
        while (p + u < length && p - at < LOOK_BP - 1 && sequence[p] == sequence[p + u]) p++;
        int copies = (int)(p - at + u) / u;
        if (copies <= most) continue;
        most = copies;
        *unit = u;
    }
    return most;
}

/*
 * Chance that a copy has another length of the repeat than the reference: runs of one base, longer
 * units.
 */
static double length_rate(int unit, int copies)
{
    static const double run[] = {0.0001, 0.0001, 0.0001, 0.0002, 0.0005, 0.0012, 0.003,
                                 0.007,  0.03,   0.07,   0.13,   0.15,   0.2,    0.22,
                                 0.26,   0.28,   0.35,   0.45,   0.5};
    static const double longer[] = {0.0001, 0.0001, 0.0002, 0.0006, 0.002, 0.006, 0.02,
                                    0.05,   0.09,   0.15,   0.25,   0.35,  0.45,  0.5};
    int most = (int)(unit == 1 ? sizeof(run) : sizeof(longer)) / (int)sizeof(double) - 1;
    return (unit == 1 ? run : longer)[copies < most ? copies : most];
}

/* Of a changed length: that it is one more unit away. */
static double further_rate(int unit, int copies)
{
    double rate = unit == 1 ? 0.08 + 0.04 * (copies - 10) : 0.15 + 0.035 * (copies - 6);
    double least = unit == 1 ? 0.08 : 0.15, most = unit == 1 ? 0.55 : 0.6;
    return rate < least ? least : rate > most ? most : rate;
}

double kuni_indel_prior(double heterozygosity, int unit, int copies, int64_t change)
{
    if (copies < 3 || !change || change % unit) return heterozygosity;
    double further = further_rate(unit, copies);
    double rate = 0.5 * length_rate(unit, copies) * (1 - further);
    for (int64_t k = change / unit; k > 1 && rate > heterozygosity; k--) rate *= further;
    return rate > heterozygosity ? rate : heterozygosity;
}
