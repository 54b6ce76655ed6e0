/* SPDX-License-Identifier: MIT */
#include "evidence.h"

#include <dirent.h>
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "kuni/evidence.h"
#include "kuni/file.h"
#include "kuni/genome.h"
#include "rng.h"

enum {
    RNG_SEQUENCE = 101, /* purposes of random streams, apart from those of rng.h */
    RNG_ALLELES,
    RNG_RARE,
    RNG_CARRIERS,
    RNG_SAMPLE,
    INDEL_BP_MAX = 30,
    RARE_COPIES =
        256, /* alleles expected less often are drawn copy by copy, others batch by batch */
    LINE_BP = 60
};

/* An allele of the cohort: minimal and left-aligned. */
typedef struct pop_allele {
    int64_t pos;
    double frequency; /* of common ones */
    uint32_t copies;  /* of rare ones, else 0 */
    uint8_t ref_length;
    char alt[INDEL_BP_MAX + 2];
} pop_allele;

typedef struct rare_copy {
    uint32_t haplotype, allele;
} rare_copy;

/* A copy of an allele in a sample of the batch at hand. */
typedef struct carried {
    uint32_t sample, allele;
} carried;

typedef struct allele_truth {
    uint32_t het, hom;
} allele_truth;

typedef struct population {
    const kuni_simulate_evidence_options *options;
    char *sequence;
    char md5[33];
    pop_allele *alleles;
    size_t n_alleles, alleles_capacity;
    rare_copy *rare; /* by haplotype */
    size_t n_rare, rare_capacity;
    allele_truth *truth;
    uint32_t n_batches;
    /* shared by the threads */
    pthread_mutex_t lock;
    uint32_t next_batch;
    kuni_error err;
} population;

void kuni_simulate_evidence_defaults(kuni_simulate_evidence_options *options)
{
    *options = (kuni_simulate_evidence_options){.contig = "chr20",
                                                .length_bp = 100000,
                                                .n_samples = 1000,
                                                .batch_size = 256,
                                                .depth = 30,
                                                .heterozygosity = 0.001,
                                                .indel_ratio = 0.125,
                                                .block_bp = 300,
                                                .missing = 0.01,
                                                .noise = 1e-5,
                                                .seed = 1,
                                                .n_threads = 1};
}

/* --- the population --- */

static void fill_sequence(population *pop)
{
    sim_rng rng;
    int64_t length = pop->options->length_bp;
    sim_rng_open(&rng, pop->options->seed, RNG_SEQUENCE, 0, 0, 0);
    for (int64_t i = 0; i < length; i++) pop->sequence[i] = "ACGT"[sim_rng_below(&rng, 4)];
    pop->sequence[length] = '\0';
}

static char other_base(char base, sim_rng *rng)
{
    char drawn;
    do drawn = "ACGT"[sim_rng_below(rng, 4)];
    while (drawn == base);
    return drawn;
}

/* Draws what the allele is; indels are drawn again until they stand leftmost. */
static void draw_change(const population *pop, pop_allele *allele, sim_rng *rng)
{
    const char *bases = pop->sequence + allele->pos;
    double indel = pop->options->indel_ratio / (1 + pop->options->indel_ratio);
    if (sim_rng_unit(rng) >= indel) {
        allele->ref_length = 1;
        allele->alt[0] = other_base(bases[0], rng);
        allele->alt[1] = '\0';
        return;
    }
    uint32_t size = 1;
    while (size < INDEL_BP_MAX && sim_rng_unit(rng) < 0.55) size++;
    allele->alt[0] = bases[0];
    if (sim_rng_below(rng, 2)) {
        while (bases[size] == bases[0] && size > 1) size--;
        if (bases[size] != bases[0]) {
            allele->ref_length = (uint8_t)(size + 1);
            allele->alt[1] = '\0';
            return;
        }
    }
    for (uint32_t i = 1; i < size; i++) allele->alt[i] = "ACGT"[sim_rng_below(rng, 4)];
    allele->alt[size] = other_base(bases[0], rng);
    allele->alt[size + 1] = '\0';
    allele->ref_length = 1;
}

