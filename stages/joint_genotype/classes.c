/* SPDX-License-Identifier: MIT */
#include "classes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    FOREIGN_PHRED =
        30, /* a sample whose likeliest genotype is foreign by this much counts for nothing */
    LEVEL_TOP = 200
};

/* Values of the levels that likelihoods are rounded to. */
static const int level_value[JOINT_LEVELS] = {0,  1,  2,  3,  4,  5,  6,   7,   8,   10, 12,
                                              14, 16, 18, 20, 22, 25, 28,  31,  34,  38, 42,
                                              47, 53, 60, 68, 78, 90, 105, 125, 150, 200};

static uint8_t level_at[LEVEL_TOP + 1]; /* whose value is nearest to a PL */

void joint_classes_init(joint_classes *classes)
{
    for (int pl = 0, level = 0; pl <= LEVEL_TOP; pl++) {
        while (level + 1 < JOINT_LEVELS && 2 * pl > level_value[level] + level_value[level + 1])
            level++;
        level_at[pl] = (uint8_t)level;
    }
    *classes = (joint_classes){.sites = NULL};
    for (int i = 0; i < JOINT_LEVELS; i++) classes->likelihood[i] = pow(10, -level_value[i] / 10.0);
}

void joint_classes_fini(joint_classes *classes)
{
    free(classes->list);
    free(classes->table);
    free(classes->first);
    *classes = (joint_classes){.sites = NULL};
}

kuni_status joint_classes_begin(joint_classes *classes, const joint_sites *sites, kuni_error *err)
{
    classes->sites = sites;
    classes->n = 0;
    if (!classes->table) {
        classes->table_size = 1 << 14;
        classes->table = kuni_alloc(classes->table_size, sizeof(uint32_t), err);
        if (!classes->table) return KUNI_MEMORY;
    }
    memset(classes->table, 0, classes->table_size * sizeof(uint32_t));
    return kuni_grow((void **)&classes->first, &classes->first_capacity, (size_t)sites->n_sites + 2,
                     sizeof(size_t), err);
}

static uint64_t level_of(int32_t pl)
{
    return level_at[pl < LEVEL_TOP ? pl : LEVEL_TOP];
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

/* A sample of two copies that lists one ALT: nothing is to be folded. */
static bool classify_plain(const joint_local *local, uint32_t site, joint_class *found)
{
    enum { GENOTYPES = 6 };
    int32_t least = local->pl[0];
    for (int i = 1; i < GENOTYPES; i++)
        if (local->pl[i] < least) least = local->pl[i];
    if (least > FOREIGN_PHRED) return false;
    *found = (joint_class){.site = site, .a = local->number[1]};
    for (int i = 0; i < GENOTYPES; i++)
        found->levels |= level_of(local->pl[i] - least) << (JOINT_LEVEL_BITS * i);
    return true;
}

bool joint_classify(const joint_local *local, uint32_t site, joint_class *found)
{
    if (local->n == 3 && local->copies == 2 && joint_local_known(local) == 2)
        return classify_plain(local, site, found);
    uint32_t first, second, fold[JOINT_LOCAL_MAX];
    choose_alts(local, &first, &second);
    uint32_t n = 2 + (first > 0) + (second > 0);
    for (uint32_t i = 0; i < local->n; i++)
        fold[i] = i == 0 ? 0 : i == first ? 1 : i == second ? 2 : n - 1;
    int32_t pl[JOINT_CLASS_GENOTYPES];
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
    *found = (joint_class){.site = site,
                           .a = first ? local->number[first] : 0,
                           .b = second ? local->number[second] : 0,
                           .levels = local->copies == 1 ? JOINT_ONE_COPY : 0};
    for (uint32_t i = 0; i < genotypes; i++)
        found->levels |= level_of(pl[i] - least) << (JOINT_LEVEL_BITS * i);
    return true;
}

static size_t hash_class(const joint_class *c)
{
    uint64_t h = (c->levels * 0x9E3779B97F4A7C15u) ^
                 ((uint64_t)c->site << 32 | (uint64_t)c->a << 16 | c->b) * 0xC2B2AE3D27D4EB4Fu;
    return (size_t)(h ^ h >> 31);
}

static kuni_status grow_classes(joint_classes *classes, kuni_error *err)
{
    size_t size = classes->table_size * 2;
    uint32_t *table = kuni_alloc(size, sizeof(uint32_t), err);
    if (!table) return KUNI_MEMORY;
    for (size_t i = 0; i < classes->n; i++) {
        size_t h = hash_class(&classes->list[i]) & (size - 1);
        while (table[h]) h = (h + 1) & (size - 1);
        table[h] = (uint32_t)i + 1;
    }
    free(classes->table);
    classes->table = table;
    classes->table_size = size;
    return KUNI_OK;
}

kuni_status joint_classes_add(joint_classes *classes, uint32_t site, const joint_local *local,
                              kuni_error *err)
{
    joint_class wanted;
    if (!joint_classify(local, site, &wanted)) return KUNI_OK;
    size_t mask = classes->table_size - 1, h = hash_class(&wanted) & mask;
    for (; classes->table[h]; h = (h + 1) & mask) {
        joint_class *c = &classes->list[classes->table[h] - 1];
        if (c->site == wanted.site && c->a == wanted.a && c->b == wanted.b &&
            c->levels == wanted.levels) {
            c->count++;
            return KUNI_OK;
        }
    }
    if (classes->n >= UINT32_MAX / 4)
        return kuni_fail(err, KUNI_DATA, "too many different likelihoods in one chunk");
    kuni_status status = kuni_grow((void **)&classes->list, &classes->capacity, classes->n + 1,
                                   sizeof(*classes->list), err);
    if (status) return status;
    wanted.count = 1;
    classes->list[classes->n] = wanted;
    classes->table[h] = (uint32_t)++classes->n;
    return classes->n * 2 > classes->table_size ? grow_classes(classes, err) : KUNI_OK;
}

static int compare_classes(const void *left, const void *right)
{
    const joint_class *x = left, *y = right;
    if (x->site != y->site) return x->site < y->site ? -1 : 1;
    if (x->a != y->a) return x->a < y->a ? -1 : 1;
    if (x->b != y->b) return x->b < y->b ? -1 : 1;
    return x->levels < y->levels ? -1 : x->levels > y->levels;
}

void joint_classes_finish(joint_classes *classes)
{
    if (classes->n > 1) qsort(classes->list, classes->n, sizeof(*classes->list), compare_classes);
    size_t c = 0;
    for (uint32_t site = 0; site <= classes->sites->n_sites; site++) {
        while (c < classes->n && classes->list[c].site < site) c++;
        classes->first[site] = c;
    }
}
