/* SPDX-License-Identifier: MIT */
#include "kin.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Samples by some text of theirs, for lookups. */
typedef struct named {
    const char *name;
    uint32_t number;
} named;

static int by_name(const void *a, const void *b)
{
    const named *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    return order ? order : x->number < y->number ? -1 : x->number > y->number;
}

static int64_t find_number(const named *ids, size_t n, const char *id)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(ids[middle].name, id);
        if (order == 0) return ids[middle].number;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return -1;
}

static bool same(const char *a, const char *b)
{
    return a && b && strcmp(a, b) == 0;
}

static const char *declared_relation(const kuni_sample *a, const kuni_sample *b)
{
    if (same(a->participant, b->participant)) return "same_participant";
    if (same(a->father, b->id) || same(a->mother, b->id) || same(b->father, a->id) ||
        same(b->mother, a->id))
        return "parent_child";
    if (same(a->father, b->father) && same(a->mother, b->mother)) return "full_siblings";
    return "none";
}

static const char *verdict_of(const kuni_relation *relation, const char *declared, bool narrow)
{
    const char *found = kuni_relation_name(relation);
    bool duplicate = strcmp(found, "duplicate") == 0;
    if (strcmp(declared, "same_participant") == 0) return duplicate ? "expected" : "conflict";
    if (duplicate) return "conflict";
    if (narrow && strcmp(declared, "parent_child") == 0)
        return kuni_relation_shares(relation) ? "expected" : "conflict";
    bool first_degree = strcmp(found, "parent_child") == 0 || strcmp(found, "full_siblings") == 0;
    if (strcmp(declared, "parent_child") == 0 || strcmp(declared, "full_siblings") == 0)
        return first_degree ? "expected" : "conflict";
    return "undeclared";
}

typedef struct search {
    const kuni_sample *const *samples;
    size_t n_samples;
    const kuni_fingerprints *prints;
    const kuni_kin_options *options;
    kuni_kin *kin;
    size_t n_kin, capacity;
} search;

static kuni_status add_kin(search *now, kuni_relation relation, kuni_error *err)
{
    kuni_status status =
        kuni_grow((void **)&now->kin, &now->capacity, now->n_kin + 1, sizeof(*now->kin), err);
    if (status) return status;
    const char *declared = declared_relation(now->samples[relation.a], now->samples[relation.b]);
    bool compared = relation.n_sites >= now->options->min_sites && !isnan(relation.kinship);
    if (now->options->narrow && strcmp(declared, "full_siblings") == 0) compared = false;
    if (now->options->narrow && strcmp(declared, "none") == 0 &&
        strcmp(kuni_relation_name(&relation), "duplicate") != 0)
        return KUNI_OK;
    now->kin[now->n_kin++] =
        (kuni_kin){.relation = relation,
                   .declared = declared,
                   .verdict = compared ? verdict_of(&relation, declared, now->options->narrow)
                                       : "not_compared"};
    return KUNI_OK;
}

/* A declared pair is told of whether or not the search has found it. */
static kuni_status add_declared(search *now, uint32_t a, uint32_t b, kuni_error *err)
{
    const kuni_kin_options *o = now->options;
    kuni_relation relation = a < b ? kuni_fingerprints_compare(now->prints, a, b)
                                   : kuni_fingerprints_compare(now->prints, b, a);
    if (o->all && relation.kinship >= o->least && relation.n_sites >= o->min_sites) return KUNI_OK;
    return add_kin(now, relation, err);
}

static kuni_status add_all_declared(search *now, kuni_error *err)
{
    size_t n = now->n_samples;
    kuni_status status = KUNI_MEMORY;
    named *ids = kuni_alloc(n, sizeof(*ids), err);
    named *people = kuni_alloc(n, sizeof(*people), err);
    if (!ids || !people) goto done;
    for (size_t i = 0; i < n; i++) {
        ids[i] = (named){now->samples[i]->id, (uint32_t)i};
        people[i] = (named){now->samples[i]->participant, (uint32_t)i};
        if (!people[i].name) people[i].name = ids[i].name;
    }
    qsort(ids, n, sizeof(*ids), by_name);
    qsort(people, n, sizeof(*people), by_name);
    status = KUNI_OK;
    for (size_t i = 0; i < n && !status; i++) /* samples of one person: all pairs */
        for (size_t k = i + 1; k < n && strcmp(people[k].name, people[i].name) == 0 && !status; k++)
            status = add_declared(now, people[i].number, people[k].number, err);
    for (size_t i = 0; i < n && !status; i++) {
        const char *parents[2] = {now->samples[i]->father, now->samples[i]->mother};
        for (int p = 0; p < 2 && !status; p++) {
            int64_t parent = parents[p] ? find_number(ids, n, parents[p]) : -1;
            if (parent >= 0 && (size_t)parent != i)
                status = add_declared(now, (uint32_t)i, (uint32_t)parent, err);
        }
    }
done:
    free(ids);
    free(people);
    return status;
}

static int by_pair(const void *a, const void *b)
{
    const kuni_kin *x = a, *y = b;
    if (x->relation.a != y->relation.a) return x->relation.a < y->relation.a ? -1 : 1;
    return x->relation.b < y->relation.b ? -1 : x->relation.b > y->relation.b;
}

kuni_status kuni_kin_find(const kuni_sample *const *samples, size_t n_samples,
                          const kuni_fingerprints *prints, const kuni_kin_options *options,
                          void (*heartbeat)(int64_t done), kuni_kin **kin, size_t *n_kin,
                          kuni_error *err)
{
    search now = {samples, n_samples, prints, options, NULL, 0, 0};
    kuni_relation *found = NULL;
    size_t n_found = 0;
    kuni_status status = KUNI_OK;
    if (options->all)
        status = kuni_fingerprints_search(prints, options->least, options->min_sites, heartbeat,
                                          &found, &n_found, err);
    for (size_t i = 0; i < n_found && !status; i++) status = add_kin(&now, found[i], err);
    free(found);
    if (!status && n_samples) status = add_all_declared(&now, err);
    if (status) {
        free(now.kin);
        return status;
    }
    if (now.n_kin) qsort(now.kin, now.n_kin, sizeof(*now.kin), by_pair);
    *kin = now.kin;
    *n_kin = now.n_kin;
    return KUNI_OK;
}

kuni_status kuni_kin_print(const kuni_kin *kin, const kuni_sample *const *samples, kuni_file *file,
                           kuni_error *err)
{
    const kuni_relation *relation = &kin->relation;
    char kinship[32] = "NA";
    bool compared = strcmp(kin->verdict, "not_compared") != 0;
    if (compared) (void)snprintf(kinship, sizeof(kinship), "%.4f", relation->kinship);
    return kuni_file_printf(
        file, err, "%s\t%s\t%s\t%s\t%.5f\t%u\t%s\t%s\n", samples[relation->a]->id,
        samples[relation->b]->id, kinship, compared ? kuni_relation_name(relation) : "NA",
        relation->n_sites ? (double)relation->n_opposite / relation->n_sites : 0, relation->n_sites,
        kin->declared, kin->verdict);
}
