/* SPDX-License-Identifier: MIT */
/*
 * People and their haplotypes.
 *
 * Founders and the reference itself are leaves of one genealogy (tree.h): mutations fall on its
 * branches, so the spectrum has many singletons and some common alleles, near sites are in linkage,
 * and the reference holds the derived allele now and then. Children are made by meiosis from their
 * parents.
 */
#include <stdlib.h>
#include <string.h>

#include "genealogy.h"
#include "kuni/variant_prior.h"
#include "model.h"

enum {
    INDEL_MOST_BP = 300,
    STR_INSERTION_MOST_BP = 120,
    CLUSTER_BP = 12,
    EDGE_BP = 20 /* no variants so near to the ends of a region or to N */
};

/* C>T at CpG is about ten times as frequent; others are accepted this often. */
static const double NOT_CPG = 0.12;
/* Gives transitions to transversions of 2.1 over all, CpG included. */
static const double TRANSITIONS = 0.62;
static const double MNP_SHARE = 0.015;
/* Lineages recombine at 2N r in tree time, 2N = 20,000. */
static const double TWO_N = 20000.0;

typedef struct event {
    int64_t pos;
    int32_t ref_len, alt_len;
    const char *alt;
    size_t first; /* of its carriers in the pool */
    uint32_t n;
} event;

typedef struct tandem {
    int64_t beg;
    int32_t unit, length;
    double rate; /* steps a unit of branch length */
} tandem;

typedef struct draw {
    sim_world *world;
    sim_region *region;
    const char *seq; /* of the region's span */
    sim_genealogy tree;
    sim_rng rng;
    uint32_t n_founders; /* people */
    uint32_t *founders;  /* their sample numbers */
    uint32_t *leaves;    /* scratch */
    int32_t *steps;      /* scratch: a tandem's length by leaf */
    event *events;
    size_t n_events, events_capacity;
    uint32_t *pool; /* carriers: founder haplotypes */
    size_t n_pool, pool_capacity;
    tandem *tandems;
    size_t n_tandems, tandems_capacity;
} draw;

kuni_status sim_people_draw(sim_world *world, kuni_error *err)
{
    const kuni_simulate_options *o = world->options;
    world->people = kuni_alloc(o->n_samples, sizeof(*world->people), err);
    if (!world->people) return KUNI_MEMORY;
    for (uint32_t i = 0; i < o->n_samples; i++) {
        sim_person *one = &world->people[i];
        sim_rng rng;
        sim_rng_open(&rng, o->seed, SIM_RNG_SAMPLES, i, 0, 0);
        snprintf(one->id, sizeof(one->id), "S%06u", i + 1);
        one->sex = sim_rng_below(&rng, 2) ? KUNI_SEX_MALE : KUNI_SEX_FEMALE;
        one->father = one->mother = -1;
        if (i < 3 * o->n_trios) {
            if (i % 3 == 0) one->sex = KUNI_SEX_MALE;
            if (i % 3 == 1) one->sex = KUNI_SEX_FEMALE;
            if (i % 3 == 2) {
                one->father = (int32_t)i - 2;
                one->mother = (int32_t)i - 1;
            }
        }
        one->depth = o->depth_least + (o->depth_most - o->depth_least) * sim_rng_unit(&rng);
        one->depth *= exp(o->depth_spread * sim_rng_normal(&rng));
        /* the last ones, so that trios stay clean */
        if (o->n_samples - i <= o->n_contaminated) one->contamination = o->contamination;
    }
    return KUNI_OK;
}

static char base_at(const draw *d, int64_t pos)
{
    kuni_span span = d->region->span;
    return pos < span.beg || pos >= span.end ? 'N' : d->seq[pos - span.beg];
}

static bool clear_of_n(const draw *d, int64_t beg, int64_t end)
{
    for (int64_t i = beg - EDGE_BP; i < end + EDGE_BP; i++)
        if (base_at(d, i) == 'N') return false;
    return true;
}

/*
 * Adds an event whose carriers are `leaves`; where the reference is one of them, the others carry
 * it.
 */
