/* SPDX-License-Identifier: MIT */
#include "genotype.h"

#include <math.h>
#include <string.h>

#include "integral.h"
#include "reference.h"

enum {
    POWERS = 10000, /* 10^(-d/1000) for d hundredths of phred; beyond: 0 */
    HALVES = 301,   /* -1000 log10(1/2): a heterozygote comes in two orders */
    RAREST = 12000, /* no frequency is less than 10^-12 */
    GQ_MAX = 99,
    FEW_COPIES = 200,    /* from here on a sample's own copies do not matter to the frequency */
    FURTHER = 67,        /* beside one rare allele, another costs at most this share of the cap, */
    FURTHER_MOST = 2000, /* and at most this */
    LEAST_QUAL = 3,      /* below it an event does not tell its prior */
    ALONE = 3,           /* alleles of a sample that lists one ALT: REF, it and "other" */
    PRODUCER_ROUNDING = 300 /* hundredths of phred that its numbers are rounded by */
};

/*
 * See genotype.h: of the spectrum of human variants, and of the share of a genome that both parents
 * have from one ancestor.
 */
static const double DISCOUNT = 0.5, BY_DESCENT = 0.01;
/* Below this chance that others have the allele, none has: less than rounding can tell. */
static const double LEAST_OTHERS = 1e-3;

static double powers[POWERS];

void joint_genotype_setup(void)
{
    if (powers[0] > 0) return;
    for (int i = 0; i < POWERS; i++) powers[i] = pow(10, -i / 1000.0);
}

static int32_t rarity(double frequency)
{
    if (frequency >= 1) return 0;
    if (frequency < 1e-12) return RAREST;
    return (int32_t)(-1000 * log10(frequency) + 0.5);
}

/* Chance of an allele in the second copy where the first has it. */
static double again(double first)
{
    return BY_DESCENT + (1 - BY_DESCENT) * first;
}

/* After `n` of `copies` have an allele: the urn of frequency.h. */
static joint_chance after(double n, double copies)
{
    return (joint_chance){.first = (n - DISCOUNT) / copies,
                          .again = (n + 1 - DISCOUNT) / (copies + 1)};
}

/* Of an allele that none of `copies` has. */
static joint_chance unseen(double theta, double copies)
{
    return (joint_chance){.first = theta * joint_new_allele(copies),
                          .again = (1 - DISCOUNT) / (copies + 1)};
}

static joint_chance mixed(double a, joint_chance x, double b, joint_chance y)
{
    double first = a * x.first + b * y.first;
    return (joint_chance){.first = first / (a + b),
                          .again = (a * x.first * x.again + b * y.first * y.again) / first};
}

/* In a copy beyond those of the cohort. */
static joint_chance expected_next(const joint_prior *prior, uint32_t allele)
{
    const joint_allele_frequency *a = &prior->alleles[allele];
    if (allele + 1 == prior->n) /* "*": it has no prior of its own */
        return (joint_chance){.first = a->share, .again = (a->copies + 1) / (prior->copies + 1)};
    joint_chance none = unseen(a->prior, prior->copies);
    double some = 1 - a->nobody;
    if (some < LEAST_OTHERS || prior->copies < 1) return none;
    double n = a->copies / some;
    return mixed(a->nobody, none, some, after(n > 1 ? n : 1, prior->copies));
}

static joint_next cost_of(joint_chance c)
{
    return (joint_next){.chance = c,
                        .first = rarity(c.first),
                        .again = rarity(c.again),
                        .apart =
                            c.first < 1 && c.again < 1 ? rarity((1 - c.again) / (1 - c.first)) : 0};
}

/* With kin. */
static joint_next next_of(joint_chance c)
{
    return cost_of((joint_chance){c.first < 1 ? c.first : 1, again(c.again)});
}

