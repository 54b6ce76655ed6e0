/* SPDX-License-Identifier: MIT */
#include "frequency.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "integral.h"

enum {
    EM_ROUNDS = 50,
    SURE_BLOCK = 60 /* blocks of this quality and more count as REF without further ado */
};

/*
 * Pseudo-copies of "*": next to none, for it takes up what samples say about alleles that nobody
 * listed.
 */
static const double star_alpha = 1e-6;

/* Copies of "*" below which there are none. */
static const double least_star = 1e-3;

/* Copies by which no allele moves any more. */
static const double moved_least = 0.01;

static const double LN10 = 2.302585092994045684;

struct joint_frequency {
    const joint_sites *sites;
    const double *priors;
    joint_classes classes;
    joint_allele_frequency *alleles; /* by slot */
    size_t alleles_capacity;
    int64_t *quality; /* by site */
    double *copies;
    size_t quality_capacity, copies_capacity;
    double *f, *counts, *alpha; /* of the site under way */
    size_t f_capacity, counts_capacity, alpha_capacity;
    joint_answer *answers;
    size_t answers_capacity;
    double block_likelihood[1024]; /* 10^(-q/10) */
};

joint_frequency *joint_frequency_new(kuni_error *err)
{
    joint_frequency *frequency = kuni_alloc(1, sizeof(*frequency), err);
    if (!frequency) return NULL;
    joint_classes_init(&frequency->classes);
    for (int i = 0; i < 1024; i++) frequency->block_likelihood[i] = pow(10, -i / 10.0);
    return frequency;
}

void joint_frequency_free(joint_frequency *frequency)
{
    if (!frequency) return;
    joint_classes_fini(&frequency->classes);
    free(frequency->alleles);
    free(frequency->quality);
    free(frequency->copies);
    free(frequency->f);
    free(frequency->counts);
    free(frequency->alpha);
    free(frequency->answers);
    free(frequency);
}

kuni_status joint_frequency_begin(joint_frequency *frequency, const joint_sites *sites,
                                  const double *priors, kuni_error *err)
{
    frequency->sites = sites;
    frequency->priors = priors;
    uint32_t most = 0;
    for (uint32_t i = 0; i < sites->n_sites; i++)
        if (most < sites->sites[i].n_alts) most = sites->sites[i].n_alts;
    kuni_status status = joint_classes_begin(&frequency->classes, sites, err);
    if (!status)
        status = kuni_grow((void **)&frequency->alleles, &frequency->alleles_capacity,
                           (size_t)sites->n_slots + 1, sizeof(*frequency->alleles), err);
    if (!status)
        status = kuni_grow((void **)&frequency->quality, &frequency->quality_capacity,
                           (size_t)sites->n_sites + 1, sizeof(int64_t), err);
    if (!status)
        status = kuni_grow((void **)&frequency->copies, &frequency->copies_capacity,
                           (size_t)sites->n_sites + 1, sizeof(double), err);
    if (!status)
        status = kuni_grow((void **)&frequency->f, &frequency->f_capacity, (size_t)most + 2,
                           sizeof(double), err);
    if (!status)
        status = kuni_grow((void **)&frequency->counts, &frequency->counts_capacity,
                           (size_t)most + 2, sizeof(double), err);
    if (!status)
        status = kuni_grow((void **)&frequency->alpha, &frequency->alpha_capacity, (size_t)most + 2,
                           sizeof(double), err);
    return status;
}

kuni_status joint_frequency_add(joint_frequency *frequency, uint32_t site, const joint_local *local,
                                kuni_error *err)
{
    return joint_classes_add(&frequency->classes, site, local, err);
}

void joint_frequency_finish(joint_frequency *frequency)
{
    joint_classes_finish(&frequency->classes);
}

/* --- a first estimate: EM --- */

/* A class unfolded for one round of EM. */
typedef struct unfolded {
    uint32_t n;
    uint32_t number[JOINT_CLASS_ALLELES];
    double f[JOINT_CLASS_ALLELES];
} unfolded;

static void unfold(const joint_class *c, const double *f, unfolded *u)
{
    u->n = 0;
    u->number[u->n++] = 0;
    if (c->a) u->number[u->n++] = c->a;
    if (c->b) u->number[u->n++] = c->b;
    double other = 1;
    for (uint32_t i = 0; i < u->n; i++) {
        u->f[i] = f[u->number[i]];
        other -= u->f[i];
    }
    u->number[u->n] = JOINT_OTHER;
    u->f[u->n++] = other > 1e-12 ? other : 1e-12;
}

