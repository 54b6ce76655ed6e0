/* SPDX-License-Identifier: MIT */
#include "integral.h"

#include <math.h>

enum { NODES_MOST = 4096, MANY_COPIES = 36, SURE_LN = 200 };

/* Logit of the frequency is the scale: steps, and how far beyond what matters it goes. */
static const double STEP = 0.25, STEP_BY_WIDTH = 0.8, LEAST_COPIES = 0.01, TOP_LOGIT = 6;

static const double PI = 3.14159265358979323846;

/* ln of a product of many factors, of which each may be raised to a power. */
typedef struct product {
    double factors, ln;
} product;

static void multiply(product *p, double factor, double count)
{
    enum { FEW = 3 };
    if (count > FEW) {
        p->ln += count * log(factor);
        return;
    }
    for (int k = 0; k < (int)count; k++) p->factors *= factor;
    if (p->factors > 1e200 || p->factors < 1e-200) {
        p->ln += log(p->factors);
        p->factors = 1;
    }
}

/* ln L(f) / L(0); *copies: expected ones given f. */
static double log_likelihood(const joint_answer *answers, size_t n, double f, double *copies)
{
    double g = 1 - f, expected = 0;
    product p = {.factors = 1};
    for (size_t i = 0; i < n; i++) {
        const joint_answer *a = &answers[i];
        if (a->copies == 1) {
            double with = f * a->one, all = g + with;
            multiply(&p, all, a->count);
            expected += a->count * with / all;
        } else {
            double one = 2 * f * g * a->one, two = f * f * a->two, all = g * g + one + two;
            multiply(&p, all, a->count);
            expected += a->count * (one + 2 * two) / all;
        }
    }
    *copies = expected;
    return p.ln + log(p.factors);
}

double joint_new_allele(double copies)
{
    enum { EXACT = 8 };
    if (copies > EXACT) return 1 / sqrt(PI * (copies + 0.25));
    double chance = 1;
    for (int j = 1; j <= (int)copies; j++) chance *= (2 * j - 1) / (2.0 * j);
    return chance;
}

/* Expected number of alleles of prior theta that n copies have. */
static double alleles_in(double n, double theta)
{
    return n > 0 ? 2 * theta * exp(lgamma(n + 0.5) - lgamma(n)) / sqrt(PI) : 0;
}

typedef struct node {
    double weight, log_l, log_none, copies;
} node;

/* By Laplace: where many copies stand beyond doubt. The width of the peak is sqrt(n) copies. */
static joint_integral at_peak(const joint_answer *answers, size_t n, double sure, double theta,
                              double copies, double guess)
{
    double f = guess / copies, expected;
    double l = sure * log1p(-f) + log_likelihood(answers, n, f, &expected);
    double prior = theta / PI * pow(f, -0.5) * sqrt(1 - f) * sqrt(2 * PI / guess);
    return (joint_integral){.log_nobody = -alleles_in(copies, theta) - l - log(prior),
                            .copies = expected};
}

joint_integral joint_integrate(const joint_answer *answers, size_t n, double sure, double theta,
                               double guess)
{
    double copies = sure;
    for (size_t i = 0; i < n; i++) copies += answers[i].count * answers[i].copies;
    if (copies <= 0) return (joint_integral){.copies = 0};
    if (guess >= MANY_COPIES && guess < copies) {
        joint_integral peak = at_peak(answers, n, sure, theta, copies, guess);
        if (peak.log_nobody < -SURE_LN) return peak;
    }
    double beg = log(LEAST_COPIES / (copies + 1)), most = guess + 8 * sqrt(guess) + 30;
    double end = most < copies / 2 ? log(most / (copies - most)) : TOP_LOGIT;
    if (end < TOP_LOGIT && end > 0) end = TOP_LOGIT;
    double step = STEP_BY_WIDTH / sqrt(guess + 1) < STEP ? STEP_BY_WIDTH / sqrt(guess + 1) : STEP;
    if ((end - beg) / step > NODES_MOST) step = (end - beg) / NODES_MOST;
    static _Thread_local node nodes[NODES_MOST + 2];
    size_t count = (size_t)((end - beg) / step) + 2;
    double top = 0; /* ln L(0) / L(0) */
    for (size_t i = 0; i < count; i++) {
        double x = beg + step * (double)i, f = 1 / (1 + exp(-x)), g = 1 / (1 + exp(x));
        node *at = &nodes[i];
        at->weight = theta / PI * sqrt(g / f) * step;
        if (i == 0) at->weight *= 0.5 + 2 / step; /* what lies to the left falls as sqrt(f) */
        if (i + 1 == count) at->weight *= end >= TOP_LOGIT ? 0.5 + 2 / step : 0.5;
        double none = log1p(-f);
        at->log_l = sure * none + log_likelihood(answers, n, f, &at->copies);
        at->log_none = copies * none;
        if (at->log_l > top) top = at->log_l;
    }
    double nobody = -alleles_in(copies, theta) - top, somebody = 0, expected = 0;
    for (size_t i = 0; i < count; i++) {
        double l = exp(nodes[i].log_l - top);
        somebody += nodes[i].weight * (l - exp(nodes[i].log_none - top));
        expected += nodes[i].weight * l * nodes[i].copies;
    }
    if (somebody < 0) somebody = 0;
    double all = exp(nobody) + somebody;
    return (joint_integral){.log_nobody = nobody - log(all), .copies = expected / all};
}