/* GQ of one of `n` genotypes from their costs in hundredths of phred. */
static uint8_t quality(const int32_t *cost, uint32_t n, uint32_t which)
{
    double others = 0;
    for (uint32_t i = 0; i < n; i++) {
        int64_t d = (int64_t)cost[i] - cost[which];
        if (d <= -POWERS) return 0;
        if (i != which && d < POWERS) others += d < 0 ? 1 / powers[-d] : powers[d];
    }
    if (others <= 1e-10) return GQ_MAX;
    double gq = -10 * log10(others / (1 + others)) + 1e-9;
    return gq >= GQ_MAX ? GQ_MAX : gq < 0 ? 0 : (uint8_t)gq;
}

/* Likelihoods and Hardy-Weinberg proportions; returns the best genotype. */
static uint32_t weigh_proportions(const int32_t *rare, uint32_t n, int copies, const int32_t *pl,
                                  int32_t *cost)
{
    uint32_t best = 0;
    for (uint32_t j = 0, g = 0; j < n; j++)
        for (uint32_t i = copies == 1 ? j : 0; i <= j; i++, g++) {
            cost[g] = pl[g] * 100 + rare[j] +
                      (copies == 1 ? 0
                       : i == j    ? rare[i]
                                   : rare[i] - HALVES);
            if (cost[g] < cost[best]) best = g;
        }
    return best;
}

/* What a copy is expected to be, before the sample is looked at. */
typedef struct copy_prior {
    int32_t first[JOINT_LOCAL_MAX]; /* rarity of each local allele */
    int32_t again[JOINT_LOCAL_MAX]; /* its rarity in the second copy where the first has it */
    int32_t apart[JOINT_LOCAL_MAX]; /* what it costs that the second copy has another */
} copy_prior;

/*
 * Likelihoods and prior, the prior within its bounds (genotype.h); returns the best genotype. Of
 * the n alleles the first `known` are the site's.
 */
static uint32_t weigh(const copy_prior *prior, uint32_t n, uint32_t known, int copies, int cap,
                      const int32_t *pl, int32_t *cost)
{
    int32_t least = INT32_MAX, most = cap * 100 + (copies == 2 && cap ? HALVES : 0);
    int32_t second = cap * FURTHER < FURTHER_MOST ? cap * FURTHER : FURTHER_MOST;
    uint32_t best = 0;
    for (uint32_t i = 0; i < n; i++)
        if (prior->first[i] < least) least = prior->first[i];
    for (uint32_t j = 0, g = 0; j < n; j++) {
        int32_t rare_j = prior->first[j] - least < most ? prior->first[j] - least : most;
        for (uint32_t i = copies == 1 ? j : 0; i <= j; i++, g++) {
            int32_t rare_i = prior->first[i] - least < most ? prior->first[i] - least : most;
            int32_t rarer = rare_i < rare_j ? rare_j : rare_i,
                    further = rare_i < rare_j ? rare_i : rare_j;
            if (copies == 1)
                further = 0;
            else if (i == j)
                further = prior->again[i] - least < second ? prior->again[i] - least : second;
            else { /* an ALT beside an ALT: the place is one that varies */
                if (i > 0 && j < known && rarer > second) rarer = second;
                further += prior->apart[rare_i < rare_j ? j : i] - HALVES;
            }
            cost[g] = pl[g] * 100 + (cap ? rarer + further : 0);
            if (cost[g] < cost[best]) best = g;
        }
    }
    return best;
}

static void genotype_of(uint32_t index, int copies, uint32_t *a, uint32_t *b)
{
    *a = index;
    *b = 0;
    if (copies == 1) return;
    uint32_t j = 0;
    while ((j + 1) * (j + 2) / 2 <= index) j++;
    *a = index - j * (j + 1) / 2;
    *b = j;
}

static bool flat(const int32_t *pl, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (pl[i]) return false;
    return true;
}

