/* SPDX-License-Identifier: MIT */
/*
 * The cohort step of alignment-qc on a drawn cohort: what the tables, the kinship search and the
 * report cost, and a report to look at, without reads.
 *
 *   qc_cohort SAMPLES OUT [PANEL_SITES] [NAME=VALUE ...]
 *
 * Samples look like 30x genomes from five sites; some are made bad: low coverage, contaminated, sex
 * swapped, duplicated, a site with a GC bias, trios. The same numbers every time.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../fixtures/step_named.h"
#include "kuni/file.h"
#include "partials/estimates.h"
#include "partials/settings.h"

extern const kuni_stage kuni_stage_alignment_qc;

enum { BATCH = 250, MOST_BATCHES = 8192 };

static kuni_error err = KUNI_ERROR_INIT;
static uint64_t random_state = 42;

static void check(kuni_status status)
{
    if (status == KUNI_OK) return;
    (void)fprintf(stderr, "qc_cohort: %s\n", err.text);
    exit((int)status);
}

static double uniform(void)
{
    uint64_t z = (random_state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (double)((z ^ (z >> 31)) >> 11) / 9007199254740992.0;
}

static double normal(void)
{
    return sqrt(-2 * log(1 - uniform())) * cos(2 * 3.14159265358979323846 * uniform());
}

/* Contigs of the drawn reference: names, lengths and non-gap lengths of GRCh38's order of size. */
static const double autosome_bp = 2745e6, x_bp = 151e6, y_bp = 23e6;

static void write_reference(const char *path, size_t n_sites)
{
    char name[5000];
    kuni_buffer text = KUNI_BUFFER_INIT;
    check(kuni_buffer_printf(&text, &err, ">chr1\nA\n"));
    check(kuni_file_put(path, text.data, text.length, &err));
    kuni_buffer_clear(&text);
    for (int i = 1; i <= 24; i++) {
        char number[8];
        (void)snprintf(number, sizeof(number), "%d", i);
        const char *contig = i == 23 ? "X" : i == 24 ? "Y" : number;
        long length = i == 23 ? 156040895 : i == 24 ? 57227415 : 250000000 - 9000000L * i;
        check(kuni_buffer_printf(&text, &err, "chr%s\t%ld\t6\t60\t61\n", contig, length));
    }
    (void)snprintf(name, sizeof(name), "%s.fai", path);
    check(kuni_file_put(name, text.data, text.length, &err));
    kuni_buffer files[3] = {KUNI_BUFFER_INIT, KUNI_BUFFER_INIT, KUNI_BUFFER_INIT};
    static const char *const endings[3] = {"bed", "mu", "UD"};
    for (size_t i = 0; i < n_sites; i++) {
        long pos = 1000 * (long)(i / 22 + 1);
        check(kuni_buffer_printf(&files[0], &err, "chr%zu\t%ld\t%ld\tA\tG\n", i % 22 + 1, pos,
                                 pos + 1));
        check(kuni_buffer_printf(&files[1], &err, "s%zu\t%.5f\n", i, 0.4 + 1.2 * uniform()));
        check(kuni_buffer_printf(&files[2], &err, "1\t0\t0\t0\n"));
    }
    for (int i = 0; i < 3; i++) {
        (void)snprintf(name, sizeof(name), "%s.panel.%s", path, endings[i]);
        check(kuni_file_put(name, files[i].data, files[i].length, &err));
        kuni_buffer_fini(&files[i]);
    }
    kuni_buffer_fini(&text);
}

static void add_depths(uint64_t *counts, kuni_qc_class class, double bp, double mean)
{
    uint64_t *bins = counts + KUNI_QC_AT_DEPTH + (size_t)class * KUNI_QC_DEPTHS;
    double sd = sqrt(mean) * 1.25 + 0.4, whole = 0, sum = 0;
    for (int d = 0; d < 200; d++) whole += exp(-(d - mean) * (d - mean) / (2 * sd * sd));
    for (int d = 0; d < 200; d++) {
        bins[d] = (uint64_t)(bp * exp(-(d - mean) * (d - mean) / (2 * sd * sd)) / whole);
        if (d == 0) bins[d] += (uint64_t)(bp * 0.004);
        sum += (double)bins[d] * d;
    }
    counts[KUNI_QC_AT_DEPTH_SUM + class] = (uint64_t)sum;
}

typedef struct person {
    int site;
    bool male, low, dirty, bad_gc, swapped;
} person;

