/* SPDX-License-Identifier: MIT */
#include "simulate.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "align.h"
#include "kuni/file.h"
#include "kuni/reads.h"
#include "model.h"

enum { REGION_LEAST_BP = 1000 };

void kuni_simulate_defaults(kuni_simulate_options *options)
{
    *options = (kuni_simulate_options){
        .seed = 1,
        .n_threads = 1,
        .ploidy = "diploid",
        .contigs = "chr20",
        .length_bp = 100000,
        .n_samples = 3,
        .heterozygosity = 0.001,
        .indel_ratio = 0.125,
        .str_share = 0.5,
        .recombination = 1e-8,
        .depth_least = 30.0,
        .depth_most = 30.0,
        .depth_spread = 0.08,
        .read_length = 150,
        .insert_mean = 420.0,
        .insert_sd = 90.0,
        .duplicates = 0.05,
        .chimeras = 0.003,
        .unmapped = 0.003,
        .gc_bias = 0.3,
        .indel_error = 1.0,
        .mt_factor = 10.0,
        .profile = KUNI_SIMULATE_NOVASEQ,
    };
}

static kuni_status check(const kuni_simulate_options *o, kuni_error *err)
{
    if (!o->out || !*o->out) return kuni_fail(err, KUNI_USAGE, "no folder given: --out: name one");
    if (o->n_samples < 1)
        return kuni_fail(err, KUNI_USAGE, "no samples: --samples: give 1 or more");
    if (3 * (uint64_t)o->n_trios > o->n_samples)
        return kuni_fail(err, KUNI_USAGE,
                         "%u trios need %u samples: --trios: give --samples %u or more", o->n_trios,
                         3 * o->n_trios, 3 * o->n_trios);
    if (o->read_length < 36 || o->read_length > SIM_READ_MOST_BP)
        return kuni_fail(err, KUNI_USAGE, "reads of %u bp: --read-length: give 36 to 300",
                         o->read_length);
    if (o->insert_mean < o->read_length)
        return kuni_fail(
            err, KUNI_USAGE,
            "fragments of %.0f bp are shorter than reads of %u bp: --insert-mean: give more",
            o->insert_mean, o->read_length);
    if (o->n_contaminated > 0 && o->n_samples < 2)
        return kuni_fail(
            err, KUNI_USAGE,
            "contamination needs a second sample: --contaminated: give --samples 2 or more");
    if (o->regions && !o->reference)
        return kuni_fail(err, KUNI_USAGE,
                         "--region needs --reference: give the FASTA file that it lies on");
    return KUNI_OK;
}

/* The folder must be new or empty, unless forced. */
static kuni_status check_folder(const kuni_simulate_options *o, kuni_error *err)
{
    DIR *folder = opendir(o->out);
    if (!folder) {
        if (errno == ENOENT) return KUNI_OK;
        return kuni_fail_errno(err, "cannot look into the folder: %s: name another with --out",
                               o->out);
    }
    bool empty = true;
    for (const struct dirent *entry; empty && (entry = readdir(folder)) != NULL;)
        empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    closedir(folder);
    if (empty || o->force) return KUNI_OK;
    return kuni_fail(err, KUNI_USAGE,
                     "the folder holds files already: %s: name another with --out or write over "
                     "them with --force",
                     o->out);
}

static kuni_status open_world(sim_world *world, const kuni_simulate_options *o, kuni_error *err)
{
    *world = (sim_world){.options = o};
    world->arena = kuni_arena_new(err);
    char *reads = kuni_path_join(o->out, "reads", err), *ploidy = NULL;
    kuni_status status = world->arena && reads ? KUNI_OK : KUNI_MEMORY;
    if (!status) status = kuni_make_folders(o->no_reads ? o->out : reads, err);
    if (!status && o->reference) {
        world->reference = realpath(o->reference, NULL);
        if (!world->reference)
            status = kuni_fail_errno(err, "cannot open the reference: %s: check --reference",
                                     o->reference);
    } else if (!status) {
        world->reference = kuni_path_join(o->out, "reference.fa", err);
        ploidy = kuni_path_join(o->out, "ploidy.bed", err);
        /* an index of a former reference would be believed */
        char *index = kuni_path_join(o->out, "reference.fa.fai", err);
        status = world->reference && ploidy && index ? KUNI_OK : KUNI_MEMORY;
        if (!status && remove(index) < 0 && errno != ENOENT)
            status =
                kuni_fail_errno(err, "cannot remove the old index: %s: check the folder", index);
        free(index);
        if (!status) status = sim_reference_write(world, err);
    }
    if (!status) status = kuni_genome_open(&world->genome, world->reference, err);
    if (!status)
        status = kuni_ploidy_open(&world->ploidy, ploidy ? ploidy : o->ploidy, world->genome, err);
    free(reads);
    free(ploidy);
    return status;
}