static void keep_phase(const joint_local *local, joint_call *call)
{
    const kuni_event *event = local->event;
    if (!(event->flags & KUNI_EVENT_PHASED) || call->copies != 2 || event->ploidy != 2) return;
    if (event->gt[0] < 0 || event->gt[1] < 0) return;
    int32_t first = local->number[local->local_of[event->gt[0]]];
    int32_t second = local->number[local->local_of[event->gt[1]]];
    if (first == call->allele[0] && second == call->allele[1])
        call->phased = true;
    else if (first == call->allele[1] && second == call->allele[0]) {
        call->allele[0] = first;
        call->allele[1] = second;
        call->phased = true;
    }
}

/* REF where all others have `first` together, and `both` in two copies. */
static joint_chance reference(double first, double both)
{
    double ref = first < 1 ? 1 - first : 0, beside = ref > 0 ? (1 - 2 * first + both) / ref : 0;
    return (joint_chance){.first = ref, .again = beside > 0 ? beside : 0};
}

static void set_cost(copy_prior *out, uint32_t k, const joint_next *next)
{
    out->first[k] = next->first;
    out->again[k] = next->again;
    out->apart[k] = next->apart;
}

/*
 * Of an allele that the sample's evidence lists and nobody is called with: as new as if nobody had
 * looked for it, and its producer took it for no more of a surprise than what the site has.
 */
static joint_next foreign_next(const joint_prior *prior, int copies)
{
    double theta = 0;
    for (uint32_t i = 1; i + 1 < prior->n; i++)
        if (prior->alleles[i].prior > theta) theta = prior->alleles[i].prior;
    return next_of(unseen(theta, prior->copies > copies ? prior->copies - copies : 0));
}

/* Alleles that a sample lists: n of them, of which `known` are the site's, "other" last. */
typedef struct listed {
    const uint16_t *number;
    uint32_t n, known;
    int copies;
} listed;

/*
 * The chances of the sample's alleles as costs. "Other" is what the site has besides; REF has what
 * is left.
 */
static void set_costs(const joint_prior *prior, const listed *local, const joint_next *const *next,
                      copy_prior *out)
{
    uint32_t known = local->known;
    double alts = 0, both = 0, other = prior->next[0].chance.first;
    for (uint32_t k = 1; k < known; k++) {
        set_cost(out, k, next[k]);
        alts += next[k]->chance.first;
        both += next[k]->chance.first * next[k]->chance.again;
        other -= prior->next[local->number[k]].chance.first;
    }
    if (known + 1 < local->n) { /* "foreign" */
        joint_next foreign = foreign_next(prior, local->copies);
        set_cost(out, known, &foreign);
        alts += foreign.chance.first;
        both += foreign.chance.first * foreign.chance.again;
    }
    joint_next rest = {.first = RAREST, .again = RAREST};
    if (other > 1e-12) {
        rest = cost_of((joint_chance){other, again(other)});
        alts += other;
        both += other * rest.chance.again;
    }
    set_cost(out, local->n - 1, &rest);
    joint_chance ref = reference(alts, both);
    out->first[0] = rarity(ref.first);
    out->again[0] = rarity(ref.again);
    out->apart[0] = 0;
}

/* P(data) of a sample whose copies have an allele by chance `c`; *own: expected copies of it. */
static double mean_likelihood(const double l[3], int copies, joint_chance c, double *own)
{
    if (copies == 1) {
        double one = c.first * l[1], all = (1 - c.first) * l[0] + one;
        *own = one / all;
        return all;
    }
    double two = c.first * c.again, one = 2 * c.first * (1 - c.again);
    double none = 1 - one - two > 0 ? 1 - one - two : 0;
    double all = none * l[0] + one * l[1] + two * l[2];
    *own = (one * l[1] + 2 * two * l[2]) / all;
    return all;
}

/*
 * Of an allele in the sample's next copy, from all others. The site says how probable it is that
 * nobody has it, and how many copies are expected. Taken apart by what the sample itself says (l,
 * as the site counted it):
 *
 *   P(nobody | all) = A l[0] P(none | 0), A ~ P(others have none, data of the others),
 *   1 = A lbar(0) + B lbar(n'),           B ~ P(others have some, ...), n' their copies then,
 *   E(copies | all) = A lbar(0) own(0) + B lbar(n') (n' + own(n')),
 *
 * lbar(n) and own(n) the sample's mean likelihood and own copies after n of others.
 */