static void add_reads(uint64_t *counts, const person *who, double depth)
{
    double reads = depth * 3.05e9 / 150 * 1.12, mapped = reads * (0.995 + 0.002 * normal());
    double duplicates = mapped * (0.06 + 0.015 * uniform() + 0.03 * (who->site == 3));
    double insert = 430 + 12 * normal() - 30 * (who->site == 1);
    counts[KUNI_QC_READS] = counts[KUNI_QC_READS_PF] = counts[KUNI_QC_READS_PAIRED] =
        (uint64_t)reads;
    counts[KUNI_QC_READS_FIRST] = counts[KUNI_QC_READS_LAST] = (uint64_t)(reads / 2);
    counts[KUNI_QC_READS_MAPPED] = counts[KUNI_QC_READS_PF_MAPPED] = (uint64_t)mapped;
    counts[KUNI_QC_READS_PROPER] = counts[KUNI_QC_READS_PF_PROPER] =
        (uint64_t)(mapped * (0.978 + 0.004 * normal()));
    counts[KUNI_QC_MAPPED_PF_DUPLICATE] = counts[KUNI_QC_READS_DUPLICATE] = (uint64_t)duplicates;
    counts[KUNI_QC_CHIMERIC_OF] = (uint64_t)(mapped * 0.93);
    counts[KUNI_QC_CHIMERIC] = (uint64_t)(mapped * 0.93 * (0.009 + 0.002 * uniform()));
    counts[KUNI_QC_BASES] = counts[KUNI_QC_BASES_PF] = (uint64_t)(reads * 150);
    counts[KUNI_QC_BASES_MAPPED] = (uint64_t)(mapped * 150);
    double q30 = 0.92 + 0.012 * normal() - 0.03 * (who->site == 2);
    counts[KUNI_QC_BASES_PF_Q30] = (uint64_t)(reads * 150 * q30);
    counts[KUNI_QC_SUM_QUALITY] = (uint64_t)(reads * 150 * (28 + 9 * q30));
    counts[KUNI_QC_SOFT_CLIPPED] = (uint64_t)(mapped * 150 * (0.006 + 0.002 * uniform()));
    counts[KUNI_QC_COMPARED] = (uint64_t)(mapped * 140);
    counts[KUNI_QC_MISMATCHES] = (uint64_t)(mapped * 140 * (0.0035 + 0.0004 * normal()));
    counts[KUNI_QC_COUNTED_BASES] = (uint64_t)(depth * 2.9e9);
    counts[KUNI_QC_EXCLUDED_DUPLICATE] = (uint64_t)(duplicates * 148);
    counts[KUNI_QC_EXCLUDED_MAPQ] = (uint64_t)(mapped * 150 * 0.05);
    counts[KUNI_QC_EXCLUDED_BASEQ] = (uint64_t)(mapped * 150 * 0.03);
    counts[KUNI_QC_EXCLUDED_OVERLAP] = (uint64_t)(mapped * 150 * 0.02);
    counts[KUNI_QC_AT_LENGTH + 150] = (uint64_t)reads;
    for (int bp = 100; bp < 1200; bp++) {
        double z = (bp - insert) / (bp < insert ? 90 : 120);
        counts[KUNI_QC_AT_INSERT_IN + bp] = (uint64_t)(mapped / 260 * exp(-z * z / 2));
    }
    for (int which = 0; which < 2; which++)
        for (int cycle = 0; cycle < 150; cycle++) {
            uint64_t *row = counts + KUNI_QC_AT_QUALITY +
                            ((size_t)which * KUNI_QC_CYCLES + (size_t)cycle) * KUNI_QC_QUALITIES;
            double good = q30 + 0.04 - 0.0006 * cycle * (1 + which * 0.6);
            if (good > 1) good = 1;
            row[37] = (uint64_t)(reads / 2 * good);
            row[23] = (uint64_t)(reads / 2 * (1 - good) * 0.7);
            row[12] = (uint64_t)(reads / 2 * (1 - good) * 0.3);
            counts[KUNI_QC_AT_ALIGNED + which * KUNI_QC_CYCLES + cycle] = (uint64_t)(mapped / 2);
            counts[KUNI_QC_AT_MISMATCH + which * KUNI_QC_CYCLES + cycle] =
                (uint64_t)(mapped / 2 *
                           (0.002 + 0.00002 * cycle * (1 + which) + 0.0001 * uniform()));
        }
    for (int gc = 10; gc < 80; gc++) {
        double z = (gc - 41) / 9.0, bias = 1 - 0.0006 * (gc - 41) * (gc - 41) / 4;
        if (who->bad_gc) bias -= 0.02 * (gc - 41);
        if (bias < 0.05) bias = 0.05;
        counts[KUNI_QC_AT_WINDOW_GC + gc] = (uint64_t)(reads / 23 * exp(-z * z / 2) * bias);
    }
}

