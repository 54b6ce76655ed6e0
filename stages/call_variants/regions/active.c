/* SPDX-License-Identifier: MIT */
#include "active.h"

#include <stdlib.h>
#include <string.h>

#include "kuni/buffer.h"
#include "model/mixture.h"
#include "shifts.h"
#include "sites/site.h"

enum {
    JOIN_BP = 25,    /* evidence closer than this is one region */
    SLACK_BP = 10,   /* around the evidence; JOIN_BP > 2 * SLACK_BP keeps regions disjoint */
    GONE_MOST = 128, /* of longer deletions reads seldom show a base without their gap */
    CLUSTER_BP = 12,
    CLUSTER_SITES = 3,
    CLIP_PHRED = 20 /* of one soft clip being chance */
};

static const double LOSE_PHRED = 3.0103;
static const double DOUBT_PHRED = 20;

/* Element i has indels enough that they may be real. */
static bool indel_at(const kuni_pileup *pileup, int64_t i, int reach,
                     const kuni_call_options *options)
{
    uint32_t n = (uint32_t)pileup->insertion[i] + pileup->deletion[i];
    if (!n) return false;
    if (options->mixture > 0)
        return kuni_mixture_is_candidate(n, kuni_pileup_depth(pileup, i), options->mixture);
    double depth = kuni_pileup_spanning(pileup, i, reach);
    double gain = pileup->indel_q[i] - LOSE_PHRED * (depth > n ? depth - n : 0);
    return gain >= (n >= 2 ? -DOUBT_PHRED : 0);
}

static bool clip_at(const kuni_pileup *pileup, int64_t i)
{
    uint32_t n = pileup->clip[i];
    if (n < 3) return false;
    double depth = kuni_pileup_depth(pileup, i);
    return CLIP_PHRED * n >= LOSE_PHRED * depth - DOUBT_PHRED;
}

static void mark(kuni_actives *actives, int64_t beg, int64_t end, int reason)
{
    if (beg < 0) beg = 0;
    if (end > KUNI_PILEUP_BP) end = KUNI_PILEUP_BP;
    for (int64_t i = beg; i < end; i++) actives->marks[i] |= (uint8_t)reason;
}

/* Whether an indel of a repeat may have made a substitution that stands at element i. */
static void mark_shift(kuni_actives *actives, const kuni_pileup *pileup, int64_t i,
                       const kuni_call_reference *reference)
{
    for (unsigned base = 0; base < 4; base++) {
        int64_t beg, end;
        if (pileup->differ[base][i] < 2 ||
            !kuni_shift_explains(reference, pileup->beg + i, base, &beg, &end))
            continue;
        mark(actives, beg - pileup->beg, end - pileup->beg, KUNI_ACTIVE_SHIFT);
    }
}

/* An indel at element i with its repeat, or as far as a region goes. */
static void mark_indel(kuni_actives *actives, const kuni_pileup *pileup, int64_t i, int reach,
                       const kuni_call_options *options)
{
    if (pileup->roll[i] + 1 > reach) reach = pileup->roll[i] + 1;
    if (!indel_at(pileup, i, reach, options)) return;
    if (pileup->gone[i] <= GONE_MOST && reach < pileup->gone[i] + pileup->roll[i] + 1)
        reach = pileup->gone[i] + pileup->roll[i] + 1;
    if (reach > KUNI_REGION_BP) reach = KUNI_REGION_BP;
    mark(actives, i, i + 1 + reach, KUNI_ACTIVE_INDEL);
}

