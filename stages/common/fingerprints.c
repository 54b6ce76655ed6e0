/* SPDX-License-Identifier: MIT */
#include "fingerprints.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kuni/file.h"

enum {
    FIRST_WORDS = 16, /* 1,024 sites of the first look */
    BLOCK = 256       /* samples that stay in the cache */
};
/*
 * Kinship on 1,024 common sites has a standard error of about 0.03: what lies so far below the
 * wanted kinship there is let go.
 */
static const double first_look_margin = 0.11;
static const double duplicate_least = 0.35355339059327379; /* 2^-1.5 */
static const double first_degree_least = 0.17677669529663689;
static const double second_degree_least = 0.08838834764831845;
/*
 * Parent and child share an allele everywhere; full siblings have opposite homozygotes at about 3 %
 * of common sites.
 */
static const double parent_opposite_most = 0.006;

/*
 * A sample: n_words words each of heterozygous, homozygous ALT, homozygous REF sites, sites in
 * scattered order.
 */
struct kuni_fingerprints {
    size_t n_sites, n_words, n_samples;
    uint32_t *order; /* bit -> site */
    FILE *file;
    char *path;
    uint64_t *row;
    const uint64_t *planes; /* the file, mapped */
    size_t mapped_bytes;
};

static int genotype_at(const unsigned char *genotypes, size_t site)
{
    return genotypes[site / 4] >> (2 * (site % 4)) & 3;
}

typedef struct place {
    uint32_t key, site;
} place;

static int by_key(const void *a, const void *b)
{
    const place *x = a, *y = b;
    if (x->key != y->key) return x->key < y->key ? -1 : 1;
    return x->site < y->site ? -1 : x->site > y->site;
}

/*
 * Scatters the sites, so that the first look sees the whole genome: a fixed multiplicative hash as
 * sort key.
 */
static kuni_status scatter(kuni_fingerprints *prints, kuni_error *err)
{
    place *places = kuni_alloc(prints->n_sites, sizeof(*places), err);
    prints->order = kuni_alloc(prints->n_sites, sizeof(*prints->order), err);
    if (!places || !prints->order) {
        free(places);
        return KUNI_MEMORY;
    }
    for (uint32_t i = 0; i < prints->n_sites; i++) places[i] = (place){i * 2654435761u, i};
    if (prints->n_sites) qsort(places, prints->n_sites, sizeof(*places), by_key);
    for (size_t i = 0; i < prints->n_sites; i++) prints->order[i] = places[i].site;
    free(places);
    return KUNI_OK;
}

kuni_status kuni_fingerprints_new(kuni_fingerprints **out, size_t n_sites, const char *folder,
                                  kuni_error *err)
{
    kuni_fingerprints *prints = kuni_alloc(1, sizeof(*prints), err);
    if (!prints) return KUNI_MEMORY;
    prints->n_sites = n_sites;
    prints->n_words = (n_sites + 63) / 64;
    kuni_status status = scatter(prints, err);
    if (status) goto fail;
    status = KUNI_MEMORY;
    prints->row = kuni_alloc(3 * prints->n_words, sizeof(*prints->row), err);
    prints->path = kuni_path_join(folder, "fingerprints", err);
    if (!prints->row || !prints->path) goto fail;
    prints->file = fopen(prints->path, "w+b");
    if (!prints->file) {
        status = kuni_fail_errno(err, "cannot create %s", prints->path);
        goto fail;
    }
    *out = prints;
    return KUNI_OK;
fail:
    kuni_fingerprints_free(prints);
    return status;
}

kuni_status kuni_fingerprints_add(kuni_fingerprints *prints, const unsigned char *genotypes,
                                  kuni_error *err)
{
    size_t n_words = prints->n_words;
    memset(prints->row, 0, 3 * n_words * sizeof(*prints->row));
    for (size_t i = 0; i < prints->n_sites; i++) {
        static const size_t plane[3] = {2, 0, 1}; /* of genotypes 0, 1, 2 */
        int genotype = genotype_at(genotypes, prints->order[i]);
        if (genotype < 3)
            prints->row[plane[genotype] * n_words + i / 64] |= (uint64_t)1 << (i % 64);
    }
    if (fwrite(prints->row, sizeof(*prints->row), 3 * n_words, prints->file) != 3 * n_words)
        return kuni_fail_errno(err, "cannot write %s", prints->path);
    prints->n_samples++;
    return KUNI_OK;
}

kuni_status kuni_fingerprints_seal(kuni_fingerprints *prints, kuni_error *err)
{
    if (fflush(prints->file) != 0) return kuni_fail_errno(err, "cannot write %s", prints->path);
    prints->mapped_bytes = prints->n_samples * 3 * prints->n_words * sizeof(uint64_t);
    if (prints->mapped_bytes == 0) return KUNI_OK;
    void *map = mmap(NULL, prints->mapped_bytes, PROT_READ, MAP_PRIVATE, fileno(prints->file), 0);
    if (map == MAP_FAILED) {
        prints->mapped_bytes = 0;
        return kuni_fail_errno(err, "cannot map %s", prints->path);
    }
    prints->planes = map;
    return KUNI_OK;
}

void kuni_fingerprints_free(kuni_fingerprints *prints)
{
    if (!prints) return;
    if (prints->mapped_bytes) (void)munmap((void *)prints->planes, prints->mapped_bytes);
    if (prints->file) {
        (void)fclose(prints->file); /* scratch: what it holds is not needed any more */
        (void)remove(prints->path);
    }
    free(prints->path);
    free(prints->order);
    free(prints->row);
    free(prints);
}

