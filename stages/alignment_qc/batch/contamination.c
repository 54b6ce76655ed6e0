/* SPDX-License-Identifier: MIT */
#include "contamination.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    PAIRS = 9, /* of genotypes: 3 * g1 + g2 */
    DIMS = 2 * KUNI_QC_PCS_MAX,
    ASCENT_STEPS = 60,
    GOLDEN_STEPS = 28,
    BISECTION_STEPS = 40
};
static const double af_least = 0.00005, af_most = 0.99995; /* VerifyBamID2 */
static const double pc_unit =
    0.01; /* the order of a coordinate: scores of 1000 Genomes samples lie within 0.1 */
/*
 * Coordinates are held near those of people by a normal prior. Scores of N panel samples have
 * deviation 1/sqrt(N), 0.02 for 1000 Genomes; three times that. Without it the coordinates of a
 * contaminant of 0.1 % run away.
 */
static const double pc_prior_deviation = 0.06;
static const double depth_deviations =
    3; /* sites deeper or shallower than this are set aside, as in VerifyBamID2 */
static const double call_posterior = 0.99;
static const double interval_drop =
    1.920729; /* half the 95 % point of chi-square, 1 degree of freedom */
/* 99.9 % points of chi-square for 1, 2, ... degrees of freedom. */
static const double chi_square[KUNI_QC_PCS_MAX] = {10.828, 13.816, 16.266, 18.467, 20.515,
                                                   22.458, 24.322, 26.124, 27.877, 29.588};
/* Where the search for the rate starts; it goes on between the neighbours of the best. */
static const double rate_grid[] = {0,    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.035,
                                   0.06, 0.1,    0.15,  0.2,    0.27,  0.35, 0.43, 0.5};
enum { N_GRID = sizeof(rate_grid) / sizeof(rate_grid[0]) };

/* A site with the stacks that inform it. */
typedef struct fit_site {
    const kuni_qc_site *site;
    uint32_t index, depth;
    size_t first, n_stacks;
} fit_site;

typedef struct fit {
    const kuni_qc_stack *stacks;
    fit_site *sites;
    size_t n_sites;
    int n_pcs;
    bool two; /* the contaminant has coordinates of its own */
    double rate;
    double (*mixture)[PAIRS]; /* likelihood of each pair of genotypes at `rate`, over its maximum */
    double constant;          /* sum of the logs of those maxima */
} fit;

/*
 * The frequency at coordinates x (in units of pc_unit); *free tells whether it is off its clamps.
 */
static double frequency(const kuni_qc_site *site, const double *x, int n_pcs, bool *free)
{
    double sum = site->mean;
    for (int k = 0; k < n_pcs; k++) sum += site->loading[k] * x[k] * pc_unit;
    double af = sum / 2;
    *free = af > af_least && af < af_most;
    return af < af_least ? af_least : af > af_most ? af_most : af;
}

/* Sets the rate and works out the likelihoods of all pairs of genotypes at all sites. */
static void set_rate(fit *now, double rate)
{
    double log_of[2][KUNI_QC_QUALITIES][PAIRS];
    for (int quality = 0; quality < KUNI_QC_QUALITIES; quality++) {
        double error = quality > 0 ? pow(10, -quality / 10.0) : 0.75;
        for (int pair = 0; pair < PAIRS; pair++) {
            double g1 = pair / 3, g2 = pair % 3; // NOLINT(bugprone-integer-division)
            double f = ((1 - rate) * g1 + rate * g2) / 2;
            log_of[KUNI_QC_ALT][quality][pair] = log(f * (1 - error) + (1 - f) * error / 3);
            log_of[KUNI_QC_REF][quality][pair] = log((1 - f) * (1 - error) + f * error / 3);
        }
    }
    now->rate = rate;
    now->constant = 0;
    for (size_t i = 0; i < now->n_sites; i++) {
        double sums[PAIRS] = {0}, most = -INFINITY;
        const kuni_qc_stack *stack = now->stacks + now->sites[i].first;
        for (size_t k = 0; k < now->sites[i].n_stacks; k++, stack++) {
            int allele = stack->base >> 6;
            if (allele > KUNI_QC_ALT) continue;
            const double *logs = log_of[allele][stack->base & 63];
            for (int pair = 0; pair < PAIRS; pair++) sums[pair] += stack->count * logs[pair];
        }
        for (int pair = 0; pair < PAIRS; pair++)
            if (sums[pair] > most) most = sums[pair];
        for (int pair = 0; pair < PAIRS; pair++)
            now->mixture[i][pair] = sums[pair] < most - 60 ? 0 : exp(sums[pair] - most);
        now->constant += most;
    }
}