/* Expected copies of the class's alleles. */
static void expect(const joint_frequency *frequency, const joint_class *c, const unfolded *u,
                   double copies[JOINT_CLASS_ALLELES])
{
    double total = 0;
    for (uint32_t i = 0; i < u->n; i++) copies[i] = 0;
    if (c->levels & JOINT_ONE_COPY) {
        for (uint32_t i = 0; i < u->n; i++) {
            copies[i] = u->f[i] * joint_class_likelihood(&frequency->classes, c, 0, i);
            total += copies[i];
        }
    } else {
        for (uint32_t j = 0; j < u->n; j++) {
            for (uint32_t i = 0; i <= j; i++) {
                double w = u->f[i] * u->f[j] * joint_class_likelihood(&frequency->classes, c, i, j);
                if (i != j) w *= 2;
                total += w;
                copies[i] += w;
                copies[j] += w;
            }
        }
    }
    for (uint32_t i = 0; i < u->n; i++) copies[i] /= total;
}

/*
 * The same for blocks of quality q: expected copies of anything but REF.
 */
static double expect_block(const joint_frequency *frequency, int q, int copies, double f_ref)
{
    double f_other = 1 - f_ref > 1e-12 ? 1 - f_ref : 1e-12, l = frequency->block_likelihood[q];
    if (copies == 1) {
        double other = f_other * l, total = f_ref + other;
        return other / total;
    }
    double none = f_ref * f_ref, one = 2 * f_ref * f_other * l,
           two = f_other * f_other * frequency->block_likelihood[10 * q], total = none + one + two;
    return (one + 2 * two) / total;
}

/* One round: counts[] become expected copies under f. */
static void em_round(const joint_frequency *frequency, uint32_t index, const double *f,
                     uint32_t blocks[2][100], double *counts)
{
    const joint_site *site = &frequency->sites->sites[index];
    uint32_t n = site->n_alts + 2;
    double spread = 0; /* copies of "other" by unit of frequency */
    for (uint32_t i = 0; i < n; i++) counts[i] = 0;
    for (size_t k = frequency->classes.first[index]; k < frequency->classes.first[index + 1]; k++) {
        const joint_class *c = &frequency->classes.list[k];
        unfolded u;
        double copies[JOINT_CLASS_ALLELES];
        unfold(c, f, &u);
        expect(frequency, c, &u, copies);
        double rate = c->count * copies[u.n - 1] / u.f[u.n - 1];
        spread += rate;
        for (uint32_t i = 0; i + 1 < u.n; i++)
            counts[u.number[i]] += c->count * copies[i] - f[u.number[i]] * rate;
    }
    double f_other = 1 - f[0] > 1e-12 ? 1 - f[0] : 1e-12;
    for (int copies = 1; copies <= 2; copies++) {
        for (int q = 1; q < 100; q++) {
            uint32_t count = blocks[copies - 1][q];
            if (!count) continue;
            double other = 0;
            if (q < SURE_BLOCK) other = expect_block(frequency, q, copies, f[0]);
            counts[0] += count * (copies - other) - f[0] * (count * other / f_other);
            spread += count * other / f_other;
        }
    }
    for (uint32_t i = 0; i < n; i++) counts[i] += f[i] * spread;
}

/* From counts[] and pseudo-copies; returns by how many copies most an allele moved. */
static double set_frequencies(double *f, const double *counts, const double *alpha, uint32_t n)
{
    double total = 0, moved = 0;
    for (uint32_t i = 0; i < n; i++) total += counts[i] + alpha[i];
    for (uint32_t i = 0; i < n; i++) {
        double next = (counts[i] + alpha[i]) / total, by = fabs(next - f[i]) * total;
        if (by > moved) moved = by;
        f[i] = next;
    }
    return moved;
}

/* Pseudo-copies of all ALTs together, where `copies` are looked at. */
static double alt_alpha(double copies)
{
    return copies > 2 ? 1 / copies : 0.5;
}

