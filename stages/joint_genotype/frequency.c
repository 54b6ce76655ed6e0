/* SPDX-License-Identifier: MIT */
#include "frequency.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    CLASS_ALLELES = 4, /* REF, two ALTs, other */
    CLASS_GENOTYPES = 10,
    LEVELS = 16,
    EM_ROUNDS = 50,
    QUALITY_ROUNDS = 20,
    FOREIGN_PHRED =
        30, /* a sample whose likeliest genotype is foreign by this much counts for nothing */
    SURE_BLOCK = 60 /* blocks of this quality and more count as REF without further ado */
};

/*
 * Pseudo-copies of "*": next to none, for it takes up what samples say about alleles that nobody
 * listed.
 */
static const double star_alpha = 1e-6;

/* Copies of "*" below which there are none. */
static const double least_star = 1e-3;

/* Upper ends (exclusive) and values of the levels that likelihoods are rounded to. */
static const int level_end[LEVELS] = {1,  3,  5,  8,  12, 17,  22,  27,
                                      33, 40, 50, 65, 85, 110, 150, INT32_MAX};
static const int level_value[LEVELS] = {0,  2,  4,  6,  10, 14, 19,  24,
                                        30, 36, 45, 57, 75, 97, 130, 200};

typedef struct evidence_class {
    uint32_t site;
    uint16_t a, b;   /* the ALTs, 0: none; a < b where both stand */
    uint64_t levels; /* 4 bits a genotype; bit 40: one copy */
    uint32_t count;
} evidence_class;

#define ONE_COPY ((uint64_t)1 << 40)

struct joint_frequency {
    const joint_sites *sites;
    evidence_class *classes;
    size_t n_classes, classes_capacity;
    uint32_t *table; /* open addressing: 1 + index into classes */
    size_t table_size;
    size_t *first; /* of each site's classes, once sorted */
    size_t first_capacity;
    double *frequencies; /* by slot */
    double *quality_frequencies;
    size_t frequencies_capacity, quality_frequencies_capacity;
    int64_t *quality; /* by site */
    double *copies;
    size_t quality_capacity, copies_capacity;
    double *counts; /* of the site under way */
    double *alpha;
    size_t counts_capacity, alpha_capacity;
    double likelihood[LEVELS];
    double block_likelihood[1024]; /* 10^(-q/10) */
};

joint_frequency *joint_frequency_new(kuni_error *err)
{
    joint_frequency *frequency = kuni_alloc(1, sizeof(*frequency), err);
    if (!frequency) return NULL;
    for (int i = 0; i < LEVELS; i++) frequency->likelihood[i] = pow(10, -level_value[i] / 10.0);
    for (int i = 0; i < 1024; i++) frequency->block_likelihood[i] = pow(10, -i / 10.0);
    return frequency;
}

void joint_frequency_free(joint_frequency *frequency)
{
    if (!frequency) return;
    free(frequency->classes);
    free(frequency->table);
    free(frequency->first);
    free(frequency->frequencies);
    free(frequency->quality);
    free(frequency->copies);
    free(frequency->counts);
    free(frequency->alpha);
    free(frequency->quality_frequencies);
    free(frequency);
}

kuni_status joint_frequency_begin(joint_frequency *frequency, const joint_sites *sites,
                                  kuni_error *err)
{
    frequency->sites = sites;
    frequency->n_classes = 0;
    if (!frequency->table) {
        frequency->table_size = 1 << 14;
        frequency->table = kuni_alloc(frequency->table_size, sizeof(uint32_t), err);
        if (!frequency->table) return KUNI_MEMORY;
    }
    memset(frequency->table, 0, frequency->table_size * sizeof(uint32_t));
    kuni_status status =
        kuni_grow((void **)&frequency->frequencies, &frequency->frequencies_capacity,
                  (size_t)sites->n_slots + 1, sizeof(double), err);
    if (!status)
        status = kuni_grow((void **)&frequency->quality_frequencies,
                           &frequency->quality_frequencies_capacity, (size_t)sites->n_slots + 1,
                           sizeof(double), err);
    if (!status)
        status = kuni_grow((void **)&frequency->quality, &frequency->quality_capacity,
                           (size_t)sites->n_sites + 1, sizeof(int64_t), err);
    if (!status)
        status = kuni_grow((void **)&frequency->copies, &frequency->copies_capacity,
                           (size_t)sites->n_sites + 1, sizeof(double), err);
    if (!status)
        status = kuni_grow((void **)&frequency->first, &frequency->first_capacity,
                           (size_t)sites->n_sites + 2, sizeof(size_t), err);
    uint32_t most = 0;
    for (uint32_t i = 0; i < sites->n_sites; i++)
        if (most < sites->sites[i].n_alts) most = sites->sites[i].n_alts;
    if (!status)
        status = kuni_grow((void **)&frequency->counts, &frequency->counts_capacity,
                           (size_t)most + 2, sizeof(double), err);
    if (!status)
        status = kuni_grow((void **)&frequency->alpha, &frequency->alpha_capacity, (size_t)most + 2,
                           sizeof(double), err);
    return status;
}