static int compare_alleles(const void *a, const void *b)
{
    const pop_allele *x = a, *y = b;
    if (x->pos != y->pos) return x->pos < y->pos ? -1 : 1;
    if (x->ref_length != y->ref_length) return x->ref_length - y->ref_length;
    return strcmp(x->alt, y->alt);
}

static kuni_status draw_alleles(population *pop, kuni_error *err)
{
    const kuni_simulate_evidence_options *o = pop->options;
    sim_rng rng;
    sim_rng_open(&rng, o->seed, RNG_ALLELES, 0, 0, 0);
    double haplotypes = 2.0 * o->n_samples, span = log(haplotypes * 0.995), n = o->n_samples;
    double bases = (double)o->length_bp;
    uint64_t neutral = sim_rng_poisson(&rng, o->heterozygosity * bases * span);
    /* Alleles a base that growth adds: levels off at 0.8 and passes 0.42 at half a million. */
    uint64_t young = sim_rng_poisson(&rng, 0.8 * bases * (1 - exp(-1.5e-6 * n)));
    kuni_status status = kuni_grow((void **)&pop->alleles, &pop->alleles_capacity,
                                   neutral + young + 1, sizeof(*pop->alleles), err);
    if (status) return status;
    for (uint64_t i = 0; i < neutral + young; i++) {
        pop_allele *allele = &pop->alleles[i];
        double copies = i < neutral ? exp(sim_rng_unit(&rng) * span) : 1 / (1 - sim_rng_unit(&rng));
        if (i >= neutral && copies > 1000) copies = 1000;
        if (copies > haplotypes * 0.5 && i >= neutral) copies = 1;
        *allele = (pop_allele){.frequency = copies / haplotypes};
        allele->pos = 1 + (int64_t)(sim_rng_unit(&rng) * (bases - 2 * INDEL_BP_MAX - 2));
        if (copies < RARE_COPIES) allele->copies = (uint32_t)copies;
        draw_change(pop, allele, &rng);
    }
    size_t kept = 0;
    if (neutral + young > 0)
        qsort(pop->alleles, neutral + young, sizeof(*pop->alleles), compare_alleles);
    for (size_t i = 0; i < neutral + young; i++)
        if (kept == 0 || compare_alleles(&pop->alleles[kept - 1], &pop->alleles[i]) != 0)
            pop->alleles[kept++] = pop->alleles[i];
    pop->n_alleles = kept;
    return KUNI_OK;
}

static int compare_copies(const void *a, const void *b)
{
    const rare_copy *x = a, *y = b;
    if (x->haplotype != y->haplotype) return x->haplotype < y->haplotype ? -1 : 1;
    return (x->allele > y->allele) - (x->allele < y->allele);
}

static kuni_status draw_rare(population *pop, kuni_error *err)
{
    sim_rng rng;
    sim_rng_open(&rng, pop->options->seed, RNG_RARE, 0, 0, 0);
    for (size_t i = 0; i < pop->n_alleles; i++)
        for (uint32_t k = 0; k < pop->alleles[i].copies; k++) {
            kuni_status status = kuni_grow((void **)&pop->rare, &pop->rare_capacity,
                                           pop->n_rare + 1, sizeof(*pop->rare), err);
            if (status) return status;
            pop->rare[pop->n_rare++] =
                (rare_copy){.haplotype = sim_rng_below(&rng, 2 * pop->options->n_samples),
                            .allele = (uint32_t)i};
        }
    if (pop->n_rare > 0) qsort(pop->rare, pop->n_rare, sizeof(*pop->rare), compare_copies);
    return KUNI_OK;
}

/* --- one sample's evidence --- */

/* Buffers of a thread. */
typedef struct workspace {
    carried *drawn, *ordered;
    size_t n_drawn, drawn_capacity, ordered_capacity;
    size_t *starts;
    allele_truth *truth;
} workspace;

typedef struct sample_model {
    const population *pop;
    kuni_evidence_writer *writer;
    uint32_t sample;
    sim_rng rng;
    double depth;             /* the sample's mean */
    double drift;             /* local depth, wandering around 0 */
    int64_t at;               /* up to here all is written */
    int64_t gap_beg, gap_end; /* the next stretch without data */
} sample_model;