static void mark_all(kuni_actives *actives, const kuni_pileup *pileup,
                     const kuni_call_reference *reference, const kuni_given_alleles *given,
                     const kuni_call_options *options)
{
    int64_t sites[CLUSTER_SITES], n_sites = 0;
    memset(actives->marks, 0, sizeof(actives->marks));
    for (size_t g = kuni_given_alleles_find(given, pileup->beg); g < given->n; g++) {
        int64_t i = given->list[g].pos - pileup->beg;
        if (i >= KUNI_PILEUP_BP - KUNI_SPAN_BP) break;
        int reach = kuni_reference_reach(reference, given->list[g].pos + 1);
        if (reach > KUNI_REGION_BP) reach = KUNI_REGION_BP;
        if (!kuni_variant_is_snp(&given->list[g]))
            mark(actives, i, i + 1 + reach, KUNI_ACTIVE_GIVEN);
    }
    for (int64_t i = 0; i < KUNI_PILEUP_BP - KUNI_SPAN_BP; i++) {
        if (kuni_pileup_agrees(pileup, i)) {
            i += KUNI_PILEUP_STEP - 1;
            continue;
        }
        int64_t pos = pileup->beg + i;
        if (pileup->insertion[i] | pileup->deletion[i])
            mark_indel(actives, pileup, i, kuni_reference_reach(reference, pos + 1), options);
        if (clip_at(pileup, i)) mark(actives, i, i + 1, KUNI_ACTIVE_CLIP);
        if (!kuni_site_is_candidate(pileup, i, kuni_reference_base(reference, pos),
                                    (kuni_call_copies){2, 2}, options))
            continue;
        mark_shift(actives, pileup, i, reference);
        if (n_sites == CLUSTER_SITES) {
            memmove(sites, sites + 1, sizeof(sites) - sizeof(sites[0]));
            n_sites--;
        }
        sites[n_sites++] = i;
        if (n_sites == CLUSTER_SITES && i - sites[0] < CLUSTER_BP)
            mark(actives, sites[0], i + 1, KUNI_ACTIVE_CLUSTER);
    }
}

static kuni_status add(kuni_actives *actives, int64_t beg, int64_t end, int reasons, int64_t from,
                       int64_t to, kuni_error *err)
{
    if (beg < from || beg >= to || beg >= end) return KUNI_OK;
    kuni_status status = kuni_grow((void **)&actives->regions, &actives->capacity,
                                   actives->n_regions + 1, sizeof(*actives->regions), err);
    if (status) return status;
    actives->regions[actives->n_regions++] =
        (kuni_active){.beg = beg, .end = end, .reasons = reasons};
    return KUNI_OK;
}

/* A cluster [first, last] of positions becomes one region, or pieces of the absolute grid. */
static kuni_status add_cluster(kuni_actives *actives, int64_t first, int64_t last, int reasons,
                               const kuni_call_reference *reference, int64_t from, int64_t to,
                               kuni_error *err)
{
    int64_t beg = first - SLACK_BP, end = last + 1 + SLACK_BP;
    if (beg < 0) beg = 0;
    if (last - first < KUNI_REGION_BP) {
        if (end > reference->end) end = reference->end;
        return add(actives, beg, end, reasons, from, to, err);
    }
    while (beg < end) {
        int64_t cut = (beg / KUNI_REGION_BP + 1) * KUNI_REGION_BP;
        if (cut > end) cut = end;
        if (cut > reference->end) cut = reference->end;
        kuni_status status = add(actives, beg, cut, reasons | KUNI_ACTIVE_LONG, from, to, err);
        if (status) return status;
        if (cut == reference->end) break;
        beg = cut;
    }
    return KUNI_OK;
}

kuni_status kuni_active_find(kuni_actives *actives, const kuni_pileup *pileup,
                             const kuni_call_reference *reference, int64_t beg, int64_t end,
                             const kuni_given_alleles *given, const kuni_call_options *options,
                             kuni_error *err)
{
    actives->n_regions = 0;
    mark_all(actives, pileup, reference, given, options);
    int64_t first = -1, last = -1;
    int reasons = 0;
    for (int64_t i = 0; i < KUNI_PILEUP_BP; i++) {
        if (!actives->marks[i]) continue;
        if (first >= 0 && i - last > JOIN_BP) {
            kuni_status status = add_cluster(actives, pileup->beg + first, pileup->beg + last,
                                             reasons, reference, beg, end, err);
            if (status) return status;
            first = -1;
            reasons = 0;
        }
        if (first < 0) first = i;
        last = i;
        reasons |= actives->marks[i];
    }
    if (first < 0) return KUNI_OK;
    return add_cluster(actives, pileup->beg + first, pileup->beg + last, reasons, reference, beg,
                       end, err);
}

void kuni_active_fini(kuni_actives *actives)
{
    free(actives->regions);
    actives->regions = NULL;
    actives->n_regions = actives->capacity = 0;
}