static void hardy_weinberg(double af, double p[3])
{
    p[0] = (1 - af) * (1 - af);
    p[1] = 2 * af * (1 - af);
    p[2] = af * af;
}

/*
 * Log-likelihood at coordinates x: the sample's, then (two ancestries) the contaminant's.
 * `gradient` may be NULL. d/dAF of the Hardy-Weinberg proportions is -2(1-AF), 2-4AF, 2AF.
 */
static double evaluate(const fit *now, const double *x, double *gradient)
{
    int n_pcs = now->n_pcs, dims = now->two ? 2 * n_pcs : n_pcs;
    const double precision = pc_unit / pc_prior_deviation * (pc_unit / pc_prior_deviation);
    double sum = now->constant;
    for (int k = 0; k < dims; k++) {
        sum -= precision * x[k] * x[k] / 2;
        if (gradient) gradient[k] = -precision * x[k];
    }
    for (size_t i = 0; i < now->n_sites; i++) {
        const kuni_qc_site *site = now->sites[i].site;
        const double *mixture = now->mixture[i];
        bool free1, free2;
        double af1 = frequency(site, x, n_pcs, &free1), af2 = af1;
        free2 = free1;
        if (now->two) af2 = frequency(site, x + n_pcs, n_pcs, &free2);
        double p1[3], p2[3], by1[3] = {0}, by2[3] = {0};
        hardy_weinberg(af1, p1);
        hardy_weinberg(af2, p2);
        for (int g1 = 0; g1 < 3; g1++)
            for (int g2 = 0; g2 < 3; g2++) {
                by1[g1] += mixture[3 * g1 + g2] * p2[g2];
                by2[g2] += mixture[3 * g1 + g2] * p1[g1];
            }
        double likelihood = p1[0] * by1[0] + p1[1] * by1[1] + p1[2] * by1[2];
        sum += log(likelihood);
        if (!gradient) continue;
        double d1 = -2 * (1 - af1) * by1[0] + (2 - 4 * af1) * by1[1] + 2 * af1 * by1[2];
        double d2 = -2 * (1 - af2) * by2[0] + (2 - 4 * af2) * by2[1] + 2 * af2 * by2[2];
        double step1 = free1 ? d1 / likelihood * pc_unit / 2 : 0;
        double step2 = free2 ? d2 / likelihood * pc_unit / 2 : 0;
        for (int k = 0; k < n_pcs; k++) {
            gradient[k] += step1 * site->loading[k];
            gradient[now->two ? n_pcs + k : k] += step2 * site->loading[k];
        }
    }
    return sum;
}

/*
 * The BFGS update of the inverse Hessian estimate h after a step s that changed the (negated)
 * gradient by y.
 */
static void update_inverse(double h[DIMS][DIMS], const double *s, const double *y, int dims)
{
    double sy = 0, yhy = 0, hy[DIMS];
    for (int i = 0; i < dims; i++) {
        hy[i] = 0;
        for (int k = 0; k < dims; k++) hy[i] += h[i][k] * y[k];
        sy += s[i] * y[i];
    }
    if (sy <= 1e-12) return; /* not curved upwards here: keep the estimate */
    for (int i = 0; i < dims; i++) yhy += y[i] * hy[i];
    for (int i = 0; i < dims; i++)
        for (int k = 0; k < dims; k++)
            h[i][k] += (1 + yhy / sy) * s[i] * s[k] / sy - (hy[i] * s[k] + s[i] * hy[k]) / sy;
}

/*
 * Climbs from x to a maximum over the coordinates at the present rate. Returns the log-likelihood.
 */
static double ascend(const fit *now, double *x)
{
    int dims = now->two ? 2 * now->n_pcs : now->n_pcs;
    double h[DIMS][DIMS] = {{0}}, g[DIMS], next_g[DIMS], next[DIMS], s[DIMS], y[DIMS];
    /*
     * A frequency carries about as much information as a tenth of the sites: the first step's
     * scale.
     */
    for (int i = 0; i < dims; i++) h[i][i] = 10.0 / (double)now->n_sites;
    double best = evaluate(now, x, g);
    for (int step = 0; step < ASCENT_STEPS; step++) {
        double direction[DIMS], slope = 0;
        for (int i = 0; i < dims; i++) {
            direction[i] = 0;
            for (int k = 0; k < dims; k++) direction[i] += h[i][k] * g[k];
            slope += direction[i] * g[i];
        }
        if (slope < 1e-5) break; /* nothing to gain that matters */
        double length = 1, value = -INFINITY;
        for (int cut = 0; cut < 20; cut++, length /= 2) {
            for (int i = 0; i < dims; i++) next[i] = x[i] + length * direction[i];
            value = evaluate(now, next, next_g);
            if (value > best + 1e-4 * length * slope) break;
        }
        if (!(value > best)) break;
        double gain = value - best;
        for (int i = 0; i < dims; i++) {
            s[i] = next[i] - x[i];
            y[i] = g[i] - next_g[i];
            x[i] = next[i];
            g[i] = next_g[i];
        }
        best = value;
        update_inverse(h, s, y, dims);
        if (gain < 1e-6) break;
    }
    return best;
}

