/* SPDX-License-Identifier: MIT */
#include "tally.h"

#include <stdlib.h>
#include <string.h>

/* Karczewski et al. 2020 (gnomAD), and its hail methods. */
enum { ADJ_GQ = 20, ADJ_DP = 10, ADJ_HAPLOID_DP = 5, ADJ_BALANCE = 5 /* a fifth */ };

void kuni_tally_init(kuni_tally *t, const kuni_strata *strata)
{
    *t = (kuni_tally){.strata = strata};
}

void kuni_tally_fini(kuni_tally *t)
{
    free(t->counts);
    free(t->carriers);
    free(t->called);
    free(t->gt);
    free(t->gq);
    free(t->dp);
    *t = (kuni_tally){0};
}

/* --- one value of a FORMAT field --- */

typedef struct column_field {
    const bcf_fmt_t *format; /* NULL: the record has none */
} column_field;

/* bcf_int32_missing where there is none. */
static int32_t value_at(const column_field *f, size_t column, int i)
{
    if (!f->format || i >= f->format->n) return bcf_int32_missing;
    const uint8_t *at = f->format->p + column * (size_t)f->format->size;
    if (f->format->type == BCF_BT_INT8) {
        int8_t value = (int8_t)at[i];
        return value <= bcf_int8_vector_end ? bcf_int32_missing : value;
    }
    if (f->format->type == BCF_BT_INT16) {
        int16_t value;
        memcpy(&value, at + 2 * (size_t)i, 2);
        return value <= bcf_int16_vector_end ? bcf_int32_missing : value;
    }
    int32_t value;
    memcpy(&value, at + 4 * (size_t)i, 4);
    return value <= bcf_int32_vector_end ? bcf_int32_missing : value;
}

/* What balance is read from: AD, or LAD with the alleles that LAA tells. */
typedef struct depths {
    column_field ad, lad, laa;
} depths;

static int32_t depth_of(const depths *d, size_t column, int allele)
{
    if (d->ad.format) return value_at(&d->ad, column, allele);
    if (!d->laa.format) return bcf_int32_missing;
    for (int i = 0; i < d->laa.format->n; i++)
        if (value_at(&d->laa, column, i) == allele) return value_at(&d->lad, column, i + 1);
    return bcf_int32_missing;
}

static bool balanced(const depths *d, size_t column, int allele, int32_t dp)
{
    int32_t depth = depth_of(d, column, allele);
    return allele == 0 || (depth != bcf_int32_missing && (int64_t)depth * ADJ_BALANCE >= dp);
}

/* --- the record --- */

static kuni_status make_room(kuni_tally *t, int n_alleles, kuni_error *err)
{
    size_t a_strata = t->strata->n * KUNI_TALLY_QUALITIES, n = a_strata * (size_t)(n_alleles - 1);
    kuni_status status =
        kuni_grow((void **)&t->counts, &t->counts_capacity, n + 1, sizeof(*t->counts), err);
    if (!status)
        status = kuni_grow((void **)&t->called, &t->called_capacity, a_strata + 1,
                           sizeof(*t->called), err);
    if (!status)
        status = kuni_grow((void **)&t->carriers, &t->carriers_capacity, t->strata->n_people + 1,
                           sizeof(*t->carriers), err);
    if (status) return status;
    memset(t->counts, 0, n * sizeof(*t->counts));
    memset(t->called, 0, a_strata * sizeof(*t->called));
    t->n_carriers = 0;
    t->n_alleles = n_alleles;
    return KUNI_OK;
}

static kuni_status wrong(const bcf1_t *record, const char *what, kuni_error *err)
{
    return kuni_fail(err, KUNI_DATA, "a record at position %lld: %s", (long long)record->pos + 1,
                     what);
}

/* A number a column, or missing. */
static kuni_status read_numbers(const bcf_hdr_t *header, bcf1_t *record, const char *tag, size_t n,
                                int32_t **values, int *room, kuni_error *err)
{
    int got = bcf_get_format_int32(header, record, tag, values, room);
    if (got == (int)n) return KUNI_OK;
    if (got != -1 && got != -3) return wrong(record, tag, err);
    if (*room < (int)n) {
        int32_t *more = kuni_realloc(*values, n + 1, sizeof(**values), err);
        if (!more) return KUNI_MEMORY;
        *values = more;
        *room = (int)n;
    }
    for (size_t i = 0; i < n; i++) (*values)[i] = bcf_int32_missing;
    return KUNI_OK;
}

/* Alleles of a column: 0, 1 or 2; 0 where one is missing. */
static int alleles_of(const int32_t *gt, int width, int alleles[2])
{
    int n = 0;
    for (int i = 0; i < width && gt[i] != bcf_int32_vector_end; i++) {
        if (bcf_gt_is_missing(gt[i])) return 0;
        if (i < 2) alleles[i] = bcf_gt_allele(gt[i]);
        n++;
    }
    return n;
}

