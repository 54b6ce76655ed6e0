/* SPDX-License-Identifier: MIT */
#include "telling.h"

enum { ALL = KUNI_TELL_CARRIERS | KUNI_TELL_CLASSES | KUNI_TELL_RAW };

static bool small(int64_t count, int64_t threshold)
{
    return count > 0 && count < threshold;
}

static bool counts_hold(const kuni_allele_counts *c, int64_t threshold)
{
    int64_t none = c->diploid + c->haploid - kuni_counts_carriers(c);
    return !small(c->het, threshold) && !small(c->hom, threshold) && !small(c->hemi, threshold) &&
           !small(none, threshold);
}

static bool strata_hold(const kuni_tally *t, int alt, int64_t threshold)
{
    for (size_t s = 0; s < t->strata->n; s++)
        for (int q = 0; q < KUNI_TALLY_QUALITIES; q++)
            if (!counts_hold(kuni_tally_of(t, alt, s, q), threshold)) return false;
    return true;
}

static bool total_holds(const kuni_tally *t, int alt, int64_t threshold)
{
    for (int q = 0; q < KUNI_TALLY_QUALITIES; q++) {
        kuni_allele_counts c = kuni_tally_sum(t, alt, &t->strata->cells[0], q);
        if (!counts_hold(&c, threshold)) return false;
    }
    return true;
}

void kuni_telling_decide(const kuni_tally *t, int alt, int64_t threshold, uint8_t *told)
{
    bool fine = threshold <= 1 || strata_hold(t, alt, threshold);
    for (size_t i = 0; i < t->strata->n_cells; i++) told[i] = fine ? ALL : 0;
    if (!fine && total_holds(t, alt, threshold)) told[0] = ALL;
}