typedef struct tally {
    uint64_t both_het, opposite, het_a, het_b, sites;
} tally;

/*
 * Counts over the first n words of two rows of `stride` words a plane. Integers: every clone gives
 * the same.
 */
#if defined(__x86_64__) && defined(__GNUC__)
__attribute__((target_clones("arch=haswell", "popcnt", "default")))
#endif
static void
count_pair(const uint64_t *a, const uint64_t *b, size_t stride, size_t n, tally *out)
{
    uint64_t both_het = 0, opposite = 0, het_a = 0, het_b = 0, sites = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t ha = a[i], aa = a[stride + i], ra = a[2 * stride + i];
        uint64_t hb = b[i], ab = b[stride + i], rb = b[2 * stride + i];
        uint64_t known_a = ha | aa | ra, known_b = hb | ab | rb;
        both_het += (uint64_t)__builtin_popcountll(ha & hb);
        opposite += (uint64_t)__builtin_popcountll((aa & rb) | (ra & ab));
        het_a += (uint64_t)__builtin_popcountll(ha & known_b);
        het_b += (uint64_t)__builtin_popcountll(hb & known_a);
        sites += (uint64_t)__builtin_popcountll(known_a & known_b);
    }
    *out = (tally){both_het, opposite, het_a, het_b, sites};
}

static double kinship_of(const tally *counts)
{
    double fewer = (double)(counts->het_a < counts->het_b ? counts->het_a : counts->het_b);
    if (fewer <= 0) return NAN;
    return ((double)counts->both_het - 2 * (double)counts->opposite) / (2 * fewer) + 0.5 -
           (double)(counts->het_a + counts->het_b) / (4 * fewer);
}

static const uint64_t *row_of(const kuni_fingerprints *prints, size_t sample)
{
    return prints->planes + sample * 3 * prints->n_words;
}

kuni_relation kuni_fingerprints_compare(const kuni_fingerprints *prints, uint32_t a, uint32_t b)
{
    tally counts;
    count_pair(row_of(prints, a), row_of(prints, b), prints->n_words, prints->n_words, &counts);
    return (kuni_relation){.a = a,
                           .b = b,
                           .n_sites = (uint32_t)counts.sites,
                           .n_opposite = (uint32_t)counts.opposite,
                           .kinship = kinship_of(&counts)};
}

static int by_pair(const void *left, const void *right)
{
    const kuni_relation *x = left, *y = right;
    if (x->a != y->a) return x->a < y->a ? -1 : 1;
    return x->b < y->b ? -1 : x->b > y->b;
}

typedef struct search {
    const kuni_fingerprints *prints;
    double least;
    uint32_t min_sites;
    size_t first_words;
    kuni_relation *found;
    size_t n_found, capacity;
    kuni_error *err;
} search;

static kuni_status search_block(search *now, size_t a_first, size_t b_first)
{
    const kuni_fingerprints *prints = now->prints;
    size_t n = prints->n_samples;
    size_t a_end = a_first + BLOCK < n ? a_first + BLOCK : n;
    size_t b_end = b_first + BLOCK < n ? b_first + BLOCK : n;
    for (size_t a = a_first; a < a_end; a++)
        for (size_t b = b_first > a ? b_first : a + 1; b < b_end; b++) {
            tally counts;
            count_pair(row_of(prints, a), row_of(prints, b), prints->n_words, now->first_words,
                       &counts);
            if (kinship_of(&counts) < now->least - first_look_margin) continue;
            kuni_relation relation = kuni_fingerprints_compare(prints, (uint32_t)a, (uint32_t)b);
            if (!(relation.kinship >= now->least) || relation.n_sites < now->min_sites) continue;
            kuni_status status = kuni_grow((void **)&now->found, &now->capacity, now->n_found + 1,
                                           sizeof(*now->found), now->err);
            if (status) return status;
            now->found[now->n_found++] = relation;
        }
    return KUNI_OK;
}

kuni_status kuni_fingerprints_search(const kuni_fingerprints *prints, double least,
                                     uint32_t min_sites, void (*heartbeat)(int64_t done),
                                     kuni_relation **relations, size_t *n_relations,
                                     kuni_error *err)
{
    search now = {.prints = prints, .least = least, .min_sites = min_sites, .err = err};
    now.first_words = prints->n_words < FIRST_WORDS ? prints->n_words : FIRST_WORDS;
    kuni_status status = KUNI_OK;
    int64_t done = 0;
    for (size_t a = 0; a < prints->n_samples && !status; a += BLOCK)
        for (size_t b = a; b < prints->n_samples && !status; b += BLOCK) {
            status = search_block(&now, a, b);
            if (heartbeat) heartbeat(++done);
        }
    if (status) {
        free(now.found);
        return status;
    }
    if (now.n_found) qsort(now.found, now.n_found, sizeof(*now.found), by_pair);
    *relations = now.found;
    *n_relations = now.n_found;
    return KUNI_OK;
}

bool kuni_relation_shares(const kuni_relation *relation)
{
    return relation->n_opposite <= parent_opposite_most * relation->n_sites;
}

const char *kuni_relation_name(const kuni_relation *relation)
{
    if (relation->kinship >= duplicate_least) return "duplicate";
    if (relation->kinship >= first_degree_least)
        return kuni_relation_shares(relation) ? "parent_child" : "full_siblings";
    return relation->kinship >= second_degree_least ? "second_degree" : "unrelated";
}