static double value_at(fit *now, double rate, double *x)
{
    set_rate(now, rate);
    return ascend(now, x);
}

/*
 * Maximises over rate and coordinates: along a grid, then by golden section around its best point.
 */
static double maximise(fit *now, double *x, double *rate)
{
    double along[N_GRID][DIMS], values[N_GRID];
    size_t best = 0;
    for (size_t i = 0; i < N_GRID; i++) {
        memcpy(along[i], x, sizeof(along[i]));
        values[i] = value_at(now, rate_grid[i], along[i]);
        if (values[i] > values[best]) best = i;
        if (values[i] < values[best] - 50 && i > best + 1) break; /* far down the other side */
    }
    const double golden = 0.6180339887498949;
    double low = rate_grid[best ? best - 1 : 0];
    double high = rate_grid[best + 1 < N_GRID ? best + 1 : best];
    double at[2] = {high - golden * (high - low), low + golden * (high - low)}, found[2];
    memcpy(x, along[best], sizeof(along[best]));
    for (int i = 0; i < 2; i++) found[i] = value_at(now, at[i], x);
    for (int step = 0; step < GOLDEN_STEPS && high - low > 1e-7; step++) {
        if (found[0] >= found[1]) {
            high = at[1];
            at[1] = at[0];
            found[1] = found[0];
            at[0] = high - golden * (high - low);
            found[0] = value_at(now, at[0], x);
        } else {
            low = at[0];
            at[0] = at[1];
            found[0] = found[1];
            at[1] = low + golden * (high - low);
            found[1] = value_at(now, at[1], x);
        }
    }
    *rate = (low + high) / 2;
    double value = value_at(now, *rate, x);
    if (values[best] < value) return value;
    *rate = rate_grid[best]; /* an end of the range */
    memcpy(x, along[best], sizeof(along[best]));
    return value_at(now, *rate, x);
}

/*
 * Where the likelihood has fallen by interval_drop between the best rate and `limit`, coordinates
 * held.
 */
static double interval_end(fit *now, const double *x, double best_rate, double best, double limit)
{
    double inside = best_rate, outside = limit;
    set_rate(now, limit);
    if (evaluate(now, x, NULL) > best - interval_drop) return limit;
    for (int i = 0; i < BISECTION_STEPS && fabs(outside - inside) > 1e-7; i++) {
        double middle = (inside + outside) / 2;
        set_rate(now, middle);
        if (evaluate(now, x, NULL) > best - interval_drop)
            inside = middle;
        else
            outside = middle;
    }
    return (inside + outside) / 2;
}

static int64_t fixed(double value, double scale)
{
    return llround(value * scale);
}

static void fit_rate(fit *now, kuni_qc_estimates *estimates)
{
    double one[DIMS] = {0}, two[DIMS] = {0}, rate = 0, rate2 = 0;
    double value = maximise(now, one, &rate);
    memcpy(two, one, sizeof(two));
    memcpy(two + now->n_pcs, one, (size_t)now->n_pcs * sizeof(*two));
    now->two = true;
    double value2 = maximise(now, two, &rate2);
    estimates->fit = KUNI_QC_FIT_OTHER;
    if (2 * (value2 - value) <= chi_square[now->n_pcs - 1]) {
        estimates->fit = KUNI_QC_FIT_SAME;
        now->two = false;
        memcpy(two, one, sizeof(two));
        memcpy(two + now->n_pcs, one, (size_t)now->n_pcs * sizeof(*two));
        value2 = value;
        rate2 = rate;
    }
    estimates->rate = fixed(rate2, KUNI_QC_RATE_SCALE);
    estimates->rate_low = fixed(interval_end(now, two, rate2, value2, 0), KUNI_QC_RATE_SCALE);
    estimates->rate_high = fixed(interval_end(now, two, rate2, value2, 0.5), KUNI_QC_RATE_SCALE);
    set_rate(now, 0);
    estimates->gain = fixed(value2 - evaluate(now, two, NULL), KUNI_QC_MICRO);
    estimates->n_pcs = now->n_pcs;
    for (int k = 0; k < now->n_pcs; k++) {
        estimates->pcs[k] = fixed(two[k] * pc_unit, KUNI_QC_MICRO);
        estimates->other_pcs[k] = fixed(two[now->n_pcs + k] * pc_unit, KUNI_QC_MICRO);
    }
}