static kuni_status add_region(sim_world *world, size_t *capacity, kuni_span span, kuni_error *err)
{
    const char *name = kuni_genome_contig(world->genome, span.tid)->name;
    if (span.end - span.beg < REGION_LEAST_BP)
        return kuni_fail(err, KUNI_USAGE,
                         "a region of %lld bp is too short: %s: give %d bp or more",
                         (long long)(span.end - span.beg), name, REGION_LEAST_BP);
    if (world->n_regions > 0) {
        kuni_span last = world->regions[world->n_regions - 1].span;
        if (span.tid < last.tid || (span.tid == last.tid && span.beg < last.end))
            return kuni_fail(err, KUNI_USAGE,
                             "regions overlap or stand out of order: %s:%lld: sort --region as the "
                             "reference is",
                             name, (long long)span.beg + 1);
    }
    kuni_status status = kuni_grow((void **)&world->regions, capacity, world->n_regions + 1,
                                   sizeof(*world->regions), err);
    if (!status)
        world->regions[world->n_regions++] =
            (sim_region){.span = span, .mitochondrial = kuni_is_mitochondrial(name)};
    return status;
}

/* "chr1", "chr1:1000-2000" (1-based, inclusive), commas as in 1,000 not allowed. */
static kuni_status read_region(sim_world *world, char *word, kuni_span *span, kuni_error *err)
{
    char *colon = strrchr(word, ':');
    span->tid = kuni_genome_find(world->genome, word);
    span->beg = 0;
    if (span->tid >= 0) {
        span->end = kuni_genome_contig(world->genome, span->tid)->length_bp;
        return KUNI_OK;
    }
    long long beg = 0, end = 0;
    char *rest = NULL;
    if (colon) beg = strtoll(colon + 1, &rest, 10);
    if (rest && *rest == '-') end = strtoll(rest + 1, &rest, 10);
    if (rest && rest > colon + 1 && *rest == '\0') {
        *colon = '\0';
        span->tid = kuni_genome_find(world->genome, word);
        *colon = ':';
    }
    if (span->tid < 0)
        return kuni_fail(err, KUNI_USAGE,
                         "'%s' is no region of the reference: --region: write CONTIG or "
                         "CONTIG:BEG-END with a contig of %s",
                         word, world->reference);
    int64_t length = kuni_genome_contig(world->genome, span->tid)->length_bp;
    if (beg < 1 || end < beg || end > length)
        return kuni_fail(err, KUNI_USAGE,
                         "'%s' lies outside the contig of %lld bp: --region: give other bounds",
                         word, (long long)length);
    span->beg = beg - 1;
    span->end = end;
    return KUNI_OK;
}

static kuni_status list_regions(sim_world *world, kuni_error *err)
{
    size_t capacity = 0;
    kuni_status status = KUNI_OK;
    if (!world->options->regions) {
        for (int32_t tid = 0; tid < kuni_genome_contig_count(world->genome) && !status; tid++)
            status = add_region(
                world, &capacity,
                (kuni_span){.tid = tid, .end = kuni_genome_contig(world->genome, tid)->length_bp},
                err);
        return status;
    }
    char *text = kuni_strdup(world->options->regions, err), *rest = NULL;
    if (!text) return KUNI_MEMORY;
    for (char *word = strtok_r(text, ",", &rest); word && !status;
         word = strtok_r(NULL, ",", &rest)) {
        kuni_span span;
        status = read_region(world, word, &span, err);
        if (!status) status = add_region(world, &capacity, span, err);
    }
    free(text);
    if (!status && world->n_regions == 0)
        status = kuni_fail(err, KUNI_USAGE, "no region: --region: write CONTIG or CONTIG:BEG-END");
    return status;
}

static kuni_status compare_paralogs(sim_world *world, kuni_error *err)
{
    for (size_t i = 0; i < world->n_paralogs; i++) {
        sim_paralog *p = &world->paralogs[i];
        char *seq[2] = {NULL, NULL};
        int64_t length;
        kuni_status status = KUNI_OK;
        for (int k = 0; k < 2 && !status; k++)
            status = kuni_genome_fetch(
                world->genome,
                (kuni_span){.tid = p->tid, .beg = p->beg[k], .end = p->beg[k] + p->length}, &seq[k],
                &length, err);
        p->differences =
            status ? NULL : kuni_alloc((size_t)p->length + 1, sizeof(*p->differences), err);
        for (int64_t j = 0; p->differences && j < p->length; j++)
            p->differences[j + 1] = p->differences[j] + (seq[0][j] != seq[1][j]);
        free(seq[0]);
        free(seq[1]);
        if (status || !p->differences) return status ? status : KUNI_MEMORY;
    }
    return KUNI_OK;
}

