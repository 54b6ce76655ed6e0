/* SPDX-License-Identifier: MIT */
#include "kuni/variant_prior.h"

#include <stdbool.h>

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

double kuni_repeat_diversity(int unit, int copies)
{
    /* runs of one base, longer units */
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

/* Whether the bases inserted before sequence[at] are units of the repeat there. */
static bool adds_units(const char *sequence, int64_t at, int unit, const char *inserted, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (inserted[i] != sequence[at + i % unit]) return false;
    return true;
}

double kuni_indel_prior(double heterozygosity, const char *sequence, int64_t length, int64_t at,
                        int64_t ref_length, const char *alt, int64_t alt_length)
{
    int unit = 1, copies = at < 0 ? 1 : kuni_repeat_in(sequence, length, at, &unit);
    if (copies < 3) return heterozygosity;
    int64_t change = ref_length > alt_length ? ref_length - alt_length : alt_length - ref_length;
    if (!change || change % unit) return heterozygosity;
    if (alt_length > 1 &&
        (ref_length > 1 || !adds_units(sequence, at, unit, alt + 1, alt_length - 1)))
        return heterozygosity;
    double further = further_rate(unit, copies);
    double rate = 0.5 * kuni_repeat_diversity(unit, copies) * (1 - further);
    for (int64_t k = change / unit; k > 1 && rate > heterozygosity; k--) rate *= further;
    return rate > heterozygosity ? rate : heterozygosity;
}