/* Into frequency->f, and as shares. */
static void estimate(joint_frequency *frequency, uint32_t index, uint32_t blocks[2][100])
{
    const joint_site *site = &frequency->sites->sites[index];
    const joint_alt *alts = frequency->sites->alts + site->first_alt;
    joint_allele_frequency *alleles = frequency->alleles + site->slot;
    uint32_t n = site->n_alts + 2;
    double *f = frequency->f, *alpha = frequency->alpha, *counts = frequency->counts;
    double copies = frequency->copies[index], called = 0;
    for (uint32_t i = 0; i < n; i++) {
        alpha[i] = i ? alt_alpha(copies) / site->n_alts : 0.5;
        counts[i] = 0;
    }
    alpha[n - 1] = star_alpha;
    counts[n - 1] = 0.5; /* a start to grow from */
    for (uint32_t i = 0; i < site->all_alts; i++) {
        if (alts[i].number < 0) continue;
        counts[alts[i].number] = (double)alts[i].copies;
        called += (double)alts[i].copies;
    }
    counts[0] = copies > called ? copies - called : 0;
    (void)set_frequencies(f, counts, alpha, n);
    for (int r = 0; r < EM_ROUNDS; r++) {
        em_round(frequency, index, f, blocks, counts);
        if (set_frequencies(f, counts, alpha, n) < moved_least) break;
    }
    if (f[n - 1] * copies < least_star) f[n - 1] = 0;
    for (uint32_t i = 0; i < n; i++)
        alleles[i] = (joint_allele_frequency){
            .share = f[i], .copies = f[i] * copies, .prior = frequency->priors[site->slot + i]};
}

/* --- the integrals --- */

/* Shares of a class's alleles in two parties; each party's sum is 1. */
typedef struct parties {
    uint32_t n;
    double in[JOINT_CLASS_ALLELES], out[JOINT_CLASS_ALLELES];
} parties;

static void scale(double *share, uint32_t n, uint32_t fallback)
{
    double sum = 0;
    for (uint32_t i = 0; i < n; i++) sum += share[i];
    for (uint32_t i = 0; i < n; i++) share[i] = sum > 1e-12 ? share[i] / sum : i == fallback;
}

/*
 * Splits a class's alleles: `alt` against all others, or where it is 0 all ALTs against REF and
 * "*" (of number n - 1).
 */
static void split(const joint_class *c, const joint_allele_frequency *alleles, uint32_t n,
                  uint32_t alt, parties *p)
{
    uint32_t number[JOINT_CLASS_ALLELES] = {0}, last;
    double rest_in = alt ? 1 : 0, rest_out = 0;
    p->n = 1;
    if (c->a) number[p->n++] = c->a;
    if (c->b) number[p->n++] = c->b;
    last = p->n++;
    for (uint32_t i = 1; i < n; i++) { /* what "other" stands for */
        bool named = (c->a && i == c->a) || (c->b && i == c->b);
        if (named || (alt && i == alt)) continue;
        if (alt || i == n - 1)
            rest_out += alleles[i].share;
        else
            rest_in += alleles[i].share;
    }
    for (uint32_t i = 0; i < last; i++) {
        bool in = alt ? number[i] == alt : number[i] > 0 && number[i] < n - 1;
        p->in[i] = !in ? 0 : alt ? 1 : alleles[number[i]].share;
        p->out[i] = in ? 0 : alleles[number[i]].share;
        if (alt && in) rest_in = 0;
    }
    p->in[last] = rest_in;
    p->out[last] = rest_out;
    scale(p->in, p->n, last);
    scale(p->out, p->n, 0);
}

void joint_class_against(const joint_classes *classes, const joint_class *c,
                         const joint_allele_frequency *alleles, uint32_t n, uint32_t alt,
                         double out[3])
{
    parties p;
    split(c, alleles, n, alt, &p);
    out[0] = out[1] = out[2] = 0;
    for (uint32_t j = 0; j < p.n; j++) {
        if (c->levels & JOINT_ONE_COPY) {
            double l = joint_class_likelihood(classes, c, 0, j);
            out[0] += p.out[j] * l;
            out[1] += p.in[j] * l;
            continue;
        }
        for (uint32_t i = 0; i < p.n; i++) {
            double l = joint_class_likelihood(classes, c, i < j ? i : j, i < j ? j : i);
            out[0] += p.out[i] * p.out[j] * l;
            out[1] += p.out[i] * p.in[j] * l;
            out[2] += p.in[i] * p.in[j] * l;
        }
    }
}