static void add_variants(uint64_t *counts, const person *who)
{
    double snvs = 3.45e6 + 60000 * normal() + 450000 * (who->site == 4 && uniform() < 0.2);
    double share = 0.62 + 0.01 * normal() + 0.2 * who->dirty;
    counts[KUNI_QC_VARIANTS_SEEN] = 1;
    counts[KUNI_QC_SNVS] = (uint64_t)snvs;
    counts[KUNI_QC_SNVS_HET] = (uint64_t)(snvs * share);
    counts[KUNI_QC_SNVS_HOM] = (uint64_t)(snvs * (1 - share));
    counts[KUNI_QC_TRANSITIONS] = (uint64_t)(snvs * 0.673);
    counts[KUNI_QC_TRANSVERSIONS] = (uint64_t)(snvs * 0.327);
    counts[KUNI_QC_INSERTIONS] = (uint64_t)(snvs * (0.105 + 0.002 * normal()));
    counts[KUNI_QC_DELETIONS] = (uint64_t)(snvs * (0.112 + 0.002 * normal()));
    counts[KUNI_QC_INDELS_HET] = (uint64_t)(snvs * 0.13);
    counts[KUNI_QC_INDELS_HOM] = (uint64_t)(snvs * 0.087);
}

static void add_person(uint64_t *counts, const person *who, kuni_qc_estimates *estimates)
{
    double depth = (33 + 3 * normal() + (who->site == 2 ? 5 : 0)) * (who->low ? 0.33 : 1);
    if (depth < 4) depth = 4;
    bool male = who->male != who->swapped;
    add_depths(counts, KUNI_QC_AUTOSOME, autosome_bp, depth);
    add_depths(counts, KUNI_QC_X, x_bp, depth * (male ? 0.5 : 1) * (1 + 0.01 * normal()));
    add_depths(counts, KUNI_QC_Y, y_bp, depth * (male ? 0.46 : 0.005) * (1 + 0.02 * normal()));
    counts[KUNI_QC_X_HET] = male ? 1500 : 70000;
    counts[KUNI_QC_X_HOM] = 40000;
    add_reads(counts, who, depth);
    add_variants(counts, who);
    double rate = who->dirty ? 0.03 + 0.1 * uniform() : 0.0008 * uniform() * uniform();
    estimates->fit = KUNI_QC_FIT_SAME;
    estimates->n_sites = 9800;
    estimates->mean_depth = (int64_t)(depth * KUNI_QC_MICRO);
    estimates->rate = (int64_t)(rate * KUNI_QC_RATE_SCALE);
    estimates->n_pcs = 4;
    double centre[2] = {who->site == 4 ? 0.02 : -0.012, who->site == 1 ? -0.02 : 0.022};
    for (int i = 0; i < 2; i++)
        estimates->pcs[i] = (int64_t)((centre[i] + 0.002 * normal()) * KUNI_QC_MICRO);
}

static void draw_genotypes(unsigned char *to, size_t n_sites)
{
    memset(to, 0, kuni_qc_genotype_bytes(n_sites));
    for (size_t i = 0; i < n_sites; i++) {
        uint64_t bits = (uint64_t)(uniform() * 65536);
        double af = 0.2 + 0.6 * (double)((i * 2654435761u) % 1000) / 1000;
        int g = ((bits & 255) < af * 256) + ((bits >> 8) < af * 256);
        to[i / 4] |= (unsigned char)(g << (2 * (i % 4)));
    }
}

/* A child of two: one allele of each. */
static void inherit(unsigned char *child, const unsigned char *a, const unsigned char *b,
                    size_t n_sites)
{
    memset(child, 0, kuni_qc_genotype_bytes(n_sites));
    for (size_t i = 0; i < n_sites; i++) {
        int ga = kuni_qc_genotype(a, i), gb = kuni_qc_genotype(b, i);
        int g = (ga == 1 ? uniform() < 0.5 : ga / 2) + (gb == 1 ? uniform() < 0.5 : gb / 2);
        child[i / 4] |= (unsigned char)(g << (2 * (i % 4)));
    }
}