static uint32_t half_of(sim_rng *rng, uint32_t n)
{
    uint32_t k = 0;
    for (; n >= 64; n -= 64) k += (uint32_t)__builtin_popcountll(sim_rng_next(rng));
    return n ? k + (uint32_t)__builtin_popcountll(sim_rng_next(rng) >> (64 - n)) : k;
}

static void next_gap(sample_model *m)
{
    const double mean = 2000;
    double missing = m->pop->options->missing;
    if (missing <= 0) {
        m->gap_beg = m->gap_end = INT64_MAX;
        return;
    }
    m->gap_beg =
        m->gap_end + 1 + (int64_t)(sim_rng_exponential(&m->rng) * mean * (1 - missing) / missing);
    m->gap_end = m->gap_beg + 1 + (int64_t)(sim_rng_exponential(&m->rng) * mean);
}

/* Tiles the way to `end` with reference blocks, leaving out stretches without data. */
static kuni_status write_blocks(sample_model *m, int64_t end, kuni_error *err)
{
    while (m->at < end) {
        if (m->at >= m->gap_end) next_gap(m);
        if (m->at >= m->gap_beg) {
            m->at = m->gap_end < end ? m->gap_end : end;
            continue;
        }
        int64_t stop =
            m->at + 1 + (int64_t)(sim_rng_exponential(&m->rng) * m->pop->options->block_bp);
        stop += KUNI_BLOCK_LINE_BP - stop % KUNI_BLOCK_LINE_BP; /* as callers do */
        if (stop > end) stop = end;
        if (stop > m->gap_beg) stop = m->gap_beg;
        m->drift = 0.8 * m->drift + 0.09 * sim_rng_normal(&m->rng);
        /*
         * The least depth over some hundred bases lies about 1.5 standard deviations below the
         * mean.
         */
        double least = m->depth * (1 + m->drift) - 1.5 * sqrt(m->depth) + sim_rng_normal(&m->rng);
        int depth = least < 0 ? 0 : (int)least;
        int gq = 3 * depth - (int)sim_rng_below(&m->rng, 4);
        if (sim_rng_below(&m->rng, 33) == 0) gq = (int)sim_rng_below(&m->rng, 30);
        kuni_block block = {.beg = m->at,
                            .end = stop,
                            .sample = m->sample,
                            .kind = KUNI_BLOCK_REFERENCE,
                            .ploidy = 2,
                            .gq = kuni_block_floor_gq((uint8_t)(gq < 0    ? 0
                                                                : gq > 99 ? 99
                                                                          : gq)),
                            .min_dp = kuni_block_floor_depth((uint16_t)depth)};
        kuni_status status = kuni_evidence_add_block(m->writer, &block, err);
        if (status) return status;
        m->at = stop;
    }
    return KUNI_OK;
}

enum { ALLELES_HERE_MAX = 4, PLS_HERE_MAX = 10 };

/* A site of a sample: REF, one or two ALTs and a place for <*>; how many reads show each. */
typedef struct site_reads {
    int64_t pos;
    const char *names[ALLELES_HERE_MAX];
    uint32_t n, reads[ALLELES_HERE_MAX]; /* n: without <*> */
} site_reads;

/*
 * Likelihoods of genotypes from reads: a read of an allele that the genotype lacks costs its base
 * quality, one of a heterozygote's alleles costs log10(2). No read shows <*>, which is never
 * called.
 */
static void make_likelihoods(sample_model *m, const site_reads *site, uint16_t *pl, int8_t gt[2])
{
    const double quality = 33, spread = 5, half = 3.0103;
    double cost[ALLELES_HERE_MAX], values[PLS_HERE_MAX], least = INFINITY;
    uint32_t k = 0;
    for (uint32_t i = 0; i < site->n; i++) {
        double noise = site->reads[i] ? spread * sqrt(site->reads[i]) * sim_rng_normal(&m->rng) : 0;
        cost[i] = fmax(0, quality * site->reads[i] + noise);
    }
    for (uint32_t b = 0; b <= site->n; b++)
        for (uint32_t a = 0; a <= b; a++, k++) {
            double sum = a == b ? 0 : half * (site->reads[a] + site->reads[b]);
            for (uint32_t x = 0; x < site->n; x++) sum += x == a || x == b ? 0 : cost[x];
            values[k] = sum;
            if (sum >= least || b == site->n) continue;
            least = sum;
            gt[0] = (int8_t)a;
            gt[1] = (int8_t)b;
        }
    for (uint32_t i = 0; i < k; i++) {
        double phred = values[i] - least;
        bool other = i >= site->n * (site->n + 1) / 2;
        pl[i] = kuni_pl_round((uint32_t)lround(fmin(phred, KUNI_PL_MAX)),
                              other ? KUNI_PL_BITS_OTHER : KUNI_PL_BITS);
    }
}