/* Thousandths of phred by which a class tells of any ALT, at the site's shares. */
static int64_t class_variance(const joint_classes *classes, const joint_class *c,
                              const joint_allele_frequency *alleles, uint32_t n)
{
    double l[3], f = 0;
    for (uint32_t i = 1; i + 1 < n; i++) f += alleles[i].share;
    if (f < 1e-12) f = 1e-12;
    if (f > 1 - 1e-12) f = 1 - 1e-12;
    joint_class_against(classes, c, alleles, n, 0, l);
    double none = c->levels & JOINT_ONE_COPY ? (1 - f) * l[0] : (1 - f) * (1 - f) * l[0];
    double some = c->levels & JOINT_ONE_COPY ? f * l[1] : 2 * f * (1 - f) * l[1] + f * f * l[2];
    return (int64_t)(10000 * log10(1 + some / none) + 0.5);
}

/* What blocks say of an ALT where the other copies have REF with `f_ref`, else another ALT. */
static joint_answer block_answer(const joint_frequency *frequency, int copies, int q, double f_ref)
{
    double l = frequency->block_likelihood[q], ll = frequency->block_likelihood[10 * q];
    double f = 1 - f_ref;
    joint_answer a = {.copies = copies};
    if (copies == 1) {
        a.one = l / (f_ref + f * l);
    } else {
        double none = f_ref * f_ref + 2 * f_ref * f * l + f * f * ll;
        a.one = (f_ref * l + f * ll) / none;
        a.two = ll / none;
    }
    return a;
}

/* What everybody says of an ALT (0: of any) into frequency->answers. */
static size_t gather(joint_frequency *frequency, uint32_t index, uint32_t blocks[2][100],
                     uint32_t alt, double *sure)
{
    const joint_site *site = &frequency->sites->sites[index];
    const joint_allele_frequency *alleles = frequency->alleles + site->slot;
    const joint_classes *classes = &frequency->classes;
    size_t n = 0;
    *sure = 0;
    for (size_t k = classes->first[index]; k < classes->first[index + 1]; k++) {
        const joint_class *c = &classes->list[k];
        double l[3];
        joint_class_against(classes, c, alleles, site->n_alts + 2, alt, l);
        frequency->answers[n++] = (joint_answer){.one = l[1] / l[0],
                                                 .two = l[2] / l[0],
                                                 .count = c->count,
                                                 .copies = c->levels & JOINT_ONE_COPY ? 1 : 2};
    }
    double ref = 1;
    if (alt && site->n_alts > 1) {
        double others = 0;
        for (uint32_t i = 0; i < site->n_alts + 2; i++)
            if (i != alt) others += alleles[i].share;
        ref = others > 1e-12 ? alleles[0].share / others : 1;
    }
    for (int copies = 1; copies <= 2; copies++) {
        for (int q = 1; q < 100; q++) {
            if (!blocks[copies - 1][q]) continue;
            if (q >= SURE_BLOCK) {
                *sure += copies * (double)blocks[copies - 1][q];
                continue;
            }
            joint_answer *a = &frequency->answers[n++];
            *a = block_answer(frequency, copies, q, ref);
            a->count = blocks[copies - 1][q];
        }
    }
    return n;
}

/* As INFO/EAQ has it. */
static void set_nobody(joint_allele_frequency *allele, float phred)
{
    allele->nobody_phred = phred > 0 ? phred : 0;
    allele->nobody = pow(10, -(double)allele->nobody_phred / 10);
}

/*
 * REF has what is left; shares are rounded to what INFO/EAF and ESF hold, so that a genotype can be
 * made again from the record alone.
 */
static void set_shares(joint_allele_frequency *alleles, uint32_t n, double copies)
{
    alleles[0].share = 1;
    for (uint32_t i = 1; i < n; i++) {
        alleles[i].share = (double)(float)alleles[i].share;
        alleles[i].copies = alleles[i].share * copies;
        alleles[0].share -= alleles[i].share;
    }
    if (alleles[0].share < 1e-12) alleles[0].share = 1e-12;
    alleles[0].copies = alleles[0].share * copies;
}

/* One round over the ALTs; the shares of the others are those of the round before. */
static void integrate_alleles(joint_frequency *frequency, uint32_t index, uint32_t blocks[2][100])
{
    const joint_site *site = &frequency->sites->sites[index];
    joint_allele_frequency *alleles = frequency->alleles + site->slot;
    double copies = frequency->copies[index], sure;
    for (uint32_t i = 1; i <= site->n_alts; i++) {
        size_t n = gather(frequency, index, blocks, i, &sure);
        joint_integral found = joint_integrate(frequency->answers, n, sure, alleles[i].prior,
                                               frequency->f[i] * copies);
        frequency->counts[i] = copies > 0 ? found.copies / copies : 0;
        set_nobody(&alleles[i], (float)(-10 / LN10 * found.log_nobody));
    }
    for (uint32_t i = 1; i <= site->n_alts; i++) alleles[i].share = frequency->counts[i];
    set_shares(alleles, site->n_alts + 2, copies);
}