static kuni_sample *draw_samples(size_t n, person *people)
{
    kuni_sample *samples = calloc(n, sizeof(*samples));
    static const char *const sites[] = {"Sendai", "Tokyo", "Osaka", "Fukuoka", "Sapporo"};
    static const char *const groups[] = {"JPN", "JPN", "JPN", "JPN", "RYU"};
    if (!samples) exit(71);
    for (size_t i = 0; i < n; i++) {
        char *id = NULL;
        if (asprintf(&id, "KN%06zu", i + 1) < 0) exit(71);
        person *who = &people[i];
        who->site = (int)(uniform() * 5);
        who->male = uniform() < 0.5;
        who->low = uniform() < 0.003;
        who->dirty = uniform() < 0.004;
        who->bad_gc = who->site == 3 && uniform() < 0.02;
        who->swapped = uniform() < 0.001;
        samples[i] = (kuni_sample){.id = id,
                                   .participant = id,
                                   .sex = who->male ? KUNI_SEX_MALE : KUNI_SEX_FEMALE,
                                   .site = sites[who->site],
                                   .group = groups[who->site],
                                   .reads = "-",
                                   .index_in_cohort = (uint32_t)i};
    }
    for (size_t i = 2; i < n; i += 500) { /* declared trios */
        samples[i].father = samples[i - 1].id;
        samples[i].mother = samples[i - 2].id;
    }
    return samples;
}