static kuni_status write_event(sample_model *m, site_reads *site, kuni_error *err)
{
    uint16_t pl[PLS_HERE_MAX];
    kuni_event event = {
        .pos = site->pos,
        .sample = m->sample,
        .flags = KUNI_EVENT_OTHER,
        .ploidy = 2,
        .n_alleles = (uint8_t)(site->n + 1),
        .mq = (uint8_t)(sim_rng_below(&m->rng, 16) ? 60 : 35 + sim_rng_below(&m->rng, 25)),
        .phase_set = -1,
        .alleles = site->names,
        .pl = pl,
        .ad = site->reads};
    site->names[site->n] = "<*>";
    make_likelihoods(m, site, pl, event.gt);
    uint32_t n_pl = (site->n + 1) * (site->n + 2) / 2, second = UINT32_MAX, alt = 0;
    bool seen = false;
    for (uint32_t i = 0; i < n_pl; i++) {
        if (pl[i] == 0 && !seen)
            seen = true;
        else if (pl[i] < second)
            second = pl[i];
    }
    for (uint32_t i = 1; i < site->n; i++) alt += site->reads[i];
    event.gq = (uint8_t)(second > 99 ? 99 : second);
    event.dp = site->reads[0] + alt + (sim_rng_below(&m->rng, 20) == 0);
    event.qual = pl[0];
    event.sb[0] = half_of(&m->rng, site->reads[0]);
    event.sb[1] = site->reads[0] - event.sb[0];
    event.sb[2] = half_of(&m->rng, alt);
    event.sb[3] = alt - event.sb[2];
    /* Under chance z is standard normal; mapping qualities are mostly all alike. */
    if (event.gt[0] == 0 && event.gt[1] > 0 && site->reads[0] && alt)
        for (int i = 0; i < KUNI_RANKS; i++) {
            double z = sim_rng_normal(&m->rng);
            event.rank[i] = kuni_rank_code(i == KUNI_RANK_MAPQ && event.mq == 60 ? 0 : z);
        }
    return kuni_evidence_add_event(m->writer, &event, err);
}

/* A false event: one or two reads show another base. */
static kuni_status write_noise(sample_model *m, int64_t pos, kuni_error *err)
{
    char ref[2] = {m->pop->sequence[pos], '\0'}, alt[2] = {other_base(ref[0], &m->rng), '\0'};
    uint32_t depth = (uint32_t)sim_rng_poisson(&m->rng, m->depth);
    if (pos >= m->gap_end) next_gap(m);
    kuni_status status = write_blocks(m, pos, err);
    if (status || depth < 3 || m->at > pos || pos >= m->gap_beg) return status;
    site_reads site = {.pos = pos, .names = {ref, alt}, .n = 2};
    site.reads[1] = 1 + sim_rng_below(&m->rng, 2);
    site.reads[0] = depth - site.reads[1];
    m->at = pos + 1;
    return write_event(m, &site, err);
}

/*
 * The alleles that stand at one place of a sample: one copy of each of two, or one or two of the
 * same.
 */
typedef struct sample_site {
    uint32_t allele[2], copies[2];
    int n;
} sample_site;

