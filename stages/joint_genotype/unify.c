/* SPDX-License-Identifier: MIT */
#include "unify.h"

#include <stdlib.h>
#include <string.h>

struct joint_unify {
    kuni_arena *arena; /* texts of the alleles */
    int64_t beg, end;
    struct pending {
        int64_t pos;
        joint_alt alt;
    } *alts;
    size_t n_alts, capacity;
    uint32_t *table; /* open addressing: 1 + index into alts */
    size_t table_size;
    /* The result. */
    joint_site *sites;
    size_t sites_capacity;
    joint_alt *sorted;
    size_t sorted_capacity;
    joint_sites_rank *ranks;
    size_t ranks_capacity;
};

joint_unify *joint_unify_new(kuni_error *err)
{
    joint_unify *unify = kuni_alloc(1, sizeof(*unify), err);
    if (!unify) return NULL;
    unify->arena = kuni_arena_new(err);
    unify->table_size = 1 << 12;
    unify->table = kuni_alloc(unify->table_size, sizeof(*unify->table), err);
    if (!unify->arena || !unify->table) {
        joint_unify_free(unify);
        return NULL;
    }
    return unify;
}

void joint_unify_free(joint_unify *unify)
{
    if (!unify) return;
    kuni_arena_free(unify->arena);
    free(unify->alts);
    free(unify->table);
    free(unify->sites);
    free(unify->sorted);
    free(unify->ranks);
    free(unify);
}

void joint_unify_begin(joint_unify *unify, int64_t beg, int64_t end)
{
    kuni_arena_clear(unify->arena);
    unify->n_alts = 0;
    memset(unify->table, 0, unify->table_size * sizeof(*unify->table));
    unify->beg = beg;
    unify->end = end;
}

void joint_unify_span(const joint_unify *unify, int64_t *beg, int64_t *end)
{
    *beg = unify->beg;
    *end = unify->end;
}

static uint64_t hash_allele(int64_t pos, const char *ref, size_t ref_length, const char *alt,
                            size_t alt_length)
{
    uint64_t h = (uint64_t)pos * 0x9E3779B97F4A7C15u ^ (ref_length << 20) ^ alt_length;
    for (size_t i = 0; i < ref_length; i++) h = (h ^ (unsigned char)ref[i]) * 0x100000001B3u;
    for (size_t i = 0; i < alt_length; i++) h = (h ^ (unsigned char)alt[i]) * 0x100000001B3u;
    return h ^ h >> 29;
}

static bool same_allele(const struct pending *p, int64_t pos, const char *ref, size_t ref_length,
                        const char *alt, size_t alt_length)
{
    return p->pos == pos && p->alt.ref_length == ref_length && p->alt.alt_length == alt_length &&
           memcmp(p->alt.ref, ref, ref_length) == 0 && memcmp(p->alt.alt, alt, alt_length) == 0;
}

static kuni_status grow_table(joint_unify *unify, kuni_error *err)
{
    size_t size = unify->table_size * 2;
    uint32_t *table = kuni_alloc(size, sizeof(*table), err);
    if (!table) return KUNI_MEMORY;
    for (size_t i = 0; i < unify->n_alts; i++) {
        const struct pending *p = &unify->alts[i];
        size_t h =
            hash_allele(p->pos, p->alt.ref, p->alt.ref_length, p->alt.alt, p->alt.alt_length) &
            (size - 1);
        while (table[h]) h = (h + 1) & (size - 1);
        table[h] = (uint32_t)i + 1;
    }
    free(unify->table);
    unify->table = table;
    unify->table_size = size;
    return KUNI_OK;
}