/* Posterior of the sample's own genotype at the fitted rate and frequencies. */
static void call_genotypes(fit *now, const kuni_qc_estimates *estimates, unsigned char *genotypes)
{
    double x1[KUNI_QC_PCS_MAX] = {0}, x2[KUNI_QC_PCS_MAX] = {0};
    for (int k = 0; k < now->n_pcs; k++) {
        x1[k] = (double)estimates->pcs[k] / KUNI_QC_MICRO / pc_unit;
        x2[k] = (double)estimates->other_pcs[k] / KUNI_QC_MICRO / pc_unit;
    }
    set_rate(now, (double)estimates->rate / KUNI_QC_RATE_SCALE);
    for (size_t i = 0; i < now->n_sites; i++) {
        const fit_site *one = &now->sites[i];
        double p1[3], p2[3], posterior[3] = {0}, sum = 0;
        bool free;
        hardy_weinberg(frequency(one->site, x1, now->n_pcs, &free), p1);
        hardy_weinberg(frequency(one->site, x2, now->n_pcs, &free), p2);
        int best = 0;
        for (int pair = 0; pair < PAIRS; pair++)
            posterior[pair / 3] += p1[pair / 3] * p2[pair % 3] * now->mixture[i][pair];
        for (int g = 0; g < 3; g++) {
            sum += posterior[g];
            if (posterior[g] > posterior[best]) best = g;
        }
        if (!(posterior[best] >= call_posterior * sum)) continue;
        unsigned shift = 2 * (one->index % 4);
        genotypes[one->index / 4] &= (unsigned char)~(3u << shift);
        genotypes[one->index / 4] |= (unsigned char)((unsigned)best << shift);
    }
}

/*
 * Groups the stacks by site; sets sites of unusual depth aside. Returns the mean depth of those
 * kept.
 */
static double gather_sites(fit *now, const kuni_qc_panel *panel, size_t n_stacks, const bool *skip)
{
    double sum = 0, squares = 0;
    for (size_t i = 0; i < n_stacks;) {
        size_t k = i;
        fit_site one = {
            .site = &panel->sites[now->stacks[i].site], .index = now->stacks[i].site, .first = i};
        for (; k < n_stacks && now->stacks[k].site == one.index; k++)
            if (now->stacks[k].base >> 6 <= KUNI_QC_ALT) one.depth += now->stacks[k].count;
        one.n_stacks = k - i;
        i = k;
        if (one.depth == 0 || (skip && skip[one.index])) continue;
        now->sites[now->n_sites++] = one;
        sum += one.depth;
        squares += (double)one.depth * one.depth;
    }
    if (now->n_sites == 0) return 0;
    double n = (double)now->n_sites, mean = sum / n;
    double reach = depth_deviations * sqrt(squares / n - mean * mean);
    size_t kept = 0;
    sum = 0;
    for (size_t i = 0; i < now->n_sites; i++) {
        if (fabs((double)now->sites[i].depth - mean) > reach && reach > 0) continue;
        sum += now->sites[i].depth;
        now->sites[kept++] = now->sites[i];
    }
    now->n_sites = kept;
    return sum / (double)kept;
}

kuni_status kuni_qc_fit_sample(const kuni_qc_panel *panel, const kuni_qc_stack *stacks,
                               size_t n_stacks, const kuni_qc_fit_options *options,
                               kuni_qc_estimates *estimates, unsigned char *genotypes,
                               kuni_error *err)
{
    *estimates = (kuni_qc_estimates){0};
    if (genotypes) memset(genotypes, 0xff, kuni_qc_genotype_bytes(panel->n_sites));
    if (n_stacks == 0) return KUNI_OK;
    fit now = {.stacks = stacks,
               .n_pcs = options->n_pcs < panel->n_pcs ? options->n_pcs : panel->n_pcs};
    kuni_status status = KUNI_MEMORY;
    now.sites = kuni_alloc(n_stacks, sizeof(*now.sites), err);
    if (!now.sites) goto done;
    double depth = gather_sites(&now, panel, n_stacks, options->skip);
    status = KUNI_OK;
    if (now.n_sites == 0) goto done;
    now.mixture = kuni_alloc(now.n_sites, sizeof(*now.mixture), err);
    if (!now.mixture) {
        status = KUNI_MEMORY;
        goto done;
    }
    estimates->n_sites = (int64_t)now.n_sites;
    estimates->mean_depth = fixed(depth, KUNI_QC_MICRO);
    estimates->fit = KUNI_QC_FIT_TOO_FEW;
    if ((int64_t)now.n_sites >= options->min_sites) fit_rate(&now, estimates);
    if (genotypes) call_genotypes(&now, estimates, genotypes);
done:
    free(now.sites);
    free(now.mixture);
    return status;
}