/* False reads of the other allele are left out: the noise events stand for them. */
static kuni_status write_site(sample_model *m, const sample_site *site, kuni_error *err)
{
    const pop_allele *first = &m->pop->alleles[site->allele[0]];
    char ref[INDEL_BP_MAX + 2];
    memcpy(ref, m->pop->sequence + first->pos, first->ref_length);
    ref[first->ref_length] = '\0';
    site_reads reads = {.pos = first->pos, .names = {ref, first->alt}, .n = 2};
    kuni_status status = write_blocks(m, first->pos, err);
    if (status) return status;
    if (first->pos >= m->gap_end) next_gap(m);
    bool missing = first->pos >= m->gap_beg;
    uint32_t depth = (uint32_t)sim_rng_poisson(&m->rng, m->depth);
    if (site->n == 2) {
        reads.names[reads.n++] = m->pop->alleles[site->allele[1]].alt;
        reads.reads[1] = half_of(&m->rng, depth);
        reads.reads[2] = depth - reads.reads[1];
    } else {
        reads.reads[1] = site->copies[0] == 2 ? depth : half_of(&m->rng, depth);
        reads.reads[0] = depth - reads.reads[1];
        if (reads.reads[0] == 0 && depth > 8 && sim_rng_below(&m->rng, 12) == 0) {
            reads.reads[0] = 1;
            reads.reads[1]--;
        }
    }
    /* Without a read of an ALT nothing is seen: the next block covers the place. */
    if (missing || reads.reads[1] + reads.reads[2] == 0) return KUNI_OK;
    m->at = first->pos + first->ref_length;
    return write_event(m, &reads, err);
}

/*
 * Gathers the alleles at the next place from list[*i] on; those that cannot stand beside the last
 * are left out.
 */
static bool next_site(const population *pop, const carried *list, size_t n, size_t *i, int64_t end,
                      sample_site *site)
{
    site->n = 0;
    for (; *i < n; ++*i) {
        const pop_allele *allele = &pop->alleles[list[*i].allele];
        if (site->n == 0) {
            if (allele->pos < end) continue;
            *site = (sample_site){.allele = {list[*i].allele}, .copies = {1}, .n = 1};
            continue;
        }
        const pop_allele *first = &pop->alleles[site->allele[0]];
        if (allele->pos >= first->pos + first->ref_length) break;
        if (list[*i].allele == site->allele[0] && site->n == 1)
            site->copies[0] = 2;
        else if (allele->pos == first->pos && site->n == 1 && site->copies[0] == 1 &&
                 allele->ref_length == first->ref_length) {
            site->allele[1] = list[*i].allele;
            site->copies[1] = 1;
            site->n = 2;
        }
    }
    return site->n > 0;
}

static kuni_status write_sample(const population *pop, kuni_evidence_writer *writer,
                                uint32_t in_batch, uint32_t sample, const carried *list, size_t n,
                                allele_truth *truth, kuni_error *err)
{
    sample_model m = {.pop = pop, .writer = writer, .sample = in_batch, .gap_end = -1};
    sim_rng_open(&m.rng, pop->options->seed, RNG_SAMPLE, sample, 0, 0);
    m.depth = fmax(2, pop->options->depth * exp(0.12 * sim_rng_normal(&m.rng)));
    next_gap(&m);
    double length = (double)pop->options->length_bp, noise = pop->options->noise;
    double false_at = noise > 0 ? sim_rng_exponential(&m.rng) / noise : INFINITY;
    int64_t end = 0;
    size_t i = 0;
    kuni_status status = KUNI_OK;
    sample_site site = {.n = 0};
    bool more = next_site(pop, list, n, &i, end, &site);
    while (!status && (more || false_at < length - 1)) {
        int64_t pos = more ? pop->alleles[site.allele[0]].pos : INT64_MAX;
        if (false_at < (double)pos) {
            if (false_at < length - 1 && (int64_t)false_at >= end && (int64_t)false_at < pos)
                status = write_noise(&m, (int64_t)false_at, err);
            false_at += 1 + sim_rng_exponential(&m.rng) / noise;
            continue;
        }
        for (int k = 0; k < site.n; k++)
            site.copies[k] == 2 ? truth[site.allele[k]].hom++ : truth[site.allele[k]].het++;
        end = pos + pop->alleles[site.allele[0]].ref_length;
        status = write_site(&m, &site, err);
        more = next_site(pop, list, n, &i, end, &site);
    }
    return status ? status : write_blocks(&m, pop->options->length_bp, err);
}

/* --- one batch --- */

