/* SPDX-License-Identifier: MIT */
#include "genotypes.h"

#include <stdlib.h>
#include <string.h>

/* BCF2.2: an allele is (number + 1) << 1 | phased; 0 is ".", the end of a vector -127. */
static const uint64_t reference_pairs = 0x0202020202020202u, without_phase = 0xFEFEFEFEFEFEFEFEu;

static int32_t allele_of(int32_t value, int32_t end)
{
    return value == end ? CALLSET_NO_COPY : (value >> 1) - 1;
}

static void keep(callset_genotypes *g, uint32_t column, int32_t a, int32_t b)
{
    g->odd[g->n++] = (callset_genotype){column, a, b};
}

/* Two alleles of a byte each: the way of nearly all records. */
static void read_pairs(callset_genotypes *g, const uint8_t *p, uint32_t n_columns)
{
    enum { STEP = sizeof(uint64_t) / 2 };
    for (uint32_t i = 0; i < n_columns;) {
        uint64_t four;
        if (i + STEP <= n_columns) {
            memcpy(&four, p + 2 * (size_t)i, sizeof(four));
            if ((four & without_phase) == reference_pairs) {
                i += STEP;
                continue;
            }
        }
        uint32_t stop = i + STEP < n_columns ? i + STEP : n_columns;
        for (; i < stop; i++) {
            const int8_t a = (int8_t)p[2 * (size_t)i], b = (int8_t)p[2 * (size_t)i + 1];
            if ((a & ~1) == 2 && (b & ~1) == 2) continue;
            keep(g, i, allele_of(a, bcf_int8_vector_end), allele_of(b, bcf_int8_vector_end));
        }
    }
}

static int32_t value_at(const bcf_fmt_t *f, size_t i, int32_t *end)
{
    switch (f->type) {
    case BCF_BT_INT8:
        *end = bcf_int8_vector_end;
        return (int8_t)f->p[i];
    case BCF_BT_INT16:
        *end = bcf_int16_vector_end;
        return le_to_i16(f->p + 2 * i);
    default:
        *end = bcf_int32_vector_end;
        return le_to_i32(f->p + 4 * i);
    }
}

static void read_any(callset_genotypes *g, const bcf_fmt_t *gt, uint32_t n_columns)
{
    for (uint32_t i = 0; i < n_columns; i++) {
        int32_t end, b = CALLSET_NO_COPY;
        int32_t a = value_at(gt, (size_t)i * (size_t)gt->n, &end);
        a = allele_of(a, end);
        if (gt->n > 1) {
            b = value_at(gt, (size_t)i * 2 + 1, &end);
            b = allele_of(b, end);
        }
        if (a || b) keep(g, i, a, b);
    }
}

kuni_status callset_genotypes_read(callset_genotypes *g, const bcf_fmt_t *gt, uint32_t n_columns,
                                   kuni_error *err)
{
    g->n = 0;
    if (gt->n > 2 || gt->n < 1 || gt->type > BCF_BT_INT32)
        return kuni_fail(err, KUNI_DATA, "genotypes of %d alleles, where two are the most", gt->n);
    kuni_status status =
        kuni_grow((void **)&g->odd, &g->capacity, (size_t)n_columns + 1, sizeof(*g->odd), err);
    if (status) return status;
    if (gt->n == 2 && gt->type == BCF_BT_INT8)
        read_pairs(g, gt->p, n_columns);
    else
        read_any(g, gt, n_columns);
    return KUNI_OK;
}

void callset_genotypes_fini(callset_genotypes *g)
{
    free(g->odd);
    *g = (callset_genotypes){.odd = NULL};
}

int32_t callset_value(const bcf_fmt_t *f, uint32_t column)
{
    int32_t end;
    if (!f || !f->p || f->n < 1 || f->type > BCF_BT_INT32) return -1;
    return value_at(f, (size_t)column * (size_t)f->n, &end);
}
