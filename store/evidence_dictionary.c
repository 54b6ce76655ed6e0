/* SPDX-License-Identifier: MIT */
#include "evidence_dictionary.h"

#include <htslib/khash.h>
#include <stdlib.h>
#include <string.h>

#include "kuni/allele.h"

static int compare_alleles(int64_t pos_a, const char *const *a, uint32_t n_a, int64_t pos_b,
                           const char *const *b, uint32_t n_b)
{
    if (pos_a != pos_b) return pos_a < pos_b ? -1 : 1;
    for (uint32_t i = 0; i < n_a && i < n_b; i++) {
        int order = strcmp(a[i], b[i]);
        if (order) return order;
    }
    return (n_a > n_b) - (n_a < n_b);
}

/* khash's own hash of a text, over the alleles and the position. */
static khint_t hash_event(const kuni_event *event)
{
    const khint64_t pos = (khint64_t)event->pos;
    khint_t hash = (khint_t)(pos >> 32) ^ (khint_t)pos;
    for (uint32_t i = 0; i < event->n_alleles; i++)
        hash = (hash << 5) - hash + kh_str_hash_func(event->alleles[i]);
    return __ac_Wang_hash(hash);
}

static bool same_alleles(const kuni_event *a, const kuni_event *b)
{
    return compare_alleles(a->pos, a->alleles, a->n_alleles, b->pos, b->alleles, b->n_alleles) == 0;
}

/* The set of each event: number of the set. */
/* khash narrows its own counts; the analyzer does not know that its flags come with its buckets. */
/* NOLINTBEGIN(clang-analyzer-*) */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
KHASH_INIT(sets, const kuni_event *, uint32_t, 1, hash_event, same_alleles)
#pragma GCC diagnostic pop
/* NOLINTEND(clang-analyzer-*) */

/* A set in the making, with its place before sorting. */
typedef struct numbered_set {
    kuni_dictionary_set set;
    uint32_t number;
} numbered_set;

static int compare_sets(const void *a, const void *b)
{
    const kuni_dictionary_set *x = &((const numbered_set *)a)->set;
    const kuni_dictionary_set *y = &((const numbered_set *)b)->set;
    return compare_alleles(x->pos, x->alleles, x->n_alleles, y->pos, y->alleles, y->n_alleles);
}

/* Gives equal events one set, by hashing, then sorts the sets. */
static kuni_status collect_sets(kuni_dictionary *dictionary, kuni_arena *arena,
                                const kuni_chunk_input *input, kuni_error *err)
{
    kuni_status status = KUNI_MEMORY;
    size_t n_sets = 0, capacity = 0;
    numbered_set *sets = NULL;
    khash_t(sets) *known = kh_init(sets);
    if (!known) goto fail;
    for (size_t i = 0; i < input->n_events; i++) {
        kuni_event *event = &input->events[i];
        int added;
        khint_t at = kh_put(sets, known, event, &added);
        if (added < 0) goto fail;
        if (added) {
            status = kuni_grow((void **)&sets, &capacity, n_sets + 1, sizeof(*sets), err);
            if (status) goto fail;
            sets[n_sets] = (numbered_set){.set = {.pos = event->pos,
                                                  .n_alleles = event->n_alleles,
                                                  .alleles = event->alleles},
                                          .number = (uint32_t)n_sets};
            kh_value(known, at) = (uint32_t)n_sets++;
        }
        event->set = kh_value(known, at);
    }
    if (n_sets > 0) qsort(sets, n_sets, sizeof(*sets), compare_sets);
    status = KUNI_MEMORY;
    uint32_t *rank = kuni_arena_alloc(arena, n_sets + 1, sizeof(*rank), err);
    dictionary->sets = kuni_arena_alloc(arena, n_sets + 1, sizeof(*dictionary->sets), err);
    dictionary->n_sets = n_sets;
    if (!rank || !dictionary->sets) goto fail;
    for (size_t i = 0; i < n_sets; i++) {
        rank[sets[i].number] = (uint32_t)i;
        dictionary->sets[i] = sets[i].set;
        dictionary->sets[i].links =
            kuni_arena_alloc(arena, sets[i].set.n_alleles, sizeof(int32_t), err);
        if (!dictionary->sets[i].links) goto fail;
    }
    for (size_t i = 0; i < input->n_events; i++) input->events[i].set = rank[input->events[i].set];
    status = KUNI_OK;
fail:
    if (known) kh_destroy(sets, known);
    free(sets);
    if (status == KUNI_MEMORY) (void)kuni_fail_memory(err, input->n_events, sizeof(*sets));
    return status;
}

