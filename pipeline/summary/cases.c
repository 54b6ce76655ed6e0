/* SPDX-License-Identifier: MIT */
#include "cases.h"

#include "fisher.h"
#include "packed.h"

typedef struct side {
    bool there;
    int64_t carriers, people, ac, an;
} side;

static side side_of(const kuni_tally *t, int alt, const uint8_t *told, kuni_summary_role role)
{
    const kuni_summary_cell *cell = kuni_strata_role_cell(t->strata, role);
    if (!cell || !(told[cell - t->strata->cells] & KUNI_DISCLOSE_CLASSES))
        return (side){.there = false};
    kuni_allele_counts sum = kuni_tally_sum(t, alt, cell, KUNI_TALLY_ADJ);
    return (side){.there = true,
                  .carriers = kuni_counts_carriers(&sum),
                  .people = sum.diploid + sum.haploid,
                  .ac = kuni_counts_ac(&sum),
                  .an = kuni_counts_an(&sum)};
}

static kuni_status put_side(const side *s, kuni_buffer *text, kuni_error *err)
{
    const int64_t numbers[] = {s->carriers, s->people, s->ac, s->an};
    kuni_status status = KUNI_OK;
    for (int i = 0; i < 4 && !status; i++) {
        status = kuni_buffer_append(text, "\t", 1, err);
        if (!status) status = kuni_packed_int(text, numbers[i], err);
    }
    return status ? status : kuni_freq_put_share(text, s->ac, s->an, true, err);
}

kuni_status kuni_cases_row(const kuni_freq_allele *allele, const kuni_tally *t, int alt,
                           const uint8_t *told, kuni_buffer *text, kuni_error *err)
{
    side cases = side_of(t, alt, told, KUNI_SUMMARY_CASE);
    side controls = side_of(t, alt, told, KUNI_SUMMARY_CONTROL);
    if (!told[0] || !cases.there || !controls.there || !cases.carriers) return KUNI_OK;
    double p = kuni_fisher(cases.carriers, cases.people - cases.carriers, controls.carriers,
                           controls.people - controls.carriers);
    kuni_status status = kuni_freq_put_allele(allele, text, err);
    if (!status) status = put_side(&cases, text, err);
    if (!status) status = put_side(&controls, text, err);
    return status ? status : kuni_buffer_printf(text, err, "\t%.6g\n", p);
}