static joint_chance without_own(const joint_prior *prior, uint32_t allele, const double l[3],
                                int copies)
{
    enum { ROUNDS = 4 };
    const joint_allele_frequency *a = &prior->alleles[allele];
    double left = prior->copies > copies ? prior->copies - copies : 0, own;
    joint_chance none = unseen(a->prior, left), some = none;
    double bare = copies == 1 ? 1 - none.first : 1 - none.first * (2 - none.again);
    double lbar = mean_likelihood(l, copies, none, &own);
    double absent = a->nobody / (l[0] * bare), others = 1 - absent * lbar;
    if (others < LEAST_OTHERS || left < 1) return none;
    double rest = (a->copies - absent * lbar * own) / others, n = rest - 1;
    for (int r = 0; r < ROUNDS; r++) {
        some = after(n > 1 ? n < left ? n : left : 1, left);
        lbar = mean_likelihood(l, copies, some, &own);
        n = rest - own;
    }
    return mixed(absent, none, others / lbar, some);
}

static bool has_rare_allele(const joint_prior *prior, const joint_local *local)
{
    uint32_t known = joint_local_known(local);
    for (uint32_t i = 1; i < known; i++)
        if (prior->alleles[local->number[i]].copies < FEW_COPIES) return true;
    return false;
}

/* What a copy of this sample is expected to be from the copies of the others. */
static void set_copy_prior(const joint_prior *prior, const joint_local *local, copy_prior *out)
{
    joint_next own_next[JOINT_LOCAL_MAX];
    const joint_next *next[JOINT_LOCAL_MAX];
    const listed alleles = {local->number, local->n, joint_local_known(local), local->copies};
    joint_class own;
    bool counted = has_rare_allele(prior, local) && joint_classify(local, 0, &own), others = true;
    for (uint32_t k = 1; k < alleles.known; k++) {
        uint32_t allele = local->number[k];
        next[k] = &prior->next[allele];
        if (!counted || allele + 1 == prior->n || prior->alleles[allele].copies >= FEW_COPIES)
            continue;
        double l[3];
        joint_class_against(prior->classes, &own, prior->alleles, prior->n, allele, l);
        own_next[k] = next_of(without_own(prior, allele, l, local->copies));
        next[k] = &own_next[k];
        others = false;
    }
    if (!others || alleles.n != ALONE || alleles.known != ALONE - 1) {
        set_costs(prior, &alleles, next, out);
        return;
    }
    const joint_alone *alone = &next[1]->alone;
    memcpy(out->first, alone->first, sizeof(alone->first));
    memcpy(out->again, alone->again, sizeof(alone->again));
    memcpy(out->apart, alone->apart, sizeof(alone->apart));
}

/* Rarities of shares: of n alleles of which `known` are the site's, "other" last. */
static void set_rarities(const joint_prior *prior, const listed *local, int32_t *rare)
{
    double other = 1;
    for (uint32_t i = 0; i < local->known; i++) {
        double share = prior->alleles[local->number[i]].share;
        rare[i] = rarity(share);
        other -= share;
    }
    rare[local->known] = RAREST; /* "foreign", if there is any */
    rare[local->n - 1] = rarity(other);
}

/* What most samples are: they list one ALT. */
static void set_alone(const joint_prior *prior, uint32_t allele, joint_alone *alone)
{
    const uint16_t number[ALONE] = {0, (uint16_t)allele, JOINT_OTHER};
    const listed alleles = {number, ALONE, ALONE - 1, 2};
    const joint_next *next[ALONE] = {NULL, &prior->next[allele], NULL};
    copy_prior expected;
    set_costs(prior, &alleles, next, &expected);
    memcpy(alone->first, expected.first, sizeof(alone->first));
    memcpy(alone->again, expected.again, sizeof(alone->again));
    memcpy(alone->apart, expected.apart, sizeof(alone->apart));
    set_rarities(prior, &alleles, alone->share);
}