static kuni_status carry(workspace *work, uint32_t sample, uint32_t allele, kuni_error *err)
{
    kuni_status status = kuni_grow((void **)&work->drawn, &work->drawn_capacity, work->n_drawn + 1,
                                   sizeof(*work->drawn), err);
    if (!status) work->drawn[work->n_drawn++] = (carried){.sample = sample, .allele = allele};
    return status;
}

/* All copies of all alleles in the batch's haplotypes. */
static kuni_status draw_carriers(const population *pop, workspace *work, uint32_t batch,
                                 uint32_t first, uint32_t n, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    work->n_drawn = 0;
    for (size_t i = 0; !status && i < pop->n_alleles; i++) {
        const pop_allele *allele = &pop->alleles[i];
        if (allele->copies > 0) continue;
        sim_rng rng;
        sim_rng_open(&rng, pop->options->seed, RNG_CARRIERS, batch, i, 0);
        bool often = allele->frequency > 0.2;
        double scale = -1 / log1p(-allele->frequency);
        for (double h = often ? 0 : sim_rng_exponential(&rng) * scale; !status && h < 2.0 * n;) {
            if (!often || sim_rng_unit(&rng) < allele->frequency)
                status = carry(work, (uint32_t)h / 2, (uint32_t)i, err);
            h = floor(h) + 1 + (often ? 0 : floor(sim_rng_exponential(&rng) * scale));
        }
    }
    size_t low = 0, high = pop->n_rare;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (pop->rare[middle].haplotype < 2 * first)
            low = middle + 1;
        else
            high = middle;
    }
    for (; !status && low < pop->n_rare && pop->rare[low].haplotype < 2 * (first + n); low++)
        status = carry(work, pop->rare[low].haplotype / 2 - first, pop->rare[low].allele, err);
    return status;
}

static int compare_carried(const void *a, const void *b)
{
    const carried *x = a, *y = b;
    return (x->allele > y->allele) - (x->allele < y->allele);
}

/* Sample by sample, each in the order of alleles. */
static kuni_status order_carriers(workspace *work, uint32_t n, kuni_error *err)
{
    kuni_status status = kuni_grow((void **)&work->ordered, &work->ordered_capacity,
                                   work->n_drawn + 1, sizeof(*work->ordered), err);
    if (status) return status;
    memset(work->starts, 0, ((size_t)n + 2) * sizeof(*work->starts));
    for (size_t i = 0; i < work->n_drawn; i++) work->starts[work->drawn[i].sample + 2]++;
    for (uint32_t i = 1; i <= n; i++) work->starts[i + 1] += work->starts[i];
    for (size_t i = 0; i < work->n_drawn; i++)
        work->ordered[work->starts[work->drawn[i].sample + 1]++] = work->drawn[i];
    for (uint32_t i = 0; i < n; i++)
        if (work->starts[i + 1] > work->starts[i])
            qsort(work->ordered + work->starts[i], work->starts[i + 1] - work->starts[i],
                  sizeof(*work->ordered), compare_carried);
    return KUNI_OK;
}

static kuni_status write_batch(const population *pop, workspace *work, uint32_t batch,
                               kuni_error *err)
{
    const kuni_simulate_evidence_options *o = pop->options;
    uint32_t first = batch * o->batch_size;
    uint32_t n = o->n_samples - first < o->batch_size ? o->n_samples - first : o->batch_size;
    kuni_evidence_writer *writer = NULL;
    kuni_buffer path = KUNI_BUFFER_INIT;
    char(*ids)[16] = kuni_alloc(n, sizeof(*ids), err);
    const char **names = kuni_alloc(n, sizeof(*names), err);
    kuni_status status = ids && names ? KUNI_OK : KUNI_MEMORY;
    for (uint32_t i = 0; !status && i < n; i++) {
        snprintf(ids[i], sizeof(ids[i]), "S%07u", first + i);
        names[i] = ids[i];
    }
    kuni_evidence_header header = {.shard = {.tid = 0, .beg = 0, .end = o->length_bp},
                                   .contig = o->contig,
                                   .reference_md5 = pop->md5,
                                   .producer = "simulate 1",
                                   .params = "",
                                   .samples = names,
                                   .n_samples = n};
    if (!status) status = draw_carriers(pop, work, batch, first, n, err);
    if (!status) status = order_carriers(work, n, err);
    if (!status) status = kuni_buffer_printf(&path, err, "%s/evidence/b%04u.ev", o->out, batch);
    if (!status) status = kuni_evidence_create(&writer, path.data, &header, err);
    for (uint32_t i = 0; !status && i < n; i++)
        status = write_sample(pop, writer, i, first + i, work->ordered + work->starts[i],
                              work->starts[i + 1] - work->starts[i], work->truth, err);
    if (!status)
        status = kuni_evidence_finish(writer, err);
    else
        kuni_evidence_abandon(writer);
    kuni_buffer_fini(&path);
    free(ids);
    free(names);
    return status;
}