/* A minimal allele, and which allele of which set it is. */
typedef struct minimal_allele {
    int64_t pos;
    const char *ref, *alt;
    int32_t *link;
} minimal_allele;

static int compare_minimal(const void *a, const void *b)
{
    const minimal_allele *x = a, *y = b;
    if (x->pos != y->pos) return x->pos < y->pos ? -1 : 1;
    int order = strcmp(x->ref, y->ref);
    return order ? order : strcmp(x->alt, y->alt);
}

/* A part of a text: itself where it reaches the end, else a copy. */
static const char *slice(kuni_arena *arena, const char *text, size_t from, size_t length,
                         kuni_error *err)
{
    return text[from + length] == '\0' ? text + from
                                       : kuni_arena_strndup(arena, text + from, length, err);
}

static bool is_counted_allele(const char *allele)
{
    return allele[0] != '*' && allele[0] != '<';
}

static kuni_status collect_alleles(kuni_dictionary *dictionary, kuni_arena *arena, kuni_error *err)
{
    size_t n = 0, n_links = 0;
    for (size_t i = 0; i < dictionary->n_sets; i++) n_links += dictionary->sets[i].n_alleles;
    minimal_allele *minimal = kuni_arena_alloc(arena, n_links + 1, sizeof(*minimal), err);
    if (!minimal) return KUNI_MEMORY;
    for (size_t i = 0; i < dictionary->n_sets; i++) {
        kuni_dictionary_set *set = &dictionary->sets[i];
        const char *ref = set->alleles[0];
        size_t ref_length = strlen(ref);
        set->links[0] = KUNI_CENSUS_NONE;
        for (uint32_t k = 1; k < set->n_alleles; k++) {
            const char *alt = set->alleles[k];
            set->links[k] = KUNI_CENSUS_NONE;
            if (!is_counted_allele(alt)) continue;
            kuni_allele_trim trim = kuni_allele_minimal(ref, ref_length, alt, strlen(alt));
            minimal[n].pos = set->pos + (int64_t)trim.skip;
            minimal[n].ref = slice(arena, ref, trim.skip, trim.ref_length, err);
            minimal[n].alt = slice(arena, alt, trim.skip, trim.alt_length, err);
            minimal[n].link = &set->links[k];
            if (!minimal[n].ref || !minimal[n].alt) return KUNI_MEMORY;
            n++;
        }
    }
    if (n > 0) qsort(minimal, n, sizeof(*minimal), compare_minimal);
    dictionary->alleles = kuni_arena_alloc(arena, n + 1, sizeof(*dictionary->alleles), err);
    if (!dictionary->alleles) return KUNI_MEMORY;
    dictionary->n_alleles = 0;
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || compare_minimal(&minimal[i - 1], &minimal[i]) != 0)
            dictionary->alleles[dictionary->n_alleles++] =
                (kuni_census){.pos = minimal[i].pos, .ref = minimal[i].ref, .alt = minimal[i].alt};
        *minimal[i].link = (int32_t)(dictionary->n_alleles - 1);
    }
    return KUNI_OK;
}

static void count_event(kuni_dictionary *dictionary, const kuni_chunk_input *input,
                        const kuni_event *event)
{
    const kuni_dictionary_set *set = &dictionary->sets[event->set];
    if (event->flags & KUNI_EVENT_FILTERED) return;
    for (int i = 0; i < event->ploidy; i++) {
        if (event->gt[i] <= 0) continue;
        /* Every event was given its set; the analyzer loses sight of it in the hash table. */
        int32_t link = set->links[event->gt[i]]; /* NOLINT(clang-analyzer-core.NullDereference) */
        if (link < 0) continue;
        kuni_census *allele = &dictionary->alleles[link];
        if (allele->pos < input->beg || allele->pos >= input->end) continue;
        allele->n_copies++;
        if (i == 1 && event->gt[0] == event->gt[1]) continue;
        allele->n_samples++;
        allele->sum_qual += event->qual;
        if (event->qual > allele->max_qual) allele->max_qual = event->qual;
    }
}

kuni_status kuni_dictionary_build(kuni_dictionary *dictionary, kuni_arena *arena,
                                  const kuni_chunk_input *input, kuni_error *err)
{
    *dictionary = (kuni_dictionary){0};
    kuni_status status = collect_sets(dictionary, arena, input, err);
    if (!status) status = collect_alleles(dictionary, arena, err);
    if (status) return status;
    for (size_t i = 0; i < input->n_events; i++) count_event(dictionary, input, &input->events[i]);
    return KUNI_OK;
}
