/* SPDX-License-Identifier: MIT */
#include "genotype.h"

#include <math.h>

#include "frequency.h"

enum {
    POWERS = 10000, /* 10^(-d/1000) for d hundredths of phred; beyond: 0 */
    HALVES = 301,   /* -1000 log10(1/2): a heterozygote comes in two orders */
    RAREST = 12000, /* no frequency is less than 10^-12 */
    GQ_MAX = 99,
    FEW_COPIES = 200 /* from here on a sample's own copies do not matter to the frequency */
};

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

void joint_prior_set(joint_prior *prior)
{
    for (uint32_t i = 0; i < prior->n; i++) prior->centiphred[i] = rarity(prior->frequency[i]);
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

/* Adds the prior to the costs and finds the best genotype; also whether it is a tie. */
static uint32_t weigh(const int32_t *rare, uint32_t n, int copies, int cap, const int32_t *pl,
                      int32_t *cost)
{
    uint32_t count = joint_genotype_count(n, copies), best = 0;
    int32_t likeliest = INT32_MAX;
    if (copies == 1) {
        for (uint32_t i = 0; i < n; i++) cost[i] = rare[i];
    } else {
        for (uint32_t j = 0, g = 0; j < n; j++)
            for (uint32_t i = 0; i <= j; i++, g++)
                cost[g] = rare[i] + rare[j] - (i != j ? HALVES : 0);
    }
    for (uint32_t g = 0; g < count; g++)
        if (cost[g] < likeliest) likeliest = cost[g];
    for (uint32_t g = 0; g < count; g++) {
        int32_t prior = cost[g] - likeliest;
        cost[g] = pl[g] * 100 + (prior < cap * 100 ? prior : cap * 100);
        if (cost[g] < cost[best]) best = g;
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

/* Sets the rarity of the local alleles from `f`, one frequency each; "foreign" and "other" follow.
 */
static void set_rarity(const joint_local *local, const double *f, int32_t *rare)
{
    uint32_t known = joint_local_known(local);
    double other = 1;
    for (uint32_t i = 0; i < known; i++) {
        rare[i] = rarity(f[i]);
        other -= f[i];
    }
    rare[known] = RAREST; /* "foreign", if there is any */
    rare[local->n - 1] = rarity(other);
}

/*
 * The frequencies without this sample. Expected copies are f T - alpha, with T = copies + sum of
 * alpha. False where the sample's share is too small to matter.
 */
static bool leave_one_out(const joint_prior *prior, const joint_local *local, const int32_t *cost,
                          uint32_t best, double *f)
{
    uint32_t known = joint_local_known(local);
    double n_alts = prior->n - 2, total = prior->copies + 0.5 + joint_alt_alpha(prior->copies);
    bool few = false;
    for (uint32_t i = 1; i < known; i++)
        if (f[i] * total < FEW_COPIES) few = true;
    if (!few || local->hard) return false;
    double own[JOINT_LOCAL_MAX];
    expected_copies(cost, local->n, local->copies, best, own);
    double left = prior->copies - local->copies, alpha = joint_alt_alpha(prior->copies) / n_alts,
           alpha_left = joint_alt_alpha(left) / n_alts;
    double total_left = (left > 0 ? left : 0) + 0.5 + joint_alt_alpha(left);
    for (uint32_t i = 0; i < known; i++) {
        bool star = local->number[i] == prior->n - 1;
        double n = f[i] * total - (i ? (star ? 0 : alpha) : 0.5) - own[i];
        if (n < 0) n = 0;
        f[i] = (n + (i ? (star ? 0 : alpha_left) : 0.5)) / total_left;
    }
    return true;
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
    int32_t rare[JOINT_LOCAL_MAX];
    double f[JOINT_LOCAL_MAX], other = 1;
    uint32_t known = joint_local_known(local);
    for (uint32_t i = 0; i < known; i++) {
        f[i] = prior->frequency[local->number[i]];
        rare[i] = prior->centiphred[local->number[i]];
        other -= f[i];
    }
    rare[known] = RAREST; /* "foreign", if there is any */
    rare[local->n - 1] = rarity(other);
    int cap = local->hard ? 0 : prior->cap;
    uint32_t best = weigh(rare, local->n, local->copies, cap, local->pl, cost), a, b;
    if (leave_one_out(prior, local, cost, best, f)) {
        set_rarity(local, f, rare);
        best = weigh(rare, local->n, local->copies, cap, local->pl, cost);
    }
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
    int32_t rare[JOINT_LOCAL_MAX], least[2] = {INT32_MAX, INT32_MAX};
    bool silent[JOINT_LOCAL_MAX];
    double f[JOINT_LOCAL_MAX], sum[2] = {0, 0};
    uint32_t known = joint_local_known(local);
    for (uint32_t i = 0; i < local->n; i++)
        silent[i] = local->number[i] == 0 || local->number[i] == n - 1;
    for (uint32_t i = 0; i < known; i++) f[i] = frequency[local->number[i]];
    set_rarity(local, f, rare);
    (void)weigh(rare, local->n, local->copies, RAREST, local->pl, cost);
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
    int32_t rare[2] = {prior->centiphred[0], rarity(1 - prior->frequency[0])};
    int32_t pl[3] = {0, q, 10 * q}, cost[3];
    uint32_t best = weigh(rare, 2, copies, prior->cap, pl, cost);
    call->gq = q && !best ? quality(cost, joint_genotype_count(2, copies), best) : 0;
    if (call->gq < prior->min_gq) {
        call->reason = JOINT_LOW;
        call->allele[0] = call->allele[1] = -1;
    }
}