static kuni_status find_or_add(joint_unify *unify, const kuni_census *allele,
                               struct pending **found, kuni_error *err)
{
    size_t ref_length = strlen(allele->ref), alt_length = strlen(allele->alt);
    size_t h = hash_allele(allele->pos, allele->ref, ref_length, allele->alt, alt_length) &
               (unify->table_size - 1);
    for (; unify->table[h]; h = (h + 1) & (unify->table_size - 1)) {
        *found = &unify->alts[unify->table[h] - 1];
        if (same_allele(*found, allele->pos, allele->ref, ref_length, allele->alt, alt_length))
            return KUNI_OK;
    }
    if (unify->n_alts >= UINT32_MAX / 4)
        return kuni_fail(err, KUNI_DATA,
                         "too many alleles in one chunk: at position %lld: choose a higher "
                         "min_allele_quality",
                         (long long)allele->pos + 1);
    kuni_status status = kuni_grow((void **)&unify->alts, &unify->capacity, unify->n_alts + 1,
                                   sizeof(*unify->alts), err);
    if (status) return status;
    struct pending *p = &unify->alts[unify->n_alts];
    *p = (struct pending){
        .pos = allele->pos,
        .alt = {.ref = kuni_arena_strndup(unify->arena, allele->ref, ref_length, err),
                .alt = kuni_arena_strndup(unify->arena, allele->alt, alt_length, err),
                .ref_length = (uint32_t)ref_length,
                .alt_length = (uint32_t)alt_length}};
    if (!p->alt.ref || !p->alt.alt) return KUNI_MEMORY;
    unify->table[h] = (uint32_t)++unify->n_alts;
    if (unify->n_alts * 2 > unify->table_size) status = grow_table(unify, err);
    *found = &unify->alts[unify->n_alts - 1];
    return status;
}

kuni_status joint_unify_add(joint_unify *unify, const kuni_census *alleles, size_t n_alleles,
                            kuni_error *err)
{
    for (size_t i = 0; i < n_alleles; i++) {
        const kuni_census *allele = &alleles[i];
        if (allele->pos < unify->beg || allele->pos >= unify->end || !allele->n_copies) continue;
        struct pending *found = NULL;
        kuni_status status = find_or_add(unify, allele, &found, err);
        if (status) return status;
        found->alt.samples += allele->n_samples;
        found->alt.copies += allele->n_copies;
        if (found->alt.max_qual < allele->max_qual) found->alt.max_qual = allele->max_qual;
    }
    return KUNI_OK;
}

/*
 * SNPs before insertions before deletions, short before long, then by letter: the order of a
 * record's ALTs.
 */
static int compare_alts(const joint_alt *a, const joint_alt *b)
{
    if (a->ref_length != b->ref_length) return a->ref_length < b->ref_length ? -1 : 1;
    if (a->alt_length != b->alt_length) return a->alt_length < b->alt_length ? -1 : 1;
    int order = memcmp(a->ref, b->ref, a->ref_length);
    return order ? order : memcmp(a->alt, b->alt, a->alt_length);
}

static int compare_pending(const void *left, const void *right)
{
    const struct pending *a = left, *b = right;
    if (a->pos != b->pos) return a->pos < b->pos ? -1 : 1;
    return compare_alts(&a->alt, &b->alt);
}

/* Whether the ALT's REF is the beginning of the site's. */
static bool has_same_reference(const joint_sites *sites, const joint_site *site,
                               const joint_alt *alt)
{
    const joint_alt *longest = &sites->alts[site->longest];
    return memcmp(alt->ref, longest->ref, alt->ref_length) == 0;
}

/*
 * Numbers the kept ALTs of the site that starts at alts[first] and is `all` long. REFs of one
 * position are beginnings of one another, but where the reference has no base and the producers of
 * gVCFs each another one: then those that contradict the longest, the first of equals, are dropped.
 */
static kuni_status number_site(joint_sites *sites, joint_site *site, int min_quality,
                               kuni_error *err)
{
    bool any = false;
    site->longest = site->first_alt;
    for (uint32_t i = 0; i < site->all_alts; i++) {
        joint_alt *alt = &sites->alts[site->first_alt + i];
        alt->number = alt->max_qual && alt->max_qual < min_quality ? -1 : 0;
        if (alt->number < 0) continue;
        if (!any || alt->ref_length > sites->alts[site->longest].ref_length)
            site->longest = site->first_alt + i;
        any = true;
    }
    for (uint32_t i = 0; i < site->all_alts; i++) {
        joint_alt *alt = &sites->alts[site->first_alt + i];
        if (alt->number == 0 && has_same_reference(sites, site, alt)) {
            alt->number = (int32_t)++site->n_alts;
            continue;
        }
        alt->number = -1;
        site->dropped_alts++;
        site->dropped_copies += alt->copies;
    }
    if (site->n_alts > JOINT_ALTS_MAX)
        return kuni_fail(
            err, KUNI_DATA,
            "more than %d alleles at position %lld: choose a higher min_allele_quality",
            JOINT_ALTS_MAX, (long long)site->pos + 1);
    return KUNI_OK;
}