static kuni_status add_event(draw *d, int64_t pos, int32_t ref_len, const char *alt,
                             int32_t alt_len, const uint32_t *leaves, uint32_t n, kuni_error *err)
{
    uint32_t n_haplotypes = 2 * d->n_founders;
    bool flip = false;
    for (uint32_t i = 0; i < n; i++) flip |= leaves[i] == n_haplotypes;
    kuni_status status = kuni_grow((void **)&d->events, &d->events_capacity, d->n_events + 1,
                                   sizeof(*d->events), err);
    if (!status)
        status = kuni_grow((void **)&d->pool, &d->pool_capacity, d->n_pool + n_haplotypes + 1,
                           sizeof(*d->pool), err);
    if (status) return status;
    event *e = &d->events[d->n_events];
    *e = (event){.pos = pos, .ref_len = ref_len, .alt_len = alt_len, .first = d->n_pool};
    e->alt = kuni_arena_strndup(d->world->arena, alt, (size_t)alt_len, err);
    if (!e->alt) return KUNI_MEMORY;
    uint32_t *carriers = d->pool + d->n_pool;
    if (flip) {
        for (uint32_t i = 0; i < n_haplotypes; i++) carriers[i] = 1;
        for (uint32_t i = 0; i < n; i++)
            if (leaves[i] < n_haplotypes) carriers[leaves[i]] = 0;
        for (uint32_t i = 0; i < n_haplotypes; i++)
            if (carriers[i]) carriers[e->n++] = i;
    } else {
        memcpy(carriers, leaves, n * sizeof(*leaves));
        e->n = n;
    }
    if (e->n == 0) return KUNI_OK;
    d->n_pool += e->n;
    d->n_events++;
    return KUNI_OK;
}

static kuni_status add_snp(draw *d, int64_t pos, const uint32_t *leaves, uint32_t n,
                           kuni_error *err)
{
    static const char *const transversions[4] = {"CT", "AG", "CT", "AG"}; /* of A C G T */
    static const char transition[4] = {'G', 'T', 'A', 'C'};
    const char *bases = "ACGT", *at = strchr(bases, base_at(d, pos));
    if (!clear_of_n(d, pos, pos + 1) || !at) return KUNI_OK;
    bool cpg =
        (*at == 'C' && base_at(d, pos + 1) == 'G') || (*at == 'G' && base_at(d, pos - 1) == 'C');
    int i = (int)(at - bases);
    char alt = sim_rng_unit(&d->rng) < (cpg ? 0.92 : TRANSITIONS)
                   ? transition[i]
                   : transversions[i][sim_rng_below(&d->rng, 2)];
    return add_event(d, pos, 1, &alt, 1, leaves, n, err);
}

/*
 * Left-aligns an insertion of `text` after pos, or a deletion of `length` bases after pos (text
 * NULL).
 */
static int64_t left_align(const draw *d, int64_t pos, char *text, int32_t length)
{
    while (pos > d->region->span.beg) {
        char base = base_at(d, pos);
        if (base == 'N' || base != (text ? text[length - 1] : base_at(d, pos + length))) break;
        if (text) {
            memmove(text + 1, text, (size_t)length - 1);
            text[0] = base;
        }
        pos--;
    }
    return pos;
}

/* `pos` is the base before the change; text NULL: a deletion. */
static kuni_status add_indel(draw *d, int64_t pos, char *text, int32_t length,
                             const uint32_t *leaves, uint32_t n, kuni_error *err)
{
    char alt[INDEL_MOST_BP + 2];
    if (!clear_of_n(d, pos, pos + 1 + (text ? 0 : length))) return KUNI_OK;
    pos = left_align(d, pos, text, length);
    alt[0] = base_at(d, pos);
    if (!clear_of_n(d, pos, pos + 1)) return KUNI_OK;
    if (!text) return add_event(d, pos, length + 1, alt, 1, leaves, n, err);
    memcpy(alt + 1, text, (size_t)length);
    return add_event(d, pos, 1, alt, length + 1, leaves, n, err);
}

/* Lengths fall as a power of 2.1; insertions copy what stands beside them half of the time. */
static kuni_status add_plain_indel(draw *d, int64_t pos, const uint32_t *leaves, uint32_t n,
                                   kuni_error *err)
{
    char text[INDEL_MOST_BP];
    double u = 1.0 - sim_rng_unit(&d->rng);
    double size = pow(u, -1.0 / 1.1);
    int32_t length = size > INDEL_MOST_BP ? 1 + (int32_t)sim_rng_below(&d->rng, 60) : (int32_t)size;
    if (sim_rng_unit(&d->rng) < 0.55) return add_indel(d, pos, NULL, length, leaves, n, err);
    bool copy = sim_rng_below(&d->rng, 2);
    for (int32_t i = 0; i < length; i++) {
        text[i] = copy ? base_at(d, pos + 1 + i) : "ACGT"[sim_rng_below(&d->rng, 4)];
        if (text[i] == 'N') return KUNI_OK;
    }
    return add_indel(d, pos, text, length, leaves, n, err);
}