static uint64_t level_of(int32_t pl)
{
    uint64_t level = 0;
    while (pl >= level_end[level]) level++;
    return level;
}

/* The two ALTs of the likeliest genotypes, as local numbers; 0: none. */
static void choose_alts(const joint_local *local, uint32_t *first, uint32_t *second)
{
    uint32_t alts = joint_local_known(local) - 1;
    *first = alts > 0 ? 1 : 0;
    *second = alts > 1 ? 2 : 0;
    if (alts <= 2) return;
    int32_t best = INT32_MAX, next = INT32_MAX;
    for (uint32_t a = 1; a <= alts; a++) {
        int32_t least = INT32_MAX;
        for (uint32_t b = 0; b <= alts; b++) {
            if (local->copies == 1 && b != a) continue;
            uint32_t index = local->copies == 1 ? a : joint_genotype_index(a, b);
            if (local->pl[index] < least) least = local->pl[index];
        }
        if (least < best) {
            next = best;
            *second = *first;
            best = least;
            *first = a;
        } else if (least < next) {
            next = least;
            *second = a;
        }
    }
    if (*second < *first) {
        uint32_t swap = *first;
        *first = *second;
        *second = swap;
    }
}

/* False where the sample has an allele that is none of the site's. */
static bool classify(const joint_local *local, uint32_t site, evidence_class *found)
{
    uint32_t first, second, fold[JOINT_LOCAL_MAX];
    choose_alts(local, &first, &second);
    uint32_t n = 2 + (first > 0) + (second > 0);
    for (uint32_t i = 0; i < local->n; i++)
        fold[i] = i == 0 ? 0 : i == first ? 1 : i == second ? 2 : n - 1;
    int32_t pl[CLASS_GENOTYPES];
    uint32_t genotypes = joint_genotype_count(n, local->copies);
    for (uint32_t i = 0; i < genotypes; i++) pl[i] = INT32_MAX;
    int32_t least = INT32_MAX;
    for (uint32_t b = 0; b < local->n; b++) {
        for (uint32_t a = local->copies == 1 ? b : 0; a <= b; a++) {
            if (local->number[a] == JOINT_FOREIGN || local->number[b] == JOINT_FOREIGN) continue;
            uint32_t from = local->copies == 1 ? b : joint_genotype_index(a, b);
            uint32_t to = local->copies == 1 ? fold[b] : joint_genotype_index(fold[a], fold[b]);
            if (local->pl[from] < pl[to]) pl[to] = local->pl[from];
            if (local->pl[from] < least) least = local->pl[from];
        }
    }
    if (least > FOREIGN_PHRED) return false;
    *found = (evidence_class){.site = site,
                              .a = first ? local->number[first] : 0,
                              .b = second ? local->number[second] : 0,
                              .levels = local->copies == 1 ? ONE_COPY : 0};
    for (uint32_t i = 0; i < genotypes; i++) found->levels |= level_of(pl[i] - least) << (4 * i);
    return true;
}

static size_t hash_class(const evidence_class *c)
{
    uint64_t h = (c->levels * 0x9E3779B97F4A7C15u) ^
                 ((uint64_t)c->site << 32 | (uint64_t)c->a << 16 | c->b) * 0xC2B2AE3D27D4EB4Fu;
    return (size_t)(h ^ h >> 31);
}

static kuni_status grow_classes(joint_frequency *frequency, kuni_error *err)
{
    size_t size = frequency->table_size * 2;
    uint32_t *table = kuni_alloc(size, sizeof(uint32_t), err);
    if (!table) return KUNI_MEMORY;
    for (size_t i = 0; i < frequency->n_classes; i++) {
        size_t h = hash_class(&frequency->classes[i]) & (size - 1);
        while (table[h]) h = (h + 1) & (size - 1);
        table[h] = (uint32_t)i + 1;
    }
    free(frequency->table);
    frequency->table = table;
    frequency->table_size = size;
    return KUNI_OK;
}

