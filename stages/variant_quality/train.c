/* SPDX-License-Identifier: MIT */
#include "train.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    TRUE_LEAST = 50,
    FALSE_LEAST = 10,
    ROUNDS = 25, /* of Newton's method */
    BISECTIONS = 60
};

/*
 * Quantiles of chi-squared of one degree of freedom: the middle, and the tail, where numbers that
 * are mostly alike (mapping qualities) show what true sites can be.
 */
static const struct {
    double share, value;
} chi2[] = {{0.5, 0.45493642311957283}, {0.9, 2.7055434540954146}};
static const double odd_share = 0.005, odd_from = 2;
static const double ridge = 2,
                    ridge_faultless =
                        1; /* on standardised terms, against 2 x the lesser number of sites */
static const double settled = 1e-9;
/*
 * In a model before any site is seen: ln odds of a site without fault, and their change a unit of
 * x.
 */
static const double prior_faultless = 5, prior_beyond_1 = -0.6, prior_beyond_3 = -1.5;

/* A site while a model is fitted. */
typedef struct example {
    const quality_site *site;
    bool is_true, labelled;
    double score; /* held out */
} example;

typedef struct trainer {
    example *list;
    size_t n;
    double *scratch; /* n numbers */
    double *terms;   /* n x QUALITY_WEIGHTS */
    kuni_error *err;
} trainer;

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(double *values, size_t n)
{
    if (!n) return 0;
    qsort(values, n, sizeof(*values), by_value);
    return n & 1 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

/* --- centre and spread --- */

static double quantile(const double *sorted, size_t n, double share)
{
    double at = share * (double)n;
    size_t i = at < 0 ? 0 : (size_t)at;
    return sorted[i < n ? i : n - 1];
}

/* True where the spread of the sites' numbers asks for more than tau. */
static bool is_wider(const struct quality_pile *pile, int k, double centre, double tau,
                     double *scratch)
{
    size_t n = 0;
    for (size_t i = 0; i < pile->n; i++) {
        const quality_site *s = &pile->sites[i];
        if (isnan(s->value[k])) continue;
        double d = (double)s->value[k] - centre;
        scratch[n++] = d * d / (tau * tau + (double)s->noise[k]);
    }
    qsort(scratch, n, sizeof(*scratch), by_value);
    for (size_t q = 0; q < sizeof(chi2) / sizeof(chi2[0]); q++)
        if (quantile(scratch, n, chi2[q].share) > chi2[q].value) return true;
    return false;
}

static void fit_feature(const struct quality_pile *pile, int k, quality_model *model,
                        double *scratch)
{
    size_t n = 0;
    double least = quality_features[k].least_spread, most = least;
    for (size_t i = 0; i < pile->n; i++)
        if (!isnan(pile->sites[i].value[k])) scratch[n++] = (double)pile->sites[i].value[k];
    model->centre[k] = median(scratch, n);
    model->spread[k] = least;
    if (!n) return;
    for (int i = 0; i < 20 && is_wider(pile, k, model->centre[k], most, scratch); i++) most *= 2;
    if (most == least) return;
    for (int i = 0; i < BISECTIONS; i++) {
        double middle = (least + most) / 2;
        if (is_wider(pile, k, model->centre[k], middle, scratch))
            least = middle;
        else
            most = middle;
    }
    model->spread[k] = (least + most) / 2;
}

static double oddness(const quality_model *model, const quality_site *site)
{
    double x[QUALITY_FEATURES], sum = 0;
    quality_standardise(model, site, x);
    for (int k = 0; k < QUALITY_FEATURES; k++) {
        double beyond = fabs(x[k]) - odd_from;
        quality_side side = x[k] < 0 ? QUALITY_LOW : QUALITY_HIGH;
        if (beyond > 0 && quality_features[k].side & side) sum += beyond * beyond;
    }
    return sum;
}

/* --- logistic regression --- */

/* Solves the symmetric positive definite a x = b in place by Cholesky's method; x replaces b. */
static void solve(double a[QUALITY_WEIGHTS][QUALITY_WEIGHTS], double b[QUALITY_WEIGHTS])
{
    enum { N = QUALITY_WEIGHTS };
    for (int j = 0; j < N; j++) {
        for (int k = 0; k < j; k++) a[j][j] -= a[j][k] * a[j][k];
        a[j][j] = sqrt(a[j][j] > 1e-12 ? a[j][j] : 1e-12);
        for (int i = j + 1; i < N; i++) {
            for (int k = 0; k < j; k++) a[i][j] -= a[i][k] * a[j][k];
            a[i][j] /= a[j][j];
        }
    }
    for (int i = 0; i < N; i++) {
        for (int k = 0; k < i; k++) b[i] -= a[i][k] * b[k];
        b[i] /= a[i][i];
    }
    for (int i = N - 1; i >= 0; i--) {
        for (int k = i + 1; k < N; k++) b[i] -= a[k][i] * b[k];
        b[i] /= a[i][i];
    }
}

/*
 * What is believed of a weight before any site is seen: x of true sites is about standard normal,
 * of false ones wider, on the side that speaks against them.
 */
static double prior_weight(int a)
{
    int feature = (a - 1) / QUALITY_PIECES, piece = (a - 1) % QUALITY_PIECES;
    if (!a) return prior_faultless;
    quality_side side = quality_features[feature].side;
    if (((piece == 1 || piece == 3) && side & QUALITY_LOW) ||
        ((piece == 2 || piece == 4) && side & QUALITY_HIGH))
        return piece < 3 ? prior_beyond_1 : prior_beyond_3;
    return 0;
}

/* Fits model->weight to the examples outside `fold` (-1: all); false where one kind is missing. */
static bool fit_weights(trainer *t, int fold, quality_model *model)
{
    double hessian[QUALITY_WEIGHTS][QUALITY_WEIGHTS];
    double count[2] = {0, 0};
    for (size_t i = 0; i < t->n; i++) {
        if (t->list[i].site->fold == fold) continue;
        double x[QUALITY_FEATURES];
        count[t->list[i].is_true]++;
        quality_standardise(model, t->list[i].site, x);
        quality_expand(x, t->terms + i * QUALITY_WEIGHTS);
    }
    memset(model->weight, 0, sizeof(model->weight));
    if (count[0] < 1 || count[1] < 1) return false;
    /* the rarer kind keeps weight 1 each: more of the other adds no certainty */
    double lesser = count[0] < count[1] ? count[0] : count[1];
    for (int round = 0; round < ROUNDS; round++) {
        double gradient[QUALITY_WEIGHTS], moved = 0;
        memset(hessian, 0, sizeof(hessian));
        for (int a = 0; a < QUALITY_WEIGHTS; a++) {
            double penalty = a ? ridge : ridge_faultless;
            gradient[a] = -penalty * (model->weight[a] - prior_weight(a));
            hessian[a][a] = penalty;
        }
        for (size_t i = 0; i < t->n; i++) {
            const example *e = &t->list[i];
            if (e->site->fold == fold) continue;
            const double *terms = t->terms + i * QUALITY_WEIGHTS;
            double sum = 0, weight = lesser / count[e->is_true];
            for (int a = 0; a < QUALITY_WEIGHTS; a++) sum += model->weight[a] * terms[a];
            double p = 1 / (1 + exp(-sum)), slope = weight * p * (1 - p);
            double miss = weight * ((e->is_true ? 1 : 0) - p);
            for (int a = 0; a < QUALITY_WEIGHTS; a++) {
                if (terms[a] == 0) continue;
                gradient[a] += miss * terms[a];
                for (int b = 0; b <= a; b++) hessian[a][b] += slope * terms[a] * terms[b];
            }
        }
        solve(hessian, gradient);
        for (int a = 0; a < QUALITY_WEIGHTS; a++) {
            model->weight[a] += gradient[a];
            moved += gradient[a] * gradient[a];
        }
        if (moved < settled) break;
    }
    return true;
}

/* --- what is held out --- */

/* Probability that a true site scores higher than a false one, by ranks; ties count half. */
static int by_score(const void *a, const void *b)
{
    const example *x = *(const example *const *)a, *y = *(const example *const *)b;
    return x->score < y->score ? -1 : x->score > y->score;
}

static kuni_status area_under_curve(const trainer *t, double *area)
{
    const example **order = kuni_alloc(t->n + 1, sizeof(*order), t->err);
    if (!order) return KUNI_MEMORY;
    size_t n = 0;
    for (size_t i = 0; i < t->n; i++)
        if (t->list[i].labelled) order[n++] = &t->list[i];
    if (n) qsort(order, n, sizeof(*order), by_score);
    double below = 0, pairs = 0, n_true = 0;
    for (size_t i = 0, next; i < n; i = next) {
        double here[2] = {0, 0};
        for (next = i; next < n && order[next]->score == order[i]->score; next++)
            here[order[next]->is_true]++;
        pairs += here[1] * (below + here[0] / 2);
        below += here[0];
        n_true += here[1];
    }
    *area = below > 0 && n_true > 0 ? pairs / below / n_true : (double)NAN;
    free(order);
    return KUNI_OK;
}

/* Smallest VQ such that `keep` percent of the true examples are kept. */
static double threshold_for(const trainer *t, double keep)
{
    size_t n = 0;
    for (size_t i = 0; i < t->n; i++)
        if (t->list[i].labelled && t->list[i].is_true) t->scratch[n++] = t->list[i].score;
    if (!n) return 0;
    qsort(t->scratch, n, sizeof(double), by_value);
    return floor(quantile(t->scratch, n, 1 - keep / 100) * 100) / 100;
}

static void fill_tranche(const trainer *t, const struct quality_pile *others,
                         const quality_model *model, quality_tranche *row)
{
    double n[2] = {0, 0}, kept[2] = {0, 0}, changes[2][3] = {{0}}, other = 0;
    row->threshold = threshold_for(t, row->share);
    for (size_t i = 0; i < t->n; i++) {
        const example *e = &t->list[i];
        if (!e->labelled) continue;
        n[e->is_true]++;
        kept[e->is_true] += e->score >= row->threshold;
    }
    for (size_t i = 0; i < others->n; i++) {
        bool keeps = quality_score(model, &others->sites[i]) >= row->threshold;
        other += keeps;
        changes[keeps][others->sites[i].change]++;
    }
    row->kept_true = n[1] > 0 ? kept[1] / n[1] : (double)NAN;
    row->kept_false = n[0] > 0 ? kept[0] / n[0] : (double)NAN;
    row->kept_other = others->n ? other / (double)others->n : (double)NAN;
    row->ti_tv = changes[1][2] > 0 ? changes[1][1] / changes[1][2] : (double)NAN;
    row->ti_tv_lost = changes[0][2] > 0 ? changes[0][1] / changes[0][2] : (double)NAN;
}

/* --- the whole --- */

/* Fills t->list; the odd ones are told from the rest by `limit`. */
static void choose_examples(trainer *t, const quality_draw *draw, int type,
                            const quality_model *model, quality_result *result)
{
    const struct quality_pile *piles = draw->piles[type];
    size_t n = 0;
    for (size_t i = 0; i < piles[QUALITY_TRUE].n; i++)
        t->scratch[n++] = oddness(model, &piles[QUALITY_TRUE].sites[i]);
    qsort(t->scratch, n, sizeof(double), by_value);
    double limit = quantile(t->scratch, n, 1 - odd_share);
    for (int label = 0; label < QUALITY_LABELS; label++)
        for (size_t i = 0; i < piles[label].n; i++) {
            const quality_site *site = &piles[label].sites[i];
            bool odd = oddness(model, site) > limit;
            if (label == QUALITY_UNKNOWN && !odd) continue;
            if (label == QUALITY_TRUE && odd) continue; /* taken for a mistake of the label */
            t->list[t->n++] = (example){.site = site,
                                        .is_true = label == QUALITY_TRUE,
                                        .labelled = label != QUALITY_UNKNOWN};
            result->n_true += label == QUALITY_TRUE;
            result->n_false += label == QUALITY_FALSE;
            result->n_odd += label == QUALITY_UNKNOWN;
        }
}

static kuni_status cross_validate(trainer *t, const quality_model *model, quality_result *result)
{
    for (int fold = 0; fold < QUALITY_FOLDS; fold++) {
        quality_model part = *model;
        (void)fit_weights(t, fold, &part);
        for (size_t i = 0; i < t->n; i++)
            if (t->list[i].site->fold == fold)
                t->list[i].score = quality_score(&part, t->list[i].site);
    }
    return area_under_curve(t, &result->area);
}

kuni_status quality_train(const quality_draw *draw, int type, double keep, double most,
                          quality_result *result, kuni_error *err)
{
    const struct quality_pile *piles = draw->piles[type];
    *result = (quality_result){.area = NAN};
    size_t total = 0;
    for (int label = 0; label < QUALITY_LABELS; label++) {
        total += piles[label].n;
        result->seen[label] = piles[label].seen;
    }
    for (int i = 0; i < QUALITY_TRANCHES; i++) result->tranches[i].share = quality_tranches[i];
    if (piles[QUALITY_TRUE].n < TRUE_LEAST) {
        result->reason = "fewer than 50 sites are held for true";
        return KUNI_OK;
    }
    trainer t = {.list = kuni_alloc(total + 1, sizeof(example), err),
                 .scratch = kuni_alloc(total + 1, sizeof(double), err),
                 .err = err};
    kuni_status status = t.list && t.scratch ? KUNI_OK : KUNI_MEMORY;
    quality_model *model = &result->model;
    if (!status) {
        for (int k = 0; k < QUALITY_FEATURES; k++)
            fit_feature(&piles[QUALITY_TRUE], k, model, t.scratch);
        choose_examples(&t, draw, type, model, result);
        if (result->n_false < FALSE_LEAST)
            result->reason = "fewer than 10 sites are held for false";
    }
    if (!status && !result->reason) {
        t.terms = kuni_alloc(t.n * QUALITY_WEIGHTS + 1, sizeof(double), err);
        if (!t.terms) status = KUNI_MEMORY;
        if (!status) status = cross_validate(&t, model, result);
        if (!status) {
            model->present = fit_weights(&t, -1, model);
            model->threshold = fmin(threshold_for(&t, keep), most);
            for (int i = 0; i < QUALITY_TRANCHES; i++)
                fill_tranche(&t, &piles[QUALITY_UNKNOWN], model, &result->tranches[i]);
        }
    }
    free(t.list);
    free(t.scratch);
    free(t.terms);
    return status;
}