static uint32_t draw_leaves(draw *d)
{
    return sim_genealogy_leaves(&d->tree, sim_genealogy_draw_branch(&d->tree, &d->rng), d->leaves);
}

static kuni_status add_neighbour(draw *d, int64_t pos, kuni_error *err)
{
    if (sim_rng_unit(&d->rng) >= d->world->options->cluster_rate) return KUNI_OK;
    int64_t at = pos + (int64_t)sim_rng_below(&d->rng, 2 * CLUSTER_BP + 1) - CLUSTER_BP;
    uint32_t n = draw_leaves(d);
    if (sim_rng_below(&d->rng, 2)) return add_snp(d, at, d->leaves, n, err);
    return add_plain_indel(d, at, d->leaves, n, err);
}

/* A position of [beg, end), CpG favoured for SNPs. */
static int64_t draw_position(draw *d, int64_t beg, int64_t end, bool snp)
{
    for (;;) {
        int64_t pos = beg + (int64_t)(sim_rng_unit(&d->rng) * (double)(end - beg));
        if (!snp) return pos;
        bool cpg = (base_at(d, pos) == 'C' && base_at(d, pos + 1) == 'G') ||
                   (base_at(d, pos) == 'G' && base_at(d, pos - 1) == 'C');
        if (cpg || sim_rng_unit(&d->rng) < NOT_CPG) return pos;
    }
}

/*
 * Steps of one unit fall on branches; a leaf's length is the sum on its way to the root, against
 * the reference's.
 */
static kuni_status mutate_tandem(draw *d, const tandem *t, kuni_error *err)
{
    uint32_t n_haplotypes = 2 * d->n_founders;
    uint64_t n_mutations = sim_rng_poisson(&d->rng, t->rate * d->tree.length);
    if (n_mutations == 0) return KUNI_OK;
    memset(d->steps, 0, (n_haplotypes + 1) * sizeof(*d->steps));
    for (uint64_t k = 0; k < n_mutations; k++) {
        double u = sim_rng_unit(&d->rng);
        int32_t step = u < 0.8 ? 1 : u < 0.95 ? 2 : 3;
        if (sim_rng_below(&d->rng, 2)) step = -step;
        uint32_t n = draw_leaves(d);
        for (uint32_t i = 0; i < n; i++) d->steps[d->leaves[i]] += step;
    }
    int32_t copies = t->length / t->unit, least = 0, most = 0;
    for (uint32_t i = 0; i < n_haplotypes; i++) {
        int32_t *step = &d->steps[i];
        *step -= d->steps[n_haplotypes];
        if (*step < 1 - copies) *step = 1 - copies;
        if (*step * t->unit > STR_INSERTION_MOST_BP) *step = STR_INSERTION_MOST_BP / t->unit;
        if (*step < least) least = *step;
        if (*step > most) most = *step;
    }
    for (int32_t step = least; step <= most; step++) {
        char text[STR_INSERTION_MOST_BP];
        uint32_t n = 0;
        for (uint32_t i = 0; i < n_haplotypes && step != 0; i++)
            if (d->steps[i] == step) d->leaves[n++] = i;
        if (n == 0) continue;
        for (int32_t i = 0; i < step * t->unit; i++) text[i] = base_at(d, t->beg + i % t->unit);
        kuni_status status = add_indel(d, t->beg - 1, step > 0 ? text : NULL, abs(step) * t->unit,
                                       d->leaves, n, err);
        if (status) return status;
    }
    return KUNI_OK;
}

/*
 * Steps a unit of time by which two copies differ in length as often as those of people: with
 * single steps to both sides two copies k expected steps apart are alike with 1 / sqrt(1 + 2 k)
 * (Ohta & Kimura, Genet. Res. 22:201, 1973).
 */
static double natural_rate(const tandem *t)
{
    double alike = 1 - kuni_repeat_diversity(t->unit, t->length / t->unit);
    return (1 / (alike * alike) - 1) / 2 / (2 * sim_genealogy_pair_time());
}