static double seconds(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* The parameters of the step: a panel, and what the command line says. NULL where it says none. */
static kuni_params *make_params(const char *panel_path, int argc, char **argv)
{
    kuni_params *params = kuni_params_new(kuni_stage_alignment_qc.params, &err);
    if (!params) return NULL;
    check(kuni_params_set(params, "contamination_panel", panel_path, &err));
    check(kuni_params_set(params, "profile", "gel", &err));
    check(kuni_params_set(params, "samtools_stats", "false", &err));
    for (int i = 4; i < argc; i++) {
        char *equals = strchr(argv[i], '=');
        if (!equals) return NULL;
        *equals = '\0';
        check(kuni_params_set(params, argv[i], equals + 1, &err));
    }
    return params;
}

/* The records of samples [first, end). */
static void draw_records(kuni_buffer *records, const person *people, size_t first, size_t end,
                         uint64_t *counts, unsigned char *genotypes, size_t n_sites)
{
    size_t n_counts = kuni_qc_length(24), n_bytes = kuni_qc_genotype_bytes(n_sites);
    kuni_buffer content = KUNI_BUFFER_INIT;
    for (size_t i = first; i < end; i++) {
        kuni_qc_estimates estimates = {0};
        memset(counts, 0, n_counts * sizeof(*counts));
        add_person(counts, &people[i], &estimates);
        unsigned char *mine = genotypes + (i % 3) * n_bytes;
        if (i % 500 == 2)
            inherit(mine, genotypes + (i - 1) % 3 * n_bytes, genotypes + (i - 2) % 3 * n_bytes,
                    n_sites);
        else if (i % 997 == 996) /* the sample before, once more: a duplicate on the plate */
            memcpy(mine, genotypes + (i - 1) % 3 * n_bytes, n_bytes);
        else
            draw_genotypes(mine, n_sites);
        kuni_buffer_clear(&content);
        check(kuni_qc_encode(&content, counts, n_counts, &err));
        check(kuni_qc_estimates_encode(&estimates, &content, &err));
        check(kuni_buffer_append(&content, mine, n_bytes, &err));
        check(kuni_qc_add_record(records, &content, &err));
    }
    kuni_buffer_fini(&content);
}

/* The reference's own counts: what could be covered. */
static void count_reference(uint64_t *counts, const kuni_genome *genome)
{
    memset(counts, 0, kuni_qc_length(24) * sizeof(*counts));
    counts[KUNI_QC_AT_DEPTH] = (uint64_t)autosome_bp;
    counts[KUNI_QC_AT_DEPTH + KUNI_QC_X * KUNI_QC_DEPTHS] = (uint64_t)x_bp;
    counts[KUNI_QC_AT_DEPTH + KUNI_QC_Y * KUNI_QC_DEPTHS] = (uint64_t)y_bp;
    for (int32_t tid = 0; tid < 24; tid++)
        counts[KUNI_QC_AT_CONTIGS + tid * KUNI_QC_CONTIG_COUNTS + KUNI_QC_CONTIG_LENGTH] =
            (uint64_t)kuni_genome_contig(genome, tid)->length_bp;
    for (int gc = 10; gc < 80; gc++)
        counts[KUNI_QC_AT_WINDOW_GC + gc] = (uint64_t)(1.2e8 * exp(-(gc - 41) * (gc - 41) / 162.0));
}

int main(int argc, char **argv)
{
    if (argc < 3) return 64;
    size_t n = (size_t)strtoll(argv[1], NULL, 10),
           n_sites = argc > 3 ? (size_t)strtoll(argv[3], NULL, 10) : 10000;
    char reference[4096], panel_path[4200];
    check(kuni_make_folders(argv[2], &err));
    (void)snprintf(reference, sizeof(reference), "%s/drawn.fa", argv[2]);
    (void)snprintf(panel_path, sizeof(panel_path), "%s.panel.bed", reference);
    write_reference(reference, n_sites);
    kuni_genome *genome = NULL;
    kuni_ploidy *ploidy = NULL;
    check(kuni_genome_open(&genome, reference, &err));
    check(kuni_ploidy_open(&ploidy, "GRCh38", genome, &err));
    kuni_params *params = make_params(panel_path, argc, argv);
    if (!params) return 64;
    person *people = calloc(n, sizeof(*people));
    if (!people) return 71;
    kuni_sample *samples = draw_samples(n, people);
    size_t n_batches = (n + BATCH - 1) / BATCH, n_counts = kuni_qc_length(24);
    static kuni_batch batches[MOST_BATCHES];
    static kuni_task_file inputs[MOST_BATCHES];
    if (n_batches > MOST_BATCHES) return 64;
    uint64_t *counts = calloc(n_counts, sizeof(*counts));
    size_t n_bytes = kuni_qc_genotype_bytes(n_sites);
    unsigned char *genotypes = calloc(3, n_bytes + 1);
    if (!counts || !genotypes) return 71;
    for (size_t b = 0; b < n_batches; b++) {
        size_t first = b * BATCH, end = first + BATCH < n ? first + BATCH : n;
        batches[b] = (kuni_batch){.id = "b", .first = first, .n_samples = end - first};
        kuni_buffer records = KUNI_BUFFER_INIT;
        draw_records(&records, people, first, end, counts, genotypes, n_sites);
        count_reference(counts, genome);
        char *path = NULL;
        if (asprintf(&path, "%s/batch.%zu", argv[2], b) < 0) return 71;
        kuni_qc_shape shape = {KUNI_QC_BATCH, 24, (uint32_t)n_sites, (uint32_t)(end - first)};
        check(kuni_qc_write(path, &shape, counts, &records, &err));
        inputs[b] =
            (kuni_task_file){.kind = "qc-batch", .path = path, .shard = -1, .batch = (int64_t)b};
        kuni_buffer_fini(&records);
    }
    kuni_task_file outputs[32];
    size_t n_outputs = 0;
    const kuni_port *ports = step_named(&kuni_stage_alignment_qc, "cohort")->outputs;
    for (; ports[n_outputs].kind; n_outputs++) {
        char *path = NULL;
        const char *slash = strrchr(ports[n_outputs].publish, '/');
        if (asprintf(&path, "%s/%s", argv[2], slash ? slash + 1 : "out") < 0) return 71;
        outputs[n_outputs] = (kuni_task_file){.kind = ports[n_outputs].kind, .path = path};
    }
    kuni_task task = {.stage_id = "qc",
                      .genome = genome,
                      .ploidy = ploidy,
                      .params = params,
                      .samples = samples,
                      .n_samples = n,
                      .batches = batches,
                      .n_batches = n_batches,
                      .shard = -1,
                      .batch = -1,
                      .inputs = inputs,
                      .n_inputs = n_batches,
                      .outputs = outputs,
                      .n_outputs = n_outputs,
                      .scratch = argv[2],
                      .memory_bytes = (int64_t)1 << 30};
    double before = seconds();
    check(step_named(&kuni_stage_alignment_qc, "cohort")->run(&task, &err));
    (void)printf("%zu samples, %zu sites: cohort step %.1f CPU s\n", n, n_sites,
                 seconds() - before);
    for (size_t b = 0; b < n_batches; b++) (void)remove(inputs[b].path);
    free(people);
    free(samples);
    free(counts);
    free(genotypes);
    return 0;
}
