/* SPDX-License-Identifier: MIT */
#include "stretch.h"

#include <stdlib.h>
#include <string.h>

enum { RUN_HOMOPOLYMER_BP = 5, RUN_COPIES = 4, RUN_UNIT_MOST = 6 };

void sim_stretch_fini(sim_stretch *stretch)
{
    free(stretch->bases);
    free(stretch->places);
    free(stretch->gc);
    free(stretch->n);
    free(stretch->runs);
    memset(stretch, 0, sizeof(*stretch));
}

/* Index of the first edit that ends after `pos`. */
static size_t first_edit(const sim_region *region, const sim_haplotype *haplotype, int64_t pos)
{
    size_t low = 0, high = haplotype->n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        const sim_allele *a = &region->alleles[haplotype->alleles[middle]];
        if (a->pos + a->ref_len <= pos)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static kuni_status make_room(sim_stretch *w, size_t need, kuni_error *err)
{
    kuni_status status = kuni_grow((void **)&w->bases, &w->bases_capacity, need, 1, err);
    if (!status)
        status = kuni_grow((void **)&w->places, &w->places_capacity, need, sizeof(*w->places), err);
    if (!status)
        status = kuni_grow((void **)&w->gc, &w->gc_capacity, need + 1, sizeof(*w->gc), err);
    if (!status) status = kuni_grow((void **)&w->n, &w->n_capacity, need + 1, sizeof(*w->n), err);
    return status;
}

static kuni_status find_runs(sim_stretch *w, kuni_error *err)
{
    w->n_runs = 0;
    for (int32_t i = 1; i < w->length; i++) {
        for (int32_t unit = 1; unit <= RUN_UNIT_MOST; unit++) {
            int32_t j = i + unit;
            while (j < w->length && w->bases[j] == w->bases[j - unit]) j++;
            int32_t length = j - i;
            if (length < (unit == 1 ? RUN_HOMOPOLYMER_BP : RUN_COPIES * unit)) continue;
            if (w->bases[i] != 'N') {
                kuni_status status = kuni_grow((void **)&w->runs, &w->runs_capacity, w->n_runs + 1,
                                               sizeof(*w->runs), err);
                if (status) return status;
                w->runs[w->n_runs++] = (sim_run){.beg = i, .unit = unit, .length = length};
            }
            i = j - unit;
            break;
        }
    }
    return KUNI_OK;
}

kuni_status sim_stretch_build(sim_stretch *w, const sim_region *region,
                              const sim_haplotype *haplotype, kuni_span block, const char *ref,
                              int64_t ref_beg, int64_t ref_end, bool with_runs, kuni_error *err)
{
    size_t edit = first_edit(region, haplotype, block.beg);
    int64_t pos = block.beg;
    w->length = w->own = 0;
    if (edit < haplotype->n) {
        /* an edit that began before the block gave its bases to the block before */
        const sim_allele *a = &region->alleles[haplotype->alleles[edit]];
        if (a->pos < pos) {
            pos = a->pos + a->ref_len;
            edit++;
        }
    }
    kuni_status status = make_room(w, (size_t)(ref_end - block.beg) + 1, err);
    while (pos < ref_end && !status) {
        const sim_allele *a =
            edit < haplotype->n ? &region->alleles[haplotype->alleles[edit]] : NULL;
        bool here = a && a->pos == pos;
        int32_t n = here ? a->alt_len : 1, kept = here && a->alt_len > a->ref_len ? a->ref_len : n;
        status = make_room(w, (size_t)(w->length + n) + 1, err);
        if (status) break;
        for (int32_t i = 0; i < n; i++) {
            w->bases[w->length] = here ? a->alt[i] : ref[pos - ref_beg];
            w->places[w->length++] = i < kept ? pos + i : -1;
        }
        if (pos < block.end) w->own = w->length;
        pos += here ? a->ref_len : 1;
        edit += here;
    }
    if (status) return status;
    w->gc[0] = w->n[0] = 0;
    for (int32_t i = 0; i < w->length; i++) {
        w->gc[i + 1] = w->gc[i] + (w->bases[i] == 'G' || w->bases[i] == 'C');
        w->n[i + 1] = w->n[i] + (w->bases[i] == 'N');
    }
    return with_runs ? find_runs(w, err) : KUNI_OK;
}