/* Rates that grow with a repeat's length and sum to the share of indels that is asked for. */
static void share_rates(draw *d, double mutation)
{
    const kuni_simulate_options *o = d->world->options;
    double sum = 0, length = (double)(d->region->span.end - d->region->span.beg);
    for (size_t i = 0; i < d->n_tandems; i++) sum += d->tandems[i].rate;
    for (size_t i = 0; i < d->n_tandems; i++) {
        double *rate = &d->tandems[i].rate;
        *rate *= mutation * o->indel_ratio * o->str_share * length / sum;
        /*
         * a locus with more than 30 times the diversity of a base's is not seen outside the longest
         * repeats
         */
        if (*rate > 300.0 * mutation) *rate = 300.0 * mutation;
    }
}

/* Tandem repeats of the region and their step rates. */
static kuni_status find_tandems(draw *d, double mutation, kuni_error *err)
{
    static const int32_t least[7] = {0, 6, 8, 12, 12, 15, 18};
    const kuni_simulate_options *o = d->world->options;
    kuni_span span = d->region->span;
    for (int64_t i = span.beg + 1; i < span.end; i++) {
        if (base_at(d, i) == 'N') continue;
        for (int32_t unit = 1; unit <= 6; unit++) {
            int64_t j = i + unit;
            while (j < span.end && d->seq[j - span.beg] == d->seq[j - unit - span.beg]) j++;
            int32_t length = j - i > 100 ? 100 : (int32_t)(j - i);
            if (length < least[unit]) continue;
            kuni_status status = kuni_grow((void **)&d->tandems, &d->tandems_capacity,
                                           d->n_tandems + 1, sizeof(*d->tandems), err);
            if (status) return status;
            double rate = exp(0.28 * (length - least[unit]) / (unit > 1 ? 2 : 1));
            if (rate > 60.0) rate = 60.0;
            d->tandems[d->n_tandems++] =
                (tandem){.beg = i, .unit = unit, .length = length, .rate = rate};
            i = j - unit;
            break;
        }
    }
    if (!o->natural_repeats) {
        share_rates(d, mutation);
        return KUNI_OK;
    }
    for (size_t i = 0; i < d->n_tandems; i++) d->tandems[i].rate = natural_rate(&d->tandems[i]);
    return KUNI_OK;
}

/* Mutations of [beg, end), which has one tree. */
static kuni_status mutate(draw *d, int64_t beg, int64_t end, double mutation, size_t *next_tandem,
                          kuni_error *err)
{
    const kuni_simulate_options *o = d->world->options;
    kuni_status status = KUNI_OK;
    double mean = mutation * d->tree.length * (double)(end - beg);
    uint64_t n_snps = sim_rng_poisson(&d->rng, mean);
    for (uint64_t k = 0; k < n_snps && !status; k++) {
        int64_t pos = draw_position(d, beg, end, true);
        uint32_t n = draw_leaves(d);
        bool mnp = sim_rng_unit(&d->rng) < MNP_SHARE;
        status = add_snp(d, pos, d->leaves, n, err);
        if (!status && mnp) status = add_snp(d, pos + 1, d->leaves, n, err);
        if (!status) status = add_neighbour(d, pos, err);
    }
    uint64_t n_indels = sim_rng_poisson(&d->rng, mean * o->indel_ratio * (1.0 - o->str_share));
    for (uint64_t k = 0; k < n_indels && !status; k++) {
        int64_t pos = draw_position(d, beg, end, false);
        status = add_plain_indel(d, pos, d->leaves, draw_leaves(d), err);
        if (!status) status = add_neighbour(d, pos, err);
    }
    for (; *next_tandem < d->n_tandems && d->tandems[*next_tandem].beg < end && !status;
         (*next_tandem)++)
        status = mutate_tandem(d, &d->tandems[*next_tandem], err);
    return status;
}

static int compare_events(const void *a, const void *b)
{
    const event *x = a, *y = b;
    if (x->pos != y->pos) return x->pos < y->pos ? -1 : 1;
    if (x->ref_len != y->ref_len) return x->ref_len < y->ref_len ? -1 : 1;
    int order = strcmp(x->alt, y->alt);
    if (order) return order;
    return x->first < y->first ? -1 : x->first > y->first;
}

