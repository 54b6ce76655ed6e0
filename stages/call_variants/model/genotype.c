/* SPDX-License-Identifier: MIT */
#include "genotype.h"

#include "math10.h"

/* log10 prior of a genotype; a == b: both copies, or the one that is thought of. */
static double genotype_prior(const kuni_call_event *event, int a, int b)
{
    if (event->judged == 1) return a ? kuni_log10(event->prior[a]) : 0;
    if (a == b) return a ? kuni_log10(event->prior[a] * 0.5) : 0;
    if (!a) return kuni_log10(event->prior[b]);
    double less = event->prior[a] < event->prior[b] ? event->prior[a] : event->prior[b];
    return kuni_log10(less * event->both_prior);
}

static int phred_of(double log10_p, int most)
{
    double phred = -10 * log10_p;
    if (phred < 0) phred = 0;
    return phred >= most ? most : (int)(phred + 0.5);
}

/* Rounded as the evidence keeps them; those of known alleles (the first n_known) more finely. */
static void fill_pl(kuni_call_event *event, int n, int n_known)
{
    double best = event->log10_lk[0];
    for (int g = 1; g < n; g++)
        if (event->log10_lk[g] > best) best = event->log10_lk[g];
    for (int g = 0; g < n; g++) {
        int phred = phred_of(event->log10_lk[g] - best, KUNI_PL_MAX);
        event->pl[g] =
            kuni_pl_round((uint32_t)phred, g < n_known ? KUNI_PL_BITS : KUNI_PL_BITS_OTHER);
    }
}

void kuni_genotype_finish(kuni_call_event *event)
{
    int known = event->n_alleles - 1; /* <*> is never called */
    int n = kuni_genotype_count(event->n_alleles, event->ploidy);
    int n_known = kuni_genotype_count(known, event->ploidy);
    fill_pl(event, n, n_known);
    double posterior[KUNI_CALL_GENOTYPES_MAX] = {0}, best = -1e9;
    int best_a = 0, best_b = 0, best_g = 0;
    for (int b = 0; b < known; b++)
        for (int a = event->judged == 1 ? b : 0; a <= b; a++) {
            int g = event->ploidy == 1 ? b : kuni_genotype_index(a, b);
            /* from what is kept, so that QUAL and GQ follow from PL */
            posterior[g] = -0.1 * event->pl[g] + genotype_prior(event, a, b);
            if (posterior[g] > best) {
                best = posterior[g];
                best_a = a;
                best_b = b;
                best_g = g;
            }
        }
    double sum = 0, others = 0, reference = 0;
    for (int b = 0; b < known; b++)
        for (int a = event->judged == 1 ? b : 0; a <= b; a++) {
            int g = event->ploidy == 1 ? b : kuni_genotype_index(a, b);
            double p = kuni_exp10(posterior[g] - best);
            sum += p;
            if (g != best_g) others += p;
            if (g == 0) reference = p;
        }
    if (!event->dp) { /* asked for, but no read tells */
        event->gt[0] = event->gt[1] = -1;
        event->gq = 0;
        event->qual = 0;
        return;
    }
    event->gt[0] = (int8_t)best_a;
    event->gt[1] = event->ploidy == 1 ? -1 : (int8_t)best_b;
    event->gq = (uint8_t)phred_of(kuni_log10(others / sum), 99);
    /* far in the tail the ratio underflows: take the logarithm apart */
    double log10_ref =
        reference > 1e-290 ? kuni_log10(reference / sum) : posterior[0] - best - kuni_log10(sum);
    event->qual = (uint16_t)phred_of(log10_ref, UINT16_MAX);
}

double kuni_genotype_gain_phred(const kuni_call_event *event, int copies)
{
    double best = -1e9;
    for (int b = 1; b + 1 < event->n_alleles; b++)
        for (int a = copies == 1 ? b : 0; a <= b; a++) {
            int g = event->ploidy == 1 ? b : kuni_genotype_index(a, b);
            if (event->log10_lk[g] > best) best = event->log10_lk[g];
        }
    return 10 * (best - event->log10_lk[0]);
}

void kuni_genotype_trim(kuni_call_event *event, const bool *keep)
{
    int from[KUNI_CALL_ALLELES_MAX], n = 0;
    for (int a = 0; a < event->n_alleles; a++)
        if (a == 0 || a == event->n_alleles - 1 || keep[a]) from[n++] = a;
    if (n == event->n_alleles) return;
    for (int b = 0; b < n; b++)
        for (int a = event->ploidy == 1 ? b : 0; a <= b; a++) {
            int to = event->ploidy == 1 ? b : kuni_genotype_index(a, b);
            int source = event->ploidy == 1 ? from[b] : kuni_genotype_index(from[a], from[b]);
            event->log10_lk[to] = event->log10_lk[source];
        }
    for (int a = 0; a < n; a++) {
        event->alleles[a] = event->alleles[from[a]];
        event->ad[a] = event->ad[from[a]];
        event->prior[a] = event->prior[from[a]];
    }
    event->n_alleles = n;
}
