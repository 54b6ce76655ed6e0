/* SPDX-License-Identifier: MIT */
#include "gaps.h"

#include <string.h>

#include "kuni/variant_prior.h"

enum { EXTEND_PHRED = 10 };

/*
 * A read may slip at any base of the repeat, so that the chance of one that has n bases is n times
 * that of a base. Runs of one base: 0.2 % of reads wrong at 10 bases, 5 % at 20, both
 * directions together.
 */
static const uint8_t FREE_RUN[] = {45, 45, 45, 45, 45, 44, 43, 42, 41, 40, 39, 38,
                                   37, 36, 35, 34, 33, 32, 31, 30, 29, 28, 27, 25,
                                   24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14};
/* Longer units: 0.1 % at 8 copies, 1.4 % at 20. */
static const uint8_t FREE_UNIT[] = {45, 45, 45, 45, 45, 45, 44, 44, 43, 43, 42, 42, 41,
                                    40, 40, 39, 38, 37, 36, 36, 35, 34, 33, 33, 32, 31,
                                    30, 30, 29, 28, 28, 27, 26, 26, 25, 24, 24, 23, 22};

uint8_t kuni_gap_open_phred(int unit, int copies)
{
    const uint8_t *table = unit == 1 ? FREE_RUN : FREE_UNIT;
    int most = (int)(unit == 1 ? sizeof(FREE_RUN) : sizeof(FREE_UNIT)) - 1;
    return table[copies < most ? copies : most];
}

void kuni_gaps_set(const uint8_t *bases, uint32_t n, uint8_t *open, uint8_t *extend)
{
    memset(open, kuni_gap_open_phred(1, 1), n);
    memset(extend, EXTEND_PHRED, n);
    for (uint32_t unit = 1; unit <= KUNI_REPEAT_UNIT_MOST; unit++) {
        uint32_t beg = 0;
        while (beg + unit < n) {
            uint32_t end = beg;
            while (end + unit < n && bases[end] == bases[end + unit]) end++;
            uint32_t copies = (end - beg + unit) / unit;
            uint8_t phred = kuni_gap_open_phred((int)unit, (int)copies);
            for (uint32_t i = beg; copies >= 2 && i < end + unit; i++) {
                if (phred > open[i] || (phred == open[i] && unit > 1)) continue;
                open[i] = phred;
                /* a slip is by whole units: the rest of a unit costs no more than one base */
                if (copies >= 3)
                    extend[i] = (uint8_t)(EXTEND_PHRED / unit > 2 ? EXTEND_PHRED / unit : 2);
            }
            beg = end + 1;
        }
    }
}

int kuni_repeat_copies(const kuni_call_reference *reference, int64_t pos, int *unit)
{
    if (pos + 1 < reference->beg) {
        *unit = 1;
        return 1;
    }
    return kuni_repeat_in(reference->seq, reference->end - reference->beg, pos + 1 - reference->beg,
                          unit);
}

int kuni_indel_error_phred(const kuni_call_reference *reference, int64_t pos)
{
    int unit, copies = kuni_repeat_copies(reference, pos, &unit);
    return kuni_gap_open_phred(unit, copies);
}