static void *work_batches(void *argument)
{
    population *pop = argument;
    workspace work = {0};
    kuni_error err = KUNI_ERROR_INIT;
    kuni_status status = KUNI_OK;
    work.starts = kuni_alloc((size_t)pop->options->batch_size + 2, sizeof(*work.starts), &err);
    work.truth = kuni_alloc(pop->n_alleles + 1, sizeof(*work.truth), &err);
    if (!work.starts || !work.truth) status = KUNI_MEMORY;
    for (;;) {
        pthread_mutex_lock(&pop->lock);
        if (status && pop->err.status == KUNI_OK) pop->err = err;
        uint32_t batch = pop->next_batch++;
        bool stop = pop->err.status != KUNI_OK || batch >= pop->n_batches;
        for (size_t i = 0; stop && work.truth && i < pop->n_alleles; i++) {
            pop->truth[i].het += work.truth[i].het;
            pop->truth[i].hom += work.truth[i].hom;
        }
        pthread_mutex_unlock(&pop->lock);
        if (stop) break;
        status = write_batch(pop, &work, batch, &err);
        if (pop->options->progress && batch % 64 == 63)
            fprintf(pop->options->progress, "evidence of %u of %u batches\n", batch + 1,
                    pop->n_batches);
    }
    free(work.drawn);
    free(work.ordered);
    free(work.starts);
    free(work.truth);
    return NULL;
}

/* --- files --- */

static kuni_status write_reference(population *pop, kuni_error *err)
{
    const kuni_simulate_evidence_options *o = pop->options;
    kuni_file *file = NULL;
    kuni_genome *genome = NULL;
    char *path = kuni_path_join(o->out, "reference.fa", err);
    if (!path) return KUNI_MEMORY;
    kuni_status status = kuni_file_create(&file, path, err);
    if (!status) status = kuni_file_printf(file, err, ">%s\n", o->contig);
    for (int64_t i = 0; !status && i < o->length_bp; i += LINE_BP) {
        int64_t n = o->length_bp - i < LINE_BP ? o->length_bp - i : LINE_BP;
        status = kuni_file_write(file, pop->sequence + i, (size_t)n, err);
        if (!status) status = kuni_file_write(file, "\n", 1, err);
    }
    if (!status) {
        status = kuni_file_commit(file, err);
        file = NULL;
    }
    kuni_file_discard(file);
    if (!status) status = kuni_genome_open(&genome, path, err);
    if (!status) status = kuni_genome_md5(genome, 0, pop->md5, err);
    if (genome) kuni_genome_close(genome);
    free(path);
    return status;
}

