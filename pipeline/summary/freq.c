/* SPDX-License-Identifier: MIT */
#include "freq.h"

#include <stdio.h>
#include <string.h>

#include "packed.h"

void kuni_freq_trim(kuni_freq_allele *a)
{
    while (a->ref_length > 1 && a->alt_length > 1 &&
           a->ref[a->ref_length - 1] == a->alt[a->alt_length - 1]) {
        a->ref_length--;
        a->alt_length--;
    }
    while (a->ref_length > 1 && a->alt_length > 1 && a->ref[0] == a->alt[0]) {
        a->ref++;
        a->alt++;
        a->ref_length--;
        a->alt_length--;
        a->pos++;
    }
}

static kuni_status put_word(kuni_buffer *text, const char *word, kuni_error *err)
{
    kuni_status status = kuni_buffer_append(text, "\t", 1, err);
    return status ? status : kuni_buffer_append(text, word, strlen(word), err);
}

static kuni_status put_count(kuni_buffer *text, int64_t count, bool told, kuni_error *err)
{
    if (!told) return put_word(text, "hidden", err);
    kuni_status status = kuni_buffer_append(text, "\t", 1, err);
    return status ? status : kuni_packed_int(text, count, err);
}

kuni_status kuni_freq_put_share(kuni_buffer *text, int64_t ac, int64_t an, bool told,
                                kuni_error *err)
{
    char word[32];
    if (!told || !an || !ac || ac == an)
        return put_word(text, !told ? "hidden" : !an ? "." : ac ? "1" : "0", err);
    (void)snprintf(word, sizeof(word), "%.7g", (double)ac / (double)an);
    return put_word(text, word, err);
}

static kuni_status put_counts(kuni_buffer *text, const kuni_allele_counts *c, bool carriers,
                              bool classes, kuni_error *err)
{
    int64_t ac = kuni_counts_ac(c), an = kuni_counts_an(c);
    kuni_status status = put_count(text, ac, classes, err);
    if (!status) status = put_count(text, an, true, err);
    if (!status) status = kuni_freq_put_share(text, ac, an, classes, err);
    if (!status) status = put_count(text, c->hom, classes, err);
    if (!status) status = put_count(text, c->hemi, classes, err);
    if (!status) status = put_count(text, kuni_counts_carriers(c), carriers, err);
    return status;
}

kuni_status kuni_freq_put_allele(const kuni_freq_allele *a, kuni_buffer *text, kuni_error *err)
{
    kuni_status status = kuni_buffer_append(text, a->contig, strlen(a->contig), err);
    if (!status) status = put_count(text, a->pos + 1, true, err);
    if (!status) status = kuni_buffer_append(text, "\t", 1, err);
    if (!status) status = kuni_buffer_append(text, a->ref, a->ref_length, err);
    if (!status) status = kuni_buffer_append(text, "\t", 1, err);
    if (!status) status = kuni_buffer_append(text, a->alt, a->alt_length, err);
    if (!status) status = put_word(text, a->id, err);
    if (!status) status = put_word(text, a->filter, err);
    return status;
}

kuni_status kuni_freq_rows(const kuni_freq_allele *allele, const kuni_tally *t, int alt,
                           const uint8_t *told, kuni_buffer *text, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < t->strata->n_cells && told[0] && !status; i++) {
        const kuni_summary_cell *cell = &t->strata->cells[i];
        if (cell->role != KUNI_SUMMARY_ANY) continue;
        bool carriers = told[i] & KUNI_DISCLOSE_CARRIERS;
        bool classes = told[i] & KUNI_DISCLOSE_CLASSES, raw = told[i] & KUNI_DISCLOSE_LOW;
        kuni_allele_counts adj = kuni_tally_sum(t, alt, cell, KUNI_TALLY_ADJ);
        kuni_allele_counts all = kuni_tally_sum(t, alt, cell, KUNI_TALLY_QUALITIES);
        status = kuni_freq_put_allele(allele, text, err);
        if (!status) status = put_word(text, kuni_strata_group(t->strata, cell->group), err);
        if (!status) status = put_word(text, kuni_strata_sex(cell->sex), err);
        if (!status) status = put_counts(text, &adj, carriers, classes, err);
        if (!status) status = put_counts(text, &all, raw, raw, err);
        if (!status) status = kuni_buffer_append(text, "\t1\n", 3, err);
    }
    return status;
}