static kuni_status write_header(sim_world *world, kuni_error *err)
{
    kuni_buffer text = KUNI_BUFFER_INIT;
    kuni_status status = kuni_buffer_printf(&text, err, "@HD\tVN:1.6\tSO:coordinate\n");
    for (int32_t tid = 0; tid < kuni_genome_contig_count(world->genome) && !status; tid++) {
        const kuni_contig *contig = kuni_genome_contig(world->genome, tid);
        char md5[33];
        status = kuni_genome_md5(world->genome, tid, md5, err);
        if (!status)
            status = kuni_buffer_printf(&text, err, "@SQ\tSN:%s\tLN:%lld\tM5:%s\n", contig->name,
                                        (long long)contig->length_bp, md5);
    }
    world->header = text.data;
    return status;
}

static kuni_status draw_truth(sim_world *world, kuni_error *err)
{
    kuni_status status = list_regions(world, err);
    if (!status) status = sim_people_draw(world, err);
    for (size_t i = 0; i < world->n_regions && !status; i++) {
        char *seq = NULL;
        int64_t length;
        status = kuni_genome_fetch(world->genome, world->regions[i].span, &seq, &length, err);
        if (!status) status = sim_cohort_draw(world, &world->regions[i], seq, err);
        free(seq);
    }
    return status ? status : sim_truth_write(world, err);
}

/* --- reads, a sample a thread at a time --- */

typedef struct crew {
    const sim_world *world;
    pthread_mutex_t lock;
    uint32_t next, done;
    kuni_error error; /* that of the lowest sample that failed */
    uint32_t error_sample;
} crew;

static void *work(void *argument)
{
    crew *c = argument;
    const kuni_simulate_options *o = c->world->options;
    kuni_genome *genome = NULL;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_status status = kuni_genome_open(&genome, c->world->reference, &err);
    for (uint32_t sample = 0;;) {
        pthread_mutex_lock(&c->lock);
        if (status && (!c->error.status || sample < c->error_sample)) {
            c->error = err;
            c->error_sample = sample;
        }
        bool stop = c->error.status || c->next == o->n_samples;
        sample = stop ? sample : c->next++;
        pthread_mutex_unlock(&c->lock);
        if (stop) break;
        status = sim_reads_write(c->world, genome, sample, &err);
        if (status || !o->progress) continue;
        pthread_mutex_lock(&c->lock);
        c->done++;
        if (c->done == o->n_samples || c->done % (o->n_samples / 10 + 1) == 0)
            fprintf(o->progress, "reads of %u of %u samples\n", c->done, o->n_samples);
        pthread_mutex_unlock(&c->lock);
    }
    kuni_genome_close(genome);
    return NULL;
}

static kuni_status write_reads(const sim_world *world, kuni_error *err)
{
    crew c = {.world = world, .error = KUNI_ERROR_INIT};
    uint32_t n = world->options->n_threads, started = 0;
    if (n > world->options->n_samples) n = world->options->n_samples;
    pthread_t *threads = kuni_alloc(n, sizeof(*threads), err);
    if (!threads) return KUNI_MEMORY;
    pthread_mutex_init(&c.lock, NULL);
    while (started < n && pthread_create(&threads[started], NULL, work, &c) == 0) started++;
    if (started == 0) work(&c);
    for (uint32_t i = 0; i < started; i++) pthread_join(threads[i], NULL);
    pthread_mutex_destroy(&c.lock);
    free(threads);
    return c.error.status ? kuni_fail(err, c.error.status, "%s", c.error.text) : KUNI_OK;
}

static void close_world(sim_world *world)
{
    for (size_t i = 0; i < world->n_regions; i++) {
        sim_region *region = &world->regions[i];
        for (size_t h = 0; region->haplotypes && h < 2 * (size_t)world->options->n_samples; h++)
            free(region->haplotypes[h].alleles);
        free(region->haplotypes);
        free(region->alleles);
    }
    for (size_t i = 0; i < world->n_paralogs; i++) free(world->paralogs[i].differences);
    free(world->regions);
    free(world->paralogs);
    free(world->people);
    free(world->reference);
    free(world->header);
    kuni_ploidy_close(world->ploidy);
    kuni_genome_close(world->genome);
    kuni_arena_free(world->arena);
}

/* Takes back folders that a failed run made and left empty. */
static void remove_empty(const kuni_simulate_options *options)
{
    char *reads = kuni_path_join(options->out, "reads", NULL);
    if (reads) rmdir(reads);
    free(reads);
    rmdir(options->out);
}

kuni_status kuni_simulate(const kuni_simulate_options *options, kuni_error *err)
{
    sim_world world = {0};
    kuni_status status = check(options, err);
    if (!status) status = check_folder(options, err);
    if (status) return status;
    status = open_world(&world, options, err);
    if (!status) status = draw_truth(&world, err);
    if (!status) status = compare_paralogs(&world, err);
    if (!status) status = write_header(&world, err);
    if (!status && options->progress)
        fprintf(options->progress, "truth of %u samples\n", options->n_samples);
    if (!status && !options->no_reads) status = write_reads(&world, err);
    /* last, so that a folder with a workflow is whole */
    if (!status) status = sim_papers_write(&world, err);
    close_world(&world);
    if (status) remove_empty(options);
    return status;
}