static int64_t haplotype_end(const sim_region *region, const sim_haplotype *one)
{
    if (one->n == 0) return region->span.beg;
    const sim_allele *last = &region->alleles[one->alleles[one->n - 1]];
    return last->pos + last->ref_len;
}

static kuni_status carry(sim_region *region, uint32_t slot, uint32_t allele, kuni_error *err)
{
    sim_haplotype *one = &region->haplotypes[slot];
    kuni_status status =
        kuni_grow((void **)&one->alleles, &one->capacity, one->n + 1, sizeof(*one->alleles), err);
    if (status) return status;
    one->alleles[one->n++] = allele;
    region->alleles[allele].copies++;
    return KUNI_OK;
}

/* True where the allele can stand in a sample's slot: the copy is there over all of it. */
static bool slot_exists(const sim_world *world, const sim_region *region, const sim_allele *allele,
                        uint32_t slot)
{
    int64_t until;
    int copies = sim_copies(world, slot / 2, region->span.tid, allele->pos, &until);
    return copies > (int)(slot % 2) && allele->pos + allele->ref_len <= until;
}

/* True where another branch brought the same change before. */
static bool is_last_allele(const sim_region *region, const event *e)
{
    if (region->n_alleles == 0) return false;
    const sim_allele *last = &region->alleles[region->n_alleles - 1];
    return last->pos == e->pos && last->ref_len == e->ref_len && strcmp(last->alt, e->alt) == 0;
}

/*
 * Events in order become alleles; one that would overlap an earlier one of the same haplotype is
 * left out there.
 */
static kuni_status settle(draw *d, kuni_error *err)
{
    sim_region *region = d->region;
    if (d->n_events > 0) qsort(d->events, d->n_events, sizeof(*d->events), compare_events);
    for (size_t i = 0; i < d->n_events; i++) {
        const event *e = &d->events[i];
        kuni_status status = kuni_grow((void **)&region->alleles, &region->alleles_capacity,
                                       region->n_alleles + 1, sizeof(*region->alleles), err);
        if (status) return status;
        if (!is_last_allele(region, e))
            region->alleles[region->n_alleles++] = (sim_allele){
                .pos = e->pos, .ref_len = e->ref_len, .alt_len = e->alt_len, .alt = e->alt};
        const sim_allele *last = &region->alleles[region->n_alleles - 1];
        uint32_t index = (uint32_t)(region->n_alleles - 1);
        for (uint32_t k = 0; k < e->n; k++) {
            uint32_t haplotype = d->pool[e->first + k];
            uint32_t slot = 2 * d->founders[haplotype / 2] + haplotype % 2;
            if (!slot_exists(d->world, region, last, slot)) continue;
            if (haplotype_end(region, &region->haplotypes[slot]) > e->pos) continue;
            status = carry(region, slot, index, err);
            if (status) return status;
        }
        if (last->copies == 0) region->n_alleles--;
    }
    return KUNI_OK;
}

/* What a parent passes on at a position: its slot, or -1. */
static int64_t passed_slot(const sim_world *world, const sim_region *region, uint32_t parent,
                           bool other, int64_t pos)
{
    int64_t until;
    int copies = sim_copies(world, parent, region->span.tid, pos, &until);
    return copies == 0 ? -1 : 2 * (int64_t)parent + (copies == 2 && other);
}

/*
 * The alleles that `parent` passes on, crossing over once per 1/recombination bp and at least as
 * often as not.
 */