kuni_status joint_unify_finish(joint_unify *unify, int min_quality, joint_sites *sites,
                               kuni_error *err)
{
    size_t n = unify->n_alts, n_ranks = (size_t)(unify->end - unify->beg) / 64 + 1;
    if (n > 1) qsort(unify->alts, n, sizeof(*unify->alts), compare_pending);
    kuni_status status = kuni_grow((void **)&unify->sorted, &unify->sorted_capacity, n + 1,
                                   sizeof(*unify->sorted), err);
    if (!status)
        status = kuni_grow((void **)&unify->sites, &unify->sites_capacity, n + 1,
                           sizeof(*unify->sites), err);
    if (!status)
        status = kuni_grow((void **)&unify->ranks, &unify->ranks_capacity, n_ranks,
                           sizeof(*unify->ranks), err);
    if (status) return status;
    *sites = (joint_sites){.beg = unify->beg,
                           .end = unify->end,
                           .sites = unify->sites,
                           .alts = unify->sorted,
                           .n_alts = (uint32_t)n,
                           .ranks = unify->ranks};
    for (size_t i = 0; i < n; i++) unify->sorted[i] = unify->alts[i].alt;
    memset(unify->ranks, 0, n_ranks * sizeof(*unify->ranks));
    for (size_t i = 0, next; i < n; i = next) {
        for (next = i + 1; next < n && unify->alts[next].pos == unify->alts[i].pos;) next++;
        joint_site *site = &sites->sites[sites->n_sites];
        *site = (joint_site){.pos = unify->alts[i].pos,
                             .first_alt = (uint32_t)i,
                             .all_alts = (uint32_t)(next - i),
                             .slot = sites->n_slots};
        status = number_site(sites, site, min_quality, err);
        if (status) return status;
        if (!site->n_alts) continue;
        sites->n_sites++;
        sites->n_slots += site->n_alts + 2;
        uint64_t at = (uint64_t)(site->pos - unify->beg);
        unify->ranks[at / 64].sites |= (uint64_t)1 << at % 64;
    }
    for (size_t i = 1; i < n_ranks; i++)
        unify->ranks[i].before =
            unify->ranks[i - 1].before + joint_count_bits(unify->ranks[i - 1].sites);
    return KUNI_OK;
}

int64_t joint_sites_find(const joint_sites *sites, int64_t pos, const char *ref, size_t ref_length,
                         const char *alt, size_t alt_length)
{
    if (pos < sites->beg || pos >= sites->end) return -1;
    uint32_t index = joint_site_index(sites, pos);
    if (index >= sites->n_sites || sites->sites[index].pos != pos) return -1;
    const joint_site *site = &sites->sites[index];
    const joint_alt wanted = {.ref = ref,
                              .alt = alt,
                              .ref_length = (uint32_t)ref_length,
                              .alt_length = (uint32_t)alt_length};
    uint32_t low = site->first_alt, high = low + site->all_alts;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = compare_alts(&sites->alts[middle], &wanted);
        if (!order) return middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return -1;
}

kuni_status joint_sites_spell(const joint_sites *sites, const joint_site *site, bool star,
                              kuni_buffer *text, kuni_error *err)
{
    const joint_alt *longest = &sites->alts[site->longest];
    kuni_buffer_clear(text);
    kuni_status status = kuni_buffer_append(text, longest->ref, longest->ref_length, err);
    for (uint32_t i = 0; i < site->all_alts && !status; i++) {
        const joint_alt *alt = &sites->alts[site->first_alt + i];
        if (alt->number < 0) continue;
        status = kuni_buffer_append(text, ",", 1, err);
        if (!status) status = kuni_buffer_append(text, alt->alt, alt->alt_length, err);
        if (!status)
            status = kuni_buffer_append(text, longest->ref + alt->ref_length,
                                        longest->ref_length - alt->ref_length, err);
    }
    if (star && !status) status = kuni_buffer_append(text, ",*", 2, err);
    return status;
}