static void count_allele(kuni_tally *t, int allele, size_t at, bool same, int copies)
{
    kuni_allele_counts *c =
        &t->counts[(size_t)(allele - 1) * t->strata->n * KUNI_TALLY_QUALITIES + at];
    if (copies == 1)
        c->hemi++;
    else if (same)
        c->hom++;
    else
        c->het++;
}

static void count(kuni_tally *t, size_t column, int copies, const int alleles[2], int quality)
{
    size_t at = (size_t)t->strata->of[column] * KUNI_TALLY_QUALITIES + (size_t)quality;
    bool same = copies == 2 && alleles[0] == alleles[1];
    if (copies == 1)
        t->called[at].haploid++;
    else
        t->called[at].diploid++;
    if (!alleles[0] && (copies == 1 || !alleles[1])) return;
    if (alleles[0]) count_allele(t, alleles[0], at, same, copies);
    if (copies == 2 && alleles[1] && !same) count_allele(t, alleles[1], at, false, copies);
    t->carriers[t->n_carriers++] = (kuni_carrier){.column = (uint32_t)column,
                                                  .a = (int16_t)alleles[0],
                                                  .b = (int16_t)(copies == 2 ? alleles[1] : -1),
                                                  .quality = (uint8_t)quality};
}

bool kuni_tally_is_covered(int copies, int gq, uint32_t dp)
{
    return gq >= ADJ_GQ && dp >= (copies == 1 ? ADJ_HAPLOID_DP : ADJ_DP);
}

static bool is_adj(const kuni_tally *t, const depths *d, size_t column, int copies,
                   const int alleles[2])
{
    int32_t gq = t->gq[column], dp = t->dp[column];
    if (gq == bcf_int32_missing || dp == bcf_int32_missing || gq < ADJ_GQ) return false;
    if (dp < (copies == 1 ? ADJ_HAPLOID_DP : ADJ_DP)) return false;
    if (copies == 1 || alleles[0] == alleles[1]) return true;
    return balanced(d, column, alleles[0], dp) && balanced(d, column, alleles[1], dp);
}

/* Who is called counts for each allele, whoever has it. */
static void share_called(kuni_tally *t)
{
    size_t n = t->strata->n * KUNI_TALLY_QUALITIES;
    for (int allele = 1; allele < t->n_alleles; allele++)
        for (size_t i = 0; i < n; i++) {
            t->counts[(size_t)(allele - 1) * n + i].diploid = t->called[i].diploid;
            t->counts[(size_t)(allele - 1) * n + i].haploid = t->called[i].haploid;
        }
}

kuni_status kuni_tally_record(kuni_tally *t, const bcf_hdr_t *header, bcf1_t *record,
                              kuni_error *err)
{
    size_t n = t->strata->n_people;
    int got = bcf_get_genotypes(header, record, &t->gt, &t->gt_room);
    if (got <= 0 || (size_t)got % n || record->n_allele > INT16_MAX)
        return wrong(record, "GT", err);
    int width = got / (int)n;
    kuni_status status = make_room(t, record->n_allele, err);
    if (!status) status = read_numbers(header, record, "GQ", n, &t->gq, &t->gq_room, err);
    if (!status) status = read_numbers(header, record, "DP", n, &t->dp, &t->dp_room, err);
    if (status) return status;
    const depths d = {.ad = {bcf_get_fmt(header, record, "AD")},
                      .lad = {bcf_get_fmt(header, record, "LAD")},
                      .laa = {bcf_get_fmt(header, record, "LAA")}};
    for (size_t column = 0; column < n; column++) {
        int alleles[2] = {0, 0};
        int copies = alleles_of(t->gt + column * (size_t)width, width, alleles);
        if (!copies) continue;
        if (copies > 2 || alleles[0] >= t->n_alleles || alleles[1] >= t->n_alleles)
            return wrong(record, "GT", err);
        int quality = is_adj(t, &d, column, copies, alleles) ? KUNI_TALLY_ADJ : KUNI_TALLY_LOW;
        count(t, column, copies, alleles, quality);
    }
    share_called(t);
    return KUNI_OK;
}

kuni_allele_counts kuni_tally_sum(const kuni_tally *t, int alt, const kuni_summary_cell *cell,
                                  int quality)
{
    kuni_allele_counts sum = {0};
    for (uint32_t i = 0; i < cell->n; i++)
        for (int q = 0; q < KUNI_TALLY_QUALITIES; q++) {
            if (q != quality && quality != KUNI_TALLY_QUALITIES) continue;
            const kuni_allele_counts *c = kuni_tally_of(t, alt, cell->strata[i], q);
            sum.het += c->het;
            sum.hom += c->hom;
            sum.hemi += c->hemi;
            sum.diploid += c->diploid;
            sum.haploid += c->haploid;
        }
    return sum;
}
