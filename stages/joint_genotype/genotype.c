/* SPDX-License-Identifier: MIT */
#include "genotype.h"

#include <math.h>

#include "frequency.h"

enum {
    POWERS = 10000, /* 10^(-d/1000) for d hundredths of phred; beyond: 0 */
    HALVES = 301,   /* -1000 log10(1/2): a heterozygote comes in two orders */
    RAREST = 12000, /* no frequency is less than 10^-12 */
    GQ_MAX = 99,
    FEW_COPIES = 200, /* from here on a sample's own copies do not matter to the frequency */
    FURTHER = 67,     /* beside one rare allele, another costs at most this share of the cap */
    LEAST_QUAL = 3    /* below it an event does not tell its prior */
};

/*
 * See genotype.h: of the spectrum of human variants, and of the share of a genome that both parents
 * have from one ancestor.
 */
static const double DISCOUNT = 0.5, BY_DESCENT = 0.01;

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

void joint_prior_set(joint_prior *prior)
{
    for (uint32_t i = 0; i < prior->n; i++) {
        prior->first[i] = rarity(prior->frequency[i]);
        prior->again[i] = rarity(again(prior->frequency[i]));
    }
}

/* GQ of the best of `n` genotypes from their costs in hundredths of phred. */
static uint8_t quality(const int32_t *cost, uint32_t n, uint32_t best)
{
    double others = 0;
    for (uint32_t i = 0; i < n; i++) {
        int64_t d = (int64_t)cost[i] - cost[best];
        if (i != best && d < POWERS) others += powers[d];
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
} copy_prior;

/*
 * Likelihoods and prior, the prior within its bounds (genotype.h); returns the best genotype. Of
 * the n alleles the first `known` are the site's.
 */
static uint32_t weigh(const copy_prior *prior, uint32_t n, uint32_t known, int copies, int cap,
                      const int32_t *pl, int32_t *cost)
{
    int32_t least = INT32_MAX, most = cap * 100 + (copies == 2 && cap ? HALVES : 0);
    int32_t second = cap * FURTHER;
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
                further -= HALVES;
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

/* Expected copies of the local alleles, from the costs of the genotypes. */
static void expected_copies(const int32_t *cost, uint32_t n, int copies, uint32_t best, double *own)
{
    double total = 0;
    for (uint32_t i = 0; i < n; i++) own[i] = 0;
    for (uint32_t j = 0, g = 0; j < n; j++) {
        for (uint32_t i = copies == 1 ? j : 0; i <= j; i++, g++) {
            int64_t d = (int64_t)cost[g] - cost[best];
            double p = d < POWERS ? powers[d] : 0;
            total += p;
            own[j] += p;
            if (copies == 2) own[i] += p;
        }
    }
    for (uint32_t i = 0; i < n; i++) own[i] /= total;
}

/* Fills in "foreign" and "other" behind the known alleles; returns the chance of "other". */
static double set_other(const joint_local *local, const double *frequency, int32_t *rare)
{
    uint32_t known = joint_local_known(local);
    double other = 1;
    for (uint32_t i = 0; i < known; i++) other -= frequency[local->number[i]];
    rare[known] = RAREST; /* "foreign", if there is any */
    rare[local->n - 1] = rarity(other);
    return other;
}

/* The prior of a sample whose own copies hardly count among all that have its alleles. */
static void take_copy_prior(const joint_prior *prior, const joint_local *local, copy_prior *out)
{
    uint32_t known = joint_local_known(local);
    for (uint32_t i = 0; i < known; i++) {
        out->first[i] = prior->first[local->number[i]];
        out->again[i] = prior->again[local->number[i]];
    }
    out->again[known] = RAREST;
    out->again[local->n - 1] = rarity(again(set_other(local, prior->frequency, out->first)));
}

static bool has_rare_allele(const joint_prior *prior, const joint_local *local)
{
    uint32_t known = joint_local_known(local);
    for (uint32_t i = 1; i < known; i++)
        if (prior->frequency[local->number[i]] * prior->copies < FEW_COPIES) return true;
    return false;
}

/* Copies that count towards another one: see genotype.h. */
static double discounted(double copies)
{
    return copies - DISCOUNT * (copies < 1 ? copies : 1);
}

/*
 * What a copy of this sample is expected to be from the copies of the others. Frequencies are
 * (copies + alpha) / T, T = copies of all + sum of alpha; own[] are the sample's share.
 */
static void set_copy_prior(const joint_prior *prior, const joint_local *local, const double *own,
                           copy_prior *out)
{
    uint32_t known = joint_local_known(local);
    double total = prior->copies + 0.5 + joint_alt_alpha(prior->copies), n_alts = prior->n - 2;
    double left = prior->copies > local->copies ? prior->copies - local->copies : 0;
    double alpha = joint_alt_alpha(prior->copies) / n_alts,
           alpha_left = joint_alt_alpha(left) / n_alts;
    double total_left = left + 0.5 + joint_alt_alpha(left), held_back = 0, sum = 0;
    for (uint32_t k = known; k-- > 0;) { /* REF last: it gets what is held back */
        bool star = local->number[k] == prior->n - 1;
        double n = prior->frequency[local->number[k]] * total - own[k];
        n -= k == 0 ? 0.5 : star ? 0 : alpha;
        if (n < 0) n = 0;
        if (k) held_back += n - discounted(n);
        double first = k ? discounted(n) + (star ? 0 : alpha_left) : n + 0.5 + held_back;
        first /= total_left;
        sum += first;
        out->first[k] = rarity(first);
        out->again[k] = rarity(again(k ? (n + 1 - DISCOUNT) / (total_left + 1) : first));
    }
    out->first[known] = out->again[known] = RAREST; /* "foreign", if there is any */
    out->first[local->n - 1] = rarity(1 - sum);
    out->again[local->n - 1] = rarity(again(1 - sum));
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
    take_copy_prior(prior, local, &expected);
    if (has_rare_allele(prior, local)) {
        double own[JOINT_LOCAL_MAX];
        best = weigh_proportions(expected.first, local->n, local->copies, local->pl, cost);
        expected_copies(cost, local->n, local->copies, best, own);
        set_copy_prior(prior, local, own, &expected);
    }
    int32_t cap = local->hard ? 0 : producers_prior(local->event);
    if (cap > prior->cap) cap = prior->cap;
    best = weigh(&expected, local->n, known, local->copies, cap, local->pl, cost);
    genotype_of(best, local->copies, &a, &b);
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

int64_t joint_genotype_variance(const double *frequency, uint32_t n, const joint_local *local)
{
    static _Thread_local int32_t cost[JOINT_LOCAL_MAX * (JOINT_LOCAL_MAX + 1) / 2];
    int32_t rare[JOINT_LOCAL_MAX] = {0}, least[2] = {INT32_MAX, INT32_MAX};
    bool silent[JOINT_LOCAL_MAX];
    double sum[2] = {0, 0};
    uint32_t known = joint_local_known(local);
    for (uint32_t i = 0; i < local->n; i++)
        silent[i] = local->number[i] == 0 || local->number[i] == n - 1;
    for (uint32_t i = 0; i < known; i++) rare[i] = rarity(frequency[local->number[i]]);
    (void)set_other(local, frequency, rare);
    (void)weigh_proportions(rare, local->n, local->copies, local->pl, cost);
    for (int pass = 0; pass < 2; pass++) { /* relative to the best, lest large likelihoods vanish */
        for (uint32_t j = 0, g = 0; j < local->n; j++) {
            for (uint32_t i = local->copies == 1 ? j : 0; i <= j; i++, g++) {
                for (int k = 0; k < 1 + (silent[i] && silent[j]); k++) {
                    int64_t d = (int64_t)cost[g] - least[k];
                    if (pass == 0 && cost[g] < least[k])
                        least[k] = cost[g];
                    else if (pass == 1 && d < POWERS)
                        sum[k] += powers[d];
                }
            }
        }
    }
    double milliphred = 10.0 * ((double)least[1] - least[0]) + 10000 * log10(sum[0] / sum[1]);
    return milliphred > 0 ? (int64_t)(milliphred + 0.5) : 0;
}

void joint_genotype_block(const joint_prior *prior, int q, int copies, joint_call *call)
{
    *call = (joint_call){.copies = copies, .allele = {0, copies == 2 ? 0 : -1}};
    double n = (1 - prior->frequency[0]) * prior->copies,
           f = 1 - prior->frequency[0] - (n - discounted(n)) / (prior->copies + 1);
    copy_prior expected = {.first = {rarity(1 - f), rarity(f)},
                           .again = {rarity(again(1 - f)), rarity(again(f))}};
    int32_t pl[3] = {0, q, 10 * q}, cost[3];
    uint32_t best = weigh(&expected, 2, 1, copies, prior->cap, pl, cost);
    call->gq = q && !best ? quality(cost, joint_genotype_count(2, copies), best) : 0;
    if (call->gq < prior->min_gq) {
        call->reason = JOINT_LOW;
        call->allele[0] = call->allele[1] = -1;
    }
}