void joint_prior_set(joint_prior *prior)
{
    joint_chance any = {0, 0};
    for (uint32_t i = 1; i < prior->n; i++) {
        prior->next[i] = next_of(expected_next(prior, i));
        any.first += prior->next[i].chance.first;
        any.again += prior->next[i].chance.first * prior->next[i].chance.again;
    }
    if (any.first > 0) any.again /= any.first;
    if (any.first > 1) any.first = 1;
    prior->next[0] = cost_of(any);
    for (uint32_t i = 1; i < prior->n; i++) {
        prior->next[i].rarity = rarity(prior->alleles[i].prior);
        set_alone(prior, i, &prior->next[i].alone);
    }
}

/*
 * The rarity that the producer took the sample's own ALTs to have, as its QUAL tells: the odds for
 * an ALT are its likelihood's gain over REF less that. INT32_MAX where it does not tell.
 */
static int32_t producers_prior(const kuni_event *event)
{
    if (!event->pl || event->qual < LEAST_QUAL || (event->gt[0] <= 0 && event->gt[1] <= 0))
        return INT32_MAX;
    uint32_t count = joint_genotype_count(event->n_alleles, event->ploidy);
    int32_t least = INT32_MAX;
    for (uint32_t g = 1; g < count; g++)
        if (event->pl[g] < least) least = event->pl[g];
    double odds = event->qual > 40 ? event->qual : 10 * log10(pow(10, event->qual / 10.0) - 1);
    double rarity = event->pl[0] - least - odds;
    return rarity > 0 ? (int32_t)(rarity + 0.5) : 0;
}

/*
 * What its producer's likelihoods have of a prior already, or its knowledge of the place: an ALT
 * that the sample was called with, at less odds than ours, is as much less of a surprise.
 */
static void allow_for_producer(const joint_prior *prior, const joint_local *local, copy_prior *out)
{
    const kuni_event *event = local->event;
    int32_t theirs = producers_prior(event);
    for (int i = 0; i < event->ploidy && theirs < INT32_MAX; i++) {
        if (event->gt[i] <= 0 || (i && event->gt[1] == event->gt[0])) continue;
        uint32_t k = local->local_of[event->gt[i]];
        if (k == 0 || k >= joint_local_known(local) || local->number[k] + 1u == prior->n) continue;
        int32_t less = prior->next[local->number[k]].rarity - 100 * theirs;
        if (less < PRODUCER_ROUNDING) continue;
        out->first[k] = out->first[k] > less ? out->first[k] - less : 0;
    }
}

/* The best genotype of the first `known` alleles, which come first in VCF order. */
static uint32_t best_known(const int32_t *cost, uint32_t known, int copies)
{
    uint32_t best = 0, n = joint_genotype_count(known, copies);
    for (uint32_t g = 1; g < n; g++)
        if (cost[g] < cost[best]) best = g;
    return best;
}