kuni_status joint_frequency_add(joint_frequency *frequency, uint32_t site, const joint_local *local,
                                kuni_error *err)
{
    evidence_class wanted;
    if (!classify(local, site, &wanted)) return KUNI_OK;
    size_t mask = frequency->table_size - 1, h = hash_class(&wanted) & mask;
    for (; frequency->table[h]; h = (h + 1) & mask) {
        evidence_class *c = &frequency->classes[frequency->table[h] - 1];
        if (c->site == wanted.site && c->a == wanted.a && c->b == wanted.b &&
            c->levels == wanted.levels) {
            c->count++;
            return KUNI_OK;
        }
    }
    if (frequency->n_classes >= UINT32_MAX / 4)
        return kuni_fail(err, KUNI_DATA, "too many different likelihoods in one chunk");
    kuni_status status = kuni_grow((void **)&frequency->classes, &frequency->classes_capacity,
                                   frequency->n_classes + 1, sizeof(*frequency->classes), err);
    if (status) return status;
    wanted.count = 1;
    frequency->classes[frequency->n_classes] = wanted;
    frequency->table[h] = (uint32_t)++frequency->n_classes;
    return frequency->n_classes * 2 > frequency->table_size ? grow_classes(frequency, err)
                                                            : KUNI_OK;
}

static int compare_classes(const void *left, const void *right)
{
    const evidence_class *x = left, *y = right;
    if (x->site != y->site) return x->site < y->site ? -1 : 1;
    if (x->a != y->a) return x->a < y->a ? -1 : 1;
    if (x->b != y->b) return x->b < y->b ? -1 : 1;
    return x->levels < y->levels ? -1 : x->levels > y->levels;
}

void joint_frequency_finish(joint_frequency *frequency)
{
    if (frequency->n_classes > 1)
        qsort(frequency->classes, frequency->n_classes, sizeof(*frequency->classes),
              compare_classes);
    size_t c = 0;
    for (uint32_t site = 0; site <= frequency->sites->n_sites; site++) {
        while (c < frequency->n_classes && frequency->classes[c].site < site) c++;
        frequency->first[site] = c;
    }
}

/* A class unfolded for one round of EM. */
typedef struct unfolded {
    uint32_t n;
    uint32_t number[CLASS_ALLELES];
    double f[CLASS_ALLELES];
} unfolded;