static kuni_status inherit(sim_world *world, sim_region *region, uint32_t child, uint32_t parent,
                           uint32_t side, kuni_error *err)
{
    double rate = world->options->recombination;
    int64_t span = region->span.end - region->span.beg;
    if (rate * (double)span < 0.5) rate = 0.5 / (double)span;
    sim_rng rng;
    sim_rng_open(&rng, world->options->seed, SIM_RNG_MEIOSIS, child, side,
                 (uint64_t)region->span.tid);
    bool other = sim_rng_below(&rng, 2);
    int64_t crossing = region->span.beg + (int64_t)(sim_rng_exponential(&rng) / rate);
    const sim_haplotype *source[2] = {&region->haplotypes[2 * parent],
                                      &region->haplotypes[2 * parent + 1]};
    size_t at[2] = {0, 0};
    while (at[0] < source[0]->n || at[1] < source[1]->n) {
        int h = at[0] == source[0]->n   ? 1
                : at[1] == source[1]->n ? 0
                                        : source[1]->alleles[at[1]] < source[0]->alleles[at[0]];
        uint32_t index = source[h]->alleles[at[h]++];
        const sim_allele *allele = &region->alleles[index];
        while (allele->pos >= crossing) {
            other = !other;
            crossing += 1 + (int64_t)(sim_rng_exponential(&rng) / rate);
        }
        int64_t slot = passed_slot(world, region, parent, other, allele->pos);
        if (slot != 2 * (int64_t)parent + h) continue;
        int64_t until;
        int copies = sim_copies(world, child, region->span.tid, allele->pos, &until);
        int from_mother = sim_copies(world, (uint32_t)world->people[child].mother, region->span.tid,
                                     allele->pos, &until);
        if (copies == 0 || (copies == 1 && side == 1 && from_mother > 0)) continue;
        uint32_t to = 2 * child + (copies == 2 ? side : 0);
        if (!slot_exists(world, region, allele, to)) continue;
        if (haplotype_end(region, &region->haplotypes[to]) > allele->pos) continue;
        kuni_status status = carry(region, to, index, err);
        if (status) return status;
    }
    return KUNI_OK;
}

static kuni_status make_children(sim_world *world, sim_region *region, kuni_error *err)
{
    for (uint32_t i = 0; i < world->options->n_samples; i++) {
        const sim_person *one = &world->people[i];
        if (one->mother < 0) continue;
        kuni_status status = inherit(world, region, i, (uint32_t)one->mother, 0, err);
        if (!status) status = inherit(world, region, i, (uint32_t)one->father, 1, err);
        if (status) return status;
    }
    return KUNI_OK;
}

static kuni_status open_draw(draw *d, sim_world *world, sim_region *region, const char *sequence,
                             kuni_error *err)
{
    const kuni_simulate_options *o = world->options;
    *d = (draw){.world = world, .region = region, .seq = sequence};
    uint64_t where = ((uint64_t)region->span.tid << 40) ^ (uint64_t)region->span.beg;
    sim_rng_open(&d->rng, o->seed, SIM_RNG_VARIANTS, where, 0, 0);
    d->founders = kuni_alloc(o->n_samples, sizeof(*d->founders), err);
    if (!d->founders) return KUNI_MEMORY;
    for (uint32_t i = 0; i < o->n_samples; i++)
        if (world->people[i].mother < 0) d->founders[d->n_founders++] = i;
    uint32_t n_leaves = 2 * d->n_founders + 1;
    d->leaves = kuni_alloc(n_leaves, sizeof(*d->leaves), err);
    d->steps = kuni_alloc(n_leaves, sizeof(*d->steps), err);
    region->haplotypes = kuni_alloc(2 * (size_t)o->n_samples, sizeof(*region->haplotypes), err);
    if (!d->leaves || !d->steps || !region->haplotypes) return KUNI_MEMORY;
    return sim_genealogy_init(&d->tree, n_leaves, o->seed, where, err);
}

kuni_status sim_cohort_draw(sim_world *world, sim_region *region, const char *sequence,
                            kuni_error *err)
{
    const kuni_simulate_options *o = world->options;
    draw d;
    kuni_status status = open_draw(&d, world, region, sequence, err);
    if (status) goto fail;
    double mutation = o->heterozygosity / (2.0 * sim_genealogy_pair_time());
    status = find_tandems(&d, mutation, err);
    size_t next_tandem = 0;
    double rho = region->mitochondrial ? 0.0 : TWO_N * o->recombination;
    for (int64_t x = region->span.beg; x < region->span.end && !status;) {
        double gap = rho > 0.0 ? sim_rng_exponential(&d.rng) / (rho * d.tree.length) : 1e18;
        int64_t end =
            gap < (double)(region->span.end - x) ? x + 1 + (int64_t)gap : region->span.end;
        if (end > region->span.end) end = region->span.end;
        status = mutate(&d, x, end, mutation, &next_tandem, err);
        if (end < region->span.end) sim_genealogy_recombine(&d.tree);
        x = end;
    }
    if (!status) status = settle(&d, err);
    if (!status) status = make_children(world, region, err);
fail:
    sim_genealogy_fini(&d.tree);
    free(d.founders);
    free(d.leaves);
    free(d.steps);
    free(d.events);
    free(d.pool);
    free(d.tandems);
    return status;
}