static kuni_status write_tables(const population *pop, kuni_error *err)
{
    const kuni_simulate_evidence_options *o = pop->options;
    kuni_file *file = NULL;
    char *path = kuni_path_join(o->out, "truth.tsv", err);
    if (!path) return KUNI_MEMORY;
    kuni_status status = kuni_file_create(&file, path, err);
    if (!status)
        status = kuni_file_printf(file, err, "#contig\tpos\tref\talt\tac\tan\tn_het\tn_hom\n");
    for (size_t i = 0; !status && i < pop->n_alleles; i++) {
        const pop_allele *allele = &pop->alleles[i];
        const allele_truth *truth = &pop->truth[i];
        if (truth->het + truth->hom == 0) continue;
        status = kuni_file_printf(
            file, err, "%s\t%" PRId64 "\t%.*s\t%s\t%u\t%u\t%u\t%u\n", o->contig, allele->pos + 1,
            allele->ref_length, pop->sequence + allele->pos, allele->alt,
            truth->het + 2 * truth->hom, 2 * o->n_samples, truth->het, truth->hom);
    }
    if (!status) {
        status = kuni_file_commit(file, err);
        file = NULL;
    }
    kuni_file_discard(file);
    free(path);
    path = status ? NULL : kuni_path_join(o->out, "samples.tsv", err);
    if (!path) return status ? status : KUNI_MEMORY;
    status = kuni_file_create(&file, path, err);
    if (!status) status = kuni_file_printf(file, err, "sample_id\tbatch\n");
    for (uint32_t i = 0; !status && i < o->n_samples; i++)
        status = kuni_file_printf(file, err, "S%07u\tb%04u\n", i, i / o->batch_size);
    free(path);
    if (!status) return kuni_file_commit(file, err);
    kuni_file_discard(file);
    return status;
}

static kuni_status prepare_folder(const kuni_simulate_evidence_options *o, kuni_error *err)
{
    if (!o->out || !*o->out) return kuni_fail(err, KUNI_USAGE, "no folder given: --out: name one");
    kuni_status status = kuni_make_folders(o->out, err);
    if (status) return status;
    bool empty = true;
    DIR *folder = opendir(o->out);
    if (!folder) return kuni_fail_errno(err, "cannot look into %s", o->out);
    for (const struct dirent *entry; empty && (entry = readdir(folder)) != NULL;)
        empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    closedir(folder);
    if (!empty && !o->force)
        return kuni_fail(
            err, KUNI_USAGE,
            "the folder holds files already: %s: name another with --out or write over "
            "it with --force",
            o->out);
    char *evidence = kuni_path_join(o->out, "evidence", err);
    if (!evidence) return KUNI_MEMORY;
    status = kuni_make_folders(evidence, err);
    free(evidence);
    return status;
}

static kuni_status run_threads(population *pop, kuni_error *err)
{
    uint32_t started = 0, n = pop->options->n_threads;
    if (n > pop->n_batches) n = pop->n_batches;
    pthread_t *threads = kuni_alloc(n + 1, sizeof(*threads), err);
    if (!threads) return KUNI_MEMORY;
    pthread_mutex_init(&pop->lock, NULL);
    while (started + 1 < n && pthread_create(&threads[started], NULL, work_batches, pop) == 0)
        started++;
    (void)work_batches(pop);
    for (uint32_t i = 0; i < started; i++) pthread_join(threads[i], NULL);
    pthread_mutex_destroy(&pop->lock);
    free(threads);
    if (pop->err.status != KUNI_OK && err) *err = pop->err;
    return pop->err.status;
}

kuni_status kuni_simulate_evidence(const kuni_simulate_evidence_options *o, kuni_error *err)
{
    if (o->length_bp < 1000 || o->n_samples < 1 || o->batch_size < 1 || o->batch_size > 65536)
        return kuni_fail(
            err, KUNI_USAGE,
            "a contig of 1000 bp at least, a sample, and batches of 1 to 65536 are needed");
    population pop = {.options = o, .err = KUNI_ERROR_INIT};
    pop.n_batches = (o->n_samples - 1) / o->batch_size + 1;
    kuni_status status = prepare_folder(o, err);
    if (status) return status;
    pop.sequence = kuni_alloc((size_t)o->length_bp + 1, 1, err);
    if (!pop.sequence) return KUNI_MEMORY;
    fill_sequence(&pop);
    status = write_reference(&pop, err);
    if (!status) status = draw_alleles(&pop, err);
    if (!status) status = draw_rare(&pop, err);
    if (!status) {
        pop.truth = kuni_alloc(pop.n_alleles + 1, sizeof(*pop.truth), err);
        if (!pop.truth) status = KUNI_MEMORY;
    }
    if (!status) status = run_threads(&pop, err);
    if (!status) status = write_tables(&pop, err);
    free(pop.sequence);
    free(pop.alleles);
    free(pop.rare);
    free(pop.truth);
    return status;
}
