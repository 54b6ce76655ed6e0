/* SPDX-License-Identifier: MIT */
/*
 * An event for one copy or two, as of one and as of two.
 *
 * A read says of a copy with allele a what it says of two such copies: the likelihoods of one copy
 * are those of the homozygous genotypes. The call weighs them with the prior that the producer had
 * for the sample's ALTs, which QUAL tells: the odds for an ALT are its likelihood's gain over REF
 * less the phred of the prior.
 */
#include <string.h>

#include "kuni/evidence.h"

enum {
    GQ_MAX = 99,
    LEAST_QUAL = 3,         /* below it an event does not tell its prior */
    USUAL_RARITY = 30,      /* phred of a base in a thousand, where no prior is told of */
    RARITY_OF_TWICE = 3,    /* producers have an ALT on both copies half as often as on one */
    RARITY_OF_ANOTHER = 20, /* one ALT beside another, in a place that varies */
    PLAIN = 10              /* odds from here on are what they are in phred */
};

/* 10 log10(1 + 10^(odds / 10)): phred of the other side of phred odds. */
static int32_t phred_of_odds(int32_t odds)
{
    static const uint8_t above[PLAIN] = {3, 4, 4, 5, 5, 6, 7, 8, 9, 10},
                         below[PLAIN] = {3, 3, 2, 2, 1, 1, 1, 1, 1, 1};
    if (odds >= PLAIN) return odds;
    if (odds >= 0) return above[odds];
    return odds > -PLAIN ? below[-odds] : 0;
}

/* The inverse, of a phred of LEAST_QUAL or more. */
static int32_t odds_of_phred(int32_t phred)
{
    static const uint8_t odds[PLAIN] = {0, 0, 0, 0, 2, 3, 5, 6, 7, 8};
    return phred < PLAIN ? odds[phred] : phred;
}

/* Likelihood of genotype a/b. */
static int32_t pl_of(const kuni_event *event, uint32_t a, uint32_t b)
{
    return event->pl[a < b ? b * (b + 1) / 2 + a : a * (a + 1) / 2 + b];
}

/* Phred that a copy has the sample's ALTs, before its reads are looked at. */
static int32_t rarity_of(const kuni_event *event)
{
    bool one = event->flags & KUNI_EVENT_ONE;
    if (event->qual < LEAST_QUAL || (event->gt[0] <= 0 && event->gt[1] <= 0)) return USUAL_RARITY;
    int32_t least = INT32_MAX;
    for (uint32_t b = 1; b < event->n_alleles; b++)
        for (uint32_t a = one ? b : 0; a <= b; a++)
            if (pl_of(event, a, b) < least) least = pl_of(event, a, b);
    int32_t rarity = event->pl[0] - least - odds_of_phred(event->qual);
    if (!one && event->gt[0] == event->gt[1]) rarity -= RARITY_OF_TWICE;
    return rarity > 0 ? rarity : 0;
}

/* Genotypes weighed so far. */
typedef struct weighing {
    int32_t reference, least, second, least_alt;
    int8_t gt[2];
} weighing;

static void weigh(weighing *w, uint32_t a, uint32_t b, int32_t cost)
{
    if (b == 0)
        w->reference = cost;
    else if (cost < w->least_alt)
        w->least_alt = cost;
    if (cost < w->least) {
        w->second = w->least;
        w->least = cost;
        w->gt[0] = (int8_t)a;
        w->gt[1] = (int8_t)b;
    } else if (cost < w->second)
        w->second = cost;
}

static void call(const kuni_event *event, int copies, kuni_event *out)
{
    uint32_t known = event->n_alleles - (event->flags & KUNI_EVENT_OTHER ? 1u : 0u);
    int32_t rarity = rarity_of(event);
    weighing w = {.least = INT32_MAX, .second = INT32_MAX, .least_alt = INT32_MAX};
    for (uint32_t b = 0; b < known; b++)
        for (uint32_t a = copies == 1 ? b : 0; a <= b; a++) {
            int32_t prior = b == 0                  ? 0
                            : copies == 1 || a == 0 ? rarity
                            : a == b                ? rarity + RARITY_OF_TWICE
                                                    : rarity + RARITY_OF_ANOTHER;
            weigh(&w, a, b, pl_of(event, a, b) + prior);
        }
    int32_t gq = w.second == INT32_MAX ? GQ_MAX : phred_of_odds(w.second - w.least),
            qual = w.least_alt == INT32_MAX ? 0 : phred_of_odds(w.reference - w.least_alt);
    out->gt[0] = w.gt[0];
    out->gt[1] = copies == 1 ? -1 : w.gt[1];
    out->gq = (uint8_t)(gq < GQ_MAX ? gq : GQ_MAX);
    out->qual = (uint16_t)(qual < UINT16_MAX ? qual : UINT16_MAX);
}

static void take_likelihoods(const kuni_event *event, uint16_t *pl)
{
    int32_t least = INT32_MAX;
    for (uint32_t a = 0; a < event->n_alleles; a++)
        if (pl_of(event, a, a) < least) least = pl_of(event, a, a);
    for (uint32_t a = 0; a < event->n_alleles; a++) pl[a] = (uint16_t)(pl_of(event, a, a) - least);
}

void kuni_event_of_copies(const kuni_event *event, int copies, uint16_t *pl, kuni_event *out)
{
    bool one = event->flags & KUNI_EVENT_ONE;
    *out = *event;
    if (!(event->flags & KUNI_EVENT_EITHER)) return;
    out->flags &= (uint8_t)~(KUNI_EVENT_EITHER | KUNI_EVENT_ONE);
    if (copies == 1) {
        out->flags &= (uint8_t)~KUNI_EVENT_PHASED;
        out->ploidy = 1;
        out->phase_set = -1;
        out->gt[1] = -1;
        memset(out->rank, KUNI_RANK_UNKNOWN, sizeof(out->rank)); /* those of a heterozygote */
        take_likelihoods(event, pl);
        out->pl = pl;
    }
    if (one == (copies == 1)) return; /* as it is told */
    out->gt[0] = out->gt[1] = -1;
    out->gq = 0;
    out->qual = 0;
    if (event->gt[0] >= 0 && event->gt[1] >= 0) call(event, copies, out);
}