void joint_genotype_call(const joint_prior *prior, const joint_local *local, joint_call *call)
{
    *call = (joint_call){.reason = local->reason, .copies = local->copies, .allele = {-1, -1}};
    if (call->reason) return;
    uint32_t count = joint_genotype_count(local->n, local->copies);
    if (flat(local->pl, count)) {
        call->reason = local->event->dp ? JOINT_LOW : JOINT_NO_COVERAGE;
        return;
    }
    static _Thread_local int32_t cost[JOINT_LOCAL_MAX * (JOINT_LOCAL_MAX + 1) / 2];
    copy_prior expected;
    uint32_t known = joint_local_known(local), best, a, b;
    set_copy_prior(prior, local, &expected);
    allow_for_producer(prior, local, &expected);
    int32_t cap = local->hard ? 0 : prior->cap;
    best = weigh(&expected, local->n, known, local->copies, cap, local->pl, cost);
    genotype_of(best, local->copies, &a, &b);
    if (known + 1 < local->n && (a == known || (local->copies == 2 && b == known))) {
        /* "foreign": its producer, who knew more of it, did not call it; doubt is GQ's to tell */
        uint32_t other = best_known(cost, known, local->copies);
        if (quality(cost, count, other)) best = other;
        genotype_of(best, local->copies, &a, &b);
    }
    call->gq = local->hard ? local->event->gq : quality(cost, count, best);
    if ((call->gq < prior->min_gq || !call->gq) && !local->hard)
        call->reason = JOINT_LOW;
    else if (a >= known || (local->copies == 2 && b >= known))
        call->reason = JOINT_UNLISTED;
    else {
        call->allele[0] = local->number[a];
        if (local->copies == 2) call->allele[1] = local->number[b];
        keep_phase(local, call);
    }
}

int64_t joint_genotype_variance(const joint_prior *prior, const joint_local *local)
{
    static _Thread_local int32_t cost[JOINT_LOCAL_MAX * (JOINT_LOCAL_MAX + 1) / 2];
    int32_t own[JOINT_LOCAL_MAX], least[2] = {INT32_MAX, INT32_MAX};
    const int32_t *rare = own;
    bool silent[JOINT_LOCAL_MAX];
    double sum[2] = {0, 0};
    const listed alleles = {local->number, local->n, joint_local_known(local), local->copies};
    for (uint32_t i = 0; i < local->n; i++)
        silent[i] = local->number[i] == 0 || local->number[i] + 1u == prior->n;
    if (alleles.n == ALONE && alleles.known == ALONE - 1)
        rare = prior->next[local->number[1]].alone.share;
    else
        set_rarities(prior, &alleles, own);
    /* relative to the best, lest large likelihoods vanish */
    least[0] = cost[weigh_proportions(rare, local->n, local->copies, local->pl, cost)];
    for (uint32_t j = 0, g = 0; j < local->n; j++)
        for (uint32_t i = local->copies == 1 ? j : 0; i <= j; i++, g++)
            if (silent[i] && silent[j] && cost[g] < least[1]) least[1] = cost[g];
    for (uint32_t j = 0, g = 0; j < local->n; j++)
        for (uint32_t i = local->copies == 1 ? j : 0; i <= j; i++, g++) {
            int64_t d[2] = {(int64_t)cost[g] - least[0], (int64_t)cost[g] - least[1]};
            if (d[0] < POWERS) sum[0] += powers[d[0]];
            if (silent[i] && silent[j] && d[1] < POWERS) sum[1] += powers[d[1]];
        }
    double milliphred = 10.0 * ((double)least[1] - least[0]) + 10000 * log10(sum[0] / sum[1]);
    return milliphred > 0 ? (int64_t)(milliphred + 0.5) : 0;
}

void joint_genotype_block(const joint_prior *prior, int q, int copies, joint_call *call)
{
    *call = (joint_call){.copies = copies, .allele = {0, copies == 2 ? 0 : -1}};
    const joint_next *any = &prior->next[0];
    joint_chance ref = reference(any->chance.first, any->chance.first * any->chance.again);
    copy_prior expected = {.first = {rarity(ref.first), any->first},
                           .again = {rarity(ref.again), any->again},
                           .apart = {0, any->apart}};
    int32_t pl[3] = {0, joint_reference_pl(q, 1), joint_reference_pl(q, 2)}, cost[3];
    uint32_t best = weigh(&expected, 2, 1, copies, prior->cap, pl, cost);
    call->gq = q && !best ? quality(cost, joint_genotype_count(2, copies), best) : 0;
    if (call->gq < prior->min_gq) {
        call->reason = JOINT_LOW;
        call->allele[0] = call->allele[1] = -1;
    }
}