static void unfold(const evidence_class *c, const double *f, unfolded *u)
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
static void expect(const joint_frequency *frequency, const evidence_class *c, const unfolded *u,
                   double copies[CLASS_ALLELES])
{
    double total = 0;
    for (uint32_t i = 0; i < u->n; i++) copies[i] = 0;
    if (c->levels & ONE_COPY) {
        for (uint32_t i = 0; i < u->n; i++) {
            copies[i] = u->f[i] * frequency->likelihood[c->levels >> (4 * i) & 15];
            total += copies[i];
        }
    } else {
        for (uint32_t j = 0, g = 0; j < u->n; j++) {
            for (uint32_t i = 0; i <= j; i++, g++) {
                double w = u->f[i] * u->f[j] * frequency->likelihood[c->levels >> (4 * g) & 15];
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
 * The same for blocks of quality q: expected copies of anything but REF; *nothing is P(only REF).
 */
static double expect_block(const joint_frequency *frequency, int q, int copies, double f_ref,
                           double *nothing)
{
    double f_other = 1 - f_ref > 1e-12 ? 1 - f_ref : 1e-12, l = frequency->block_likelihood[q];
    if (copies == 1) {
        double other = f_other * l, total = f_ref + other;
        *nothing = f_ref / total;
        return other / total;
    }
    double none = f_ref * f_ref, one = 2 * f_ref * f_other * l,
           two = f_other * f_other * frequency->block_likelihood[10 * q], total = none + one + two;
    *nothing = none / total;
    return (one + 2 * two) / total;
}

static int64_t milliphred(double p)
{
    return p < 1e-300 ? 3000000 : (int64_t)(-10000 * log10(p) + 0.5);
}

/* One round: counts[] become expected copies under f. */
static void em_round(const joint_frequency *frequency, uint32_t index, const double *f,
                     uint32_t blocks[2][100], double *counts)
{
    const joint_site *site = &frequency->sites->sites[index];
    uint32_t n = site->n_alts + 2;
    double spread = 0; /* copies of "other" by unit of frequency */
    for (uint32_t i = 0; i < n; i++) counts[i] = 0;
    for (size_t k = frequency->first[index]; k < frequency->first[index + 1]; k++) {
        const evidence_class *c = &frequency->classes[k];
        unfolded u;
        double copies[CLASS_ALLELES];
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
            double nothing = 1, other = 0;
            if (q < SURE_BLOCK) other = expect_block(frequency, q, copies, f[0], &nothing);
            counts[0] += count * (copies - other) - f[0] * (count * other / f_other);
            spread += count * other / f_other;
        }
    }
    for (uint32_t i = 0; i < n; i++) counts[i] += f[i] * spread;
}

/* What samples in reference blocks add to QUAL. */
static int64_t block_quality(const joint_frequency *frequency, uint32_t blocks[2][100],
                             double f_ref)
{
    int64_t sum = 0;
    for (int copies = 1; copies <= 2; copies++) {
        for (int q = 1; q < 100; q++) {
            if (!blocks[copies - 1][q]) continue;
            double nothing;
            (void)expect_block(frequency, q, copies, f_ref, &nothing);
            sum += (int64_t)blocks[copies - 1][q] * milliphred(nothing);
        }
    }
    return sum;
}

static void set_frequencies(double *f, const double *counts, const double *alpha, uint32_t n)
{
    double total = 0;
    for (uint32_t i = 0; i < n; i++) total += counts[i] + alpha[i];
    for (uint32_t i = 0; i < n; i++) f[i] = (counts[i] + alpha[i]) / total;
}

/* Repeats rounds until no expected count moves by `tolerance`. */
static void iterate(joint_frequency *frequency, uint32_t index, uint32_t blocks[2][100], double *f,
                    const double *alpha, double tolerance, int rounds)
{
    uint32_t n = frequency->sites->sites[index].n_alts + 2;
    for (int r = 0; r < rounds; r++) {
        em_round(frequency, index, f, blocks, frequency->counts);
        double moved = 0, total = 0;
        for (uint32_t i = 0; i < n; i++) total += frequency->counts[i] + alpha[i];
        for (uint32_t i = 0; i < n; i++) {
            double next = (frequency->counts[i] + alpha[i]) / total;
            double by = fabs(next - f[i]) * total;
            if (by > moved) moved = by;
            f[i] = next;
        }
        if (moved < tolerance) break;
    }
}

/*
 * To what INFO/EAF and ESF hold, so that a genotype can be made again from the record alone. Hardly
 * any "*" is none.
 */
static void round_frequencies(double *f, uint32_t n, double copies)
{
    if (f[n - 1] * copies < least_star) f[n - 1] = 0;
    f[0] = 1;
    for (uint32_t i = 1; i < n; i++) {
        f[i] = (double)(float)f[i];
        f[0] -= f[i];
    }
    if (f[0] < 1e-12) f[0] = 1e-12;
}

void joint_frequency_solve(joint_frequency *frequency, uint32_t index, uint32_t blocks[2][100])
{
    const joint_site *site = &frequency->sites->sites[index];
    const joint_alt *alts = frequency->sites->alts + site->first_alt;
    uint32_t n = site->n_alts + 2;
    double *f = frequency->frequencies + site->slot, *alpha = frequency->alpha,
           *counts = frequency->counts;
    double copies = 0;
    for (size_t k = frequency->first[index]; k < frequency->first[index + 1]; k++)
        copies +=
            frequency->classes[k].count * (frequency->classes[k].levels & ONE_COPY ? 1.0 : 2.0);
    for (int q = 1; q < 100; q++) copies += blocks[0][q] + 2.0 * blocks[1][q];
    frequency->copies[index] = copies;
    double called = 0;
    for (uint32_t i = 0; i < n; i++) {
        alpha[i] = i ? joint_alt_alpha(copies) / site->n_alts : 0.5;
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
    set_frequencies(f, counts, alpha, n);
    iterate(frequency, index, blocks, f, alpha, 0.01, EM_ROUNDS);
    round_frequencies(f, n, copies);

    /* QUAL, from the frequencies found, by its own prior. */
    double *g = frequency->quality_frequencies + site->slot;
    memcpy(g, f, n * sizeof(*g));
    alpha[0] = 10;
    alpha[n - 1] = star_alpha;
    for (uint32_t i = 0; i < site->all_alts; i++)
        if (alts[i].number > 0)
            alpha[alts[i].number] = alts[i].ref_length == alts[i].alt_length ? 0.01 : 0.00125;
    iterate(frequency, index, blocks, g, alpha, 0.1, QUALITY_ROUNDS);
    frequency->quality[index] = block_quality(frequency, blocks, g[0] + g[n - 1]);
}

void joint_frequency_set(joint_frequency *frequency, uint32_t index, const float *alts,
                         double copies, int64_t quality)
{
    const joint_site *site = &frequency->sites->sites[index];
    double *f = frequency->frequencies + site->slot;
    for (uint32_t i = 0; i <= site->n_alts; i++) f[i + 1] = (double)alts[i];
    round_frequencies(f, site->n_alts + 2, copies);
    frequency->copies[index] = copies;
    frequency->quality[index] = quality;
}

const double *joint_frequency_get(const joint_frequency *frequency, const joint_site *site)
{
    return frequency->frequencies + site->slot;
}

double joint_frequency_copies(const joint_frequency *frequency, uint32_t site)
{
    return frequency->copies[site];
}

const double *joint_frequency_get_quality(const joint_frequency *frequency, const joint_site *site)
{
    return frequency->quality_frequencies + site->slot;
}

int64_t joint_frequency_quality(const joint_frequency *frequency, uint32_t site)
{
    return frequency->quality[site];
}