/* Phred by which the classes and blocks tell of an ALT, as rounded: what samples will add again. */
static int64_t rounded_variance(const joint_frequency *frequency, uint32_t index)
{
    const joint_site *site = &frequency->sites->sites[index];
    const joint_allele_frequency *alleles = frequency->alleles + site->slot;
    const joint_classes *classes = &frequency->classes;
    int64_t sum = 0;
    for (size_t k = classes->first[index]; k < classes->first[index + 1]; k++)
        sum += classes->list[k].count *
               class_variance(classes, &classes->list[k], alleles, site->n_alts + 2);
    return sum;
}

static void set_quality(joint_frequency *frequency, uint32_t index, uint32_t blocks[2][100])
{
    const joint_site *site = &frequency->sites->sites[index];
    const joint_allele_frequency *alleles = frequency->alleles + site->slot;
    double nobody = -alleles[1].nobody_phred * LN10 / 10, sure, theta = 0, guess = 0;
    for (uint32_t i = 1; i <= site->n_alts; i++) {
        theta += alleles[i].prior;
        guess += frequency->f[i] * frequency->copies[index];
    }
    if (site->n_alts != 1 || alleles[2].share > 0) { /* else it is the ALT's own */
        size_t n = gather(frequency, index, blocks, 0, &sure);
        nobody = joint_integrate(frequency->answers, n, sure, theta, guess).log_nobody;
    }
    frequency->quality[index] =
        (int64_t)(-10000 / LN10 * nobody + 0.5) - rounded_variance(frequency, index);
}

kuni_status joint_frequency_solve(joint_frequency *frequency, uint32_t index,
                                  uint32_t blocks[2][100], kuni_error *err)
{
    const joint_site *site = &frequency->sites->sites[index];
    const joint_classes *classes = &frequency->classes;
    size_t n = classes->first[index + 1] - classes->first[index];
    kuni_status status = kuni_grow((void **)&frequency->answers, &frequency->answers_capacity,
                                   n + 200, sizeof(*frequency->answers), err);
    if (status) return status;
    double copies = 0;
    for (size_t k = classes->first[index]; k < classes->first[index + 1]; k++)
        copies += classes->list[k].count * (classes->list[k].levels & JOINT_ONE_COPY ? 1.0 : 2.0);
    for (int q = 1; q < 100; q++) copies += blocks[0][q] + 2.0 * blocks[1][q];
    frequency->copies[index] = copies;
    estimate(frequency, index, blocks);
    integrate_alleles(frequency, index, blocks);
    if (site->n_alts > 1) integrate_alleles(frequency, index, blocks);
    set_quality(frequency, index, blocks);
    return KUNI_OK;
}

void joint_frequency_set(joint_frequency *frequency, uint32_t index, const float *alts,
                         const float *nobody, double copies, int64_t quality)
{
    const joint_site *site = &frequency->sites->sites[index];
    joint_allele_frequency *alleles = frequency->alleles + site->slot;
    for (uint32_t i = 0; i < site->n_alts + 2; i++)
        alleles[i] = (joint_allele_frequency){.share = i ? (double)alts[i - 1] : 0,
                                              .prior = frequency->priors[site->slot + i]};
    for (uint32_t i = 1; i <= site->n_alts; i++) set_nobody(&alleles[i], nobody[i - 1]);
    set_shares(alleles, site->n_alts + 2, copies);
    frequency->copies[index] = copies;
    frequency->quality[index] = quality;
}

const joint_allele_frequency *joint_frequency_get(const joint_frequency *frequency,
                                                  const joint_site *site)
{
    return frequency->alleles + site->slot;
}

const joint_classes *joint_frequency_classes(const joint_frequency *frequency)
{
    return &frequency->classes;
}

double joint_frequency_copies(const joint_frequency *frequency, uint32_t site)
{
    return frequency->copies[site];
}

int64_t joint_frequency_quality(const joint_frequency *frequency, uint32_t site)
{
    return frequency->quality[site];
}
