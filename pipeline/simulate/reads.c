/* SPDX-License-Identifier: MIT */
/*
 * Paired reads of one sample, written in order with an index.
 *
 * The contig is walked in blocks. Each block and haplotype opens its own random stream, draws
 * fragments that start there, reads both ends with errors as their qualities say, aligns them
 * (align.h) and buffers the records; those that no later block can precede are written.
 */
#include <errno.h>
#include <fcntl.h>
#include <htslib/hfile.h>
#include <htslib/hts.h>
#include <htslib/sam.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "align.h"
#include "kuni/file.h"
#include "quality.h"
#include "rng.h"
#include "stretch.h"

enum {
    BLOCK_BP = 1 << 16,
    SHIFT_MOST_BP = 1000, /* an alignment never starts further left of its fragment's block */
    CHIMERA_MOST_BP = 8000,
    SLIPS_MOST = 64,
    MD_BYTES = 4096,
    CONTAINER_RECORDS = 10000 /* htslib's default */
};

typedef struct queued {
    bam1_t *record;
    int64_t pos;
    uint64_t order;
} queued;

typedef struct slip {
    int32_t beg, unit;
    bool longer;
} slip;

typedef struct end {
    char bases[SIM_READ_MOST_BP]; /* reference direction */
    int64_t places[SIM_READ_MOST_BP];
    char seen[SIM_READ_MOST_BP], qualities[SIM_READ_MOST_BP];
    int64_t seen_places[SIM_READ_MOST_BP];
    int32_t length;
    bool reverse;
    sim_alignment alignment;
    uint8_t mapq;
} end;

typedef struct output {
    const sim_world *world;
    kuni_genome *genome;
    uint32_t sample;
    htsFile *file;
    hFILE *raw; /* below `file` */
    sam_hdr_t *header;
    const char *path;
    sim_stretch stretch;
    sim_quality quality;
    sim_rng rng;
    const sim_region *region;
    char *ref; /* [ref_beg, ref_end) of the block and around */
    int64_t ref_beg, ref_end;
    queued *queue;
    size_t n_queue, queue_capacity;
    bam1_t **spare;
    size_t n_spare, spare_capacity;
    uint64_t order, n_pairs;
    slip slips[SLIPS_MOST];
    int32_t n_slips;
    end ends[2];
    char name[64], md[MD_BYTES];
} output;

/* --- the queue --- */

static int compare_queued(const void *a, const void *b)
{
    const queued *x = a, *y = b;
    if (x->pos != y->pos) return x->pos < y->pos ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

static kuni_status take_record(output *o, bam1_t **record, kuni_error *err)
{
    *record = o->n_spare > 0 ? o->spare[--o->n_spare] : bam_init1();
    return *record ? KUNI_OK : kuni_fail_memory(err, 1, sizeof(bam1_t));
}

/* Keeps a record for the next use; the array has room for all that exist. */
static kuni_status give_record(output *o, bam1_t *record, kuni_error *err)
{
    kuni_status status =
        kuni_grow((void **)&o->spare, &o->spare_capacity, o->n_spare + 1, sizeof(*o->spare), err);
    if (status)
        bam_destroy1(record);
    else
        o->spare[o->n_spare++] = record;
    return status;
}

static kuni_status enqueue(output *o, bam1_t *record, kuni_error *err)
{
    kuni_status status =
        kuni_grow((void **)&o->queue, &o->queue_capacity, o->n_queue + 1, sizeof(*o->queue), err);
    if (status) {
        bam_destroy1(record);
        return status;
    }
    o->queue[o->n_queue++] =
        (queued){.record = record, .pos = record->core.pos, .order = o->order++};
    return KUNI_OK;
}

/* Writes what lies before `limit`. */
static kuni_status flush(output *o, int64_t limit, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    size_t n = 0;
    if (o->n_queue > 1) qsort(o->queue, o->n_queue, sizeof(*o->queue), compare_queued);
    while (n < o->n_queue && o->queue[n].pos < limit && !status) {
        if (sam_write1(o->file, o->header, o->queue[n].record) < 0)
            status = kuni_fail_errno(err, "cannot write reads: %s: check free space", o->path);
        else
            status = give_record(o, o->queue[n].record, err);
        o->queue[n++].record = NULL;
    }
    if (n > 0) memmove(o->queue, o->queue + n, (o->n_queue - n) * sizeof(*o->queue));
    o->n_queue -= n;
    return status;
}

/* --- fragments --- */

/*
 * Slippage of a polymerase in a tandem repeat, which both ends and all duplicates of a fragment
 * share: chance by the number of copies, fitted to indel errors of PCR-free libraries (0.2 % at 10
 * bases, about 5 % at 20).
 */
static double slip_chance(const output *o, const sim_run *run)
{
    double copies = (double)run->length / run->unit;
    double chance = run->unit > 1   ? 0.001 * exp(0.22 * (copies - 8.0))
                    : copies < 10.0 ? 0.002 * exp(0.45 * (copies - 10.0))
                                    : 0.002 * exp(0.32 * (copies - 10.0));
    chance *= o->world->options->indel_error;
    return chance > 0.3 ? 0.3 : chance;
}

static void draw_slips(output *o, int32_t beg, int32_t stop)
{
    const sim_stretch *w = &o->stretch;
    o->n_slips = 0;
    if (o->world->options->indel_error <= 0.0) return;
    size_t low = 0, high = w->n_runs;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (w->runs[middle].beg < beg)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < w->n_runs && w->runs[low].beg < stop && o->n_slips < SLIPS_MOST; low++) {
        const sim_run *run = &w->runs[low];
        double u = sim_rng_unit(&o->rng), chance = slip_chance(o, run);
        if (u >= chance) continue;
        o->slips[o->n_slips++] =
            (slip){.beg = run->beg, .unit = run->unit, .longer = u < chance * 0.35};
    }
}

static void put_base(end *e, int32_t at, char base, int64_t place)
{
    if (at < 0 || at >= e->length) return;
    e->bases[at] = base;
    e->places[at] = place;
}

/* Copies `length` template bases rightwards from `from`. False: the stretch ends too early. */
static bool copy_forward(const output *o, int32_t from, end *e)
{
    const sim_stretch *w = &o->stretch;
    int32_t next = 0, i = from, at = 0;
    while (next < o->n_slips && o->slips[next].beg < from) next++;
    while (at < e->length) {
        if (next < o->n_slips && o->slips[next].beg == i) {
            const slip *s = &o->slips[next++];
            if (s->longer)
                for (int32_t k = 0; k < s->unit; k++) put_base(e, at++, w->bases[i + k], -1);
            else
                i += s->unit;
            continue;
        }
        if (i >= w->length) return false;
        put_base(e, at++, w->bases[i], w->places[i]);
        i++;
    }
    return true;
}

/* Copies leftwards, ending before `stop`. */
static bool copy_backward(const output *o, int32_t stop, end *e)
{
    const sim_stretch *w = &o->stretch;
    int32_t next = o->n_slips - 1, i = stop - 1, at = e->length - 1;
    while (at >= 0) {
        while (next >= 0 && o->slips[next].beg > i) next--;
        if (next >= 0 && !o->slips[next].longer &&
            i == o->slips[next].beg + o->slips[next].unit - 1) {
            i -= o->slips[next--].unit;
            continue;
        }
        if (i < 0) return false;
        put_base(e, at--, w->bases[i], w->places[i]);
        if (next >= 0 && o->slips[next].longer && i == o->slips[next].beg) {
            const slip *s = &o->slips[next--];
            for (int32_t k = s->unit - 1; k >= 0; k--) put_base(e, at--, w->bases[i + k], -1);
        }
        i--;
    }
    return true;
}

/* Reads the template with errors: qualities and wrong bases; then aligns what was seen. */
static void read_end(output *o, end *e, bool second)
{
    sim_quality_draw(&o->quality, &o->rng, e->bases, e->length, e->reverse, second, e->seen,
                     e->qualities);
    memcpy(e->seen_places, e->places, (size_t)e->length * sizeof(*e->places));
    sim_align(e->seen, e->seen_places, e->length, o->ref, o->ref_beg, o->ref_end, &e->alignment);
}

/*
 * Bases by which an alignment tells its place from the paralog's; what lies outside tells a lot.
 * -1: no paralog.
 */
static int64_t count_differences(const output *o, const sim_alignment *a)
{
    const sim_world *world = o->world;
    for (size_t k = 0; k < 2 * world->n_paralogs; k++) {
        const sim_paralog *p = &world->paralogs[k / 2];
        int64_t beg = a->beg - p->beg[k % 2], stop = a->end - p->beg[k % 2];
        if (p->tid != o->region->span.tid || stop <= 0 || beg >= p->length) continue;
        int64_t outside = (beg < 0 ? -beg : 0) + (stop > p->length ? stop - p->length : 0);
        beg = beg < 0 ? 0 : beg;
        stop = stop > p->length ? p->length : stop;
        return p->differences[stop] - p->differences[beg] + outside;
    }
    return -1;
}

/*
 * Mapping qualities as bwa mem would give them: near 18 a difference seen by the read itself, 30 a
 * difference seen by the pair, no more than 40 above the read's own.
 */
static void rate_pair(output *o)
{
    int64_t differences[2], sum = 0;
    for (int k = 0; k < 2; k++) {
        const sim_alignment *a = &o->ends[k].alignment;
        differences[k] = a->mapped ? count_differences(o, a) : 0;
        sum += differences[k] < 0 ? 2 : differences[k];
    }
    for (int k = 0; k < 2; k++) {
        const sim_alignment *a = &o->ends[k].alignment;
        int64_t alone = differences[k] < 0 ? 60 : 18 * differences[k], pair = 30 * sum;
        if (alone > 60) alone = 60;
        if (pair > alone + 40) pair = alone + 40;
        int64_t mapq = alone > pair ? alone : pair;
        if (a->score < 45 && mapq > 3 * (a->score - 25)) mapq = 3 * (a->score - 25);
        o->ends[k].mapq = (uint8_t)(mapq > 60 ? 60 : mapq);
    }
}

/* --- records --- */

static kuni_status add_tags(output *o, bam1_t *record, const end *e, const end *mate,
                            kuni_error *err)
{
    const char *id = o->world->people[o->sample].id;
    int failed = bam_aux_append(record, "RG", 'Z', (int)strlen(id) + 1, (const uint8_t *)id) < 0;
    if (mate->alignment.mapped) {
        char text[SIM_READ_MOST_BP * 4], *at = text;
        for (uint32_t i = 0; i < mate->alignment.n_cigar; i++)
            at += sprintf(at, "%u%c", bam_cigar_oplen(mate->alignment.cigar[i]),
                          bam_cigar_opchr(mate->alignment.cigar[i]));
        failed |=
            bam_aux_append(record, "MC", 'Z', (int)(at - text) + 1, (const uint8_t *)text) < 0;
    }
    if (e->alignment.mapped) {
        if (o->world->options->bam) { /* CRAM readers derive these from the reference */
            size_t n = sim_align_md(&e->alignment, e->seen, o->ref, o->ref_beg, o->md);
            failed |= bam_aux_append(record, "MD", 'Z', (int)n + 1, (const uint8_t *)o->md) < 0;
            failed |= bam_aux_update_int(record, "NM", e->alignment.edits) < 0;
        }
        failed |= bam_aux_update_int(record, "AS", e->alignment.score) < 0;
    }
    return failed ? kuni_fail_memory(err, 1, MD_BYTES) : KUNI_OK;
}

static void pair_flags(const output *o, uint16_t flags[2], int64_t *span)
{
    const end *e = o->ends;
    const kuni_simulate_options *options = o->world->options;
    *span = 0;
    for (int k = 0; k < 2; k++) {
        const end *mate = &e[1 - k];
        flags[k] = (uint16_t)(BAM_FPAIRED | (k == 0 ? BAM_FREAD1 : BAM_FREAD2));
        if (!e[k].alignment.mapped)
            flags[k] |= BAM_FUNMAP;
        else if (e[k].reverse)
            flags[k] |= BAM_FREVERSE;
        if (!mate->alignment.mapped)
            flags[k] |= BAM_FMUNMAP;
        else if (mate->reverse)
            flags[k] |= BAM_FMREVERSE;
    }
    if (!e[0].alignment.mapped || !e[1].alignment.mapped) return;
    const end *left = e[0].alignment.beg <= e[1].alignment.beg ? &e[0] : &e[1];
    const end *right = left == &e[0] ? &e[1] : &e[0];
    int64_t stop =
        right->alignment.end > left->alignment.end ? right->alignment.end : left->alignment.end;
    *span = stop - left->alignment.beg;
    bool inwards = e[0].reverse != e[1].reverse && !left->reverse;
    if (inwards && (double)*span < options->insert_mean + 4 * options->insert_sd)
        for (int k = 0; k < 2; k++) flags[k] |= BAM_FPROPER_PAIR;
}

static kuni_status queue_end(output *o, int k, uint16_t flag, int64_t span, kuni_error *err)
{
    const end *e = &o->ends[k], *mate = &o->ends[1 - k];
    bool mapped = e->alignment.mapped;
    int32_t tid = o->region->span.tid;
    int64_t pos = mapped ? e->alignment.beg : mate->alignment.beg;
    int64_t mate_pos = mate->alignment.mapped ? mate->alignment.beg : pos;
    bool leftmost = mapped && (pos < mate_pos || (pos == mate_pos && k == 0));
    char bases[SIM_READ_MOST_BP], qualities[SIM_READ_MOST_BP];
    memcpy(bases, e->seen, (size_t)e->length);
    memcpy(qualities, e->qualities, (size_t)e->length);
    if (!mapped && e->reverse) { /* as it left the machine */
        for (int32_t i = 0; i < e->length; i++) {
            char base = e->seen[e->length - 1 - i];
            bases[i] = base == 'A'   ? 'T'
                       : base == 'C' ? 'G'
                       : base == 'G' ? 'C'
                       : base == 'T' ? 'A'
                                     : 'N';
            qualities[i] = e->qualities[e->length - 1 - i];
        }
    }
    bam1_t *record;
    kuni_status status = take_record(o, &record, err);
    if (status) return status;
    if (bam_set1(record, strlen(o->name), o->name, flag, tid, pos, mapped ? e->mapq : 0,
                 mapped ? e->alignment.n_cigar : 0, e->alignment.cigar, tid, mate_pos,
                 leftmost ? span : -span, (size_t)e->length, bases, qualities, 64) < 0)
        status = kuni_fail_memory(err, 1, sizeof(bam1_t));
    if (!status) status = add_tags(o, record, e, mate, err);
    if (status) {
        bam_destroy1(record);
        return status;
    }
    return enqueue(o, record, err);
}

static kuni_status queue_pair(output *o, bool duplicate, kuni_error *err)
{
    uint16_t flags[2];
    int64_t span;
    for (int k = 0; k < 2; k++) read_end(o, &o->ends[k], k == 1);
    if (!o->ends[0].alignment.mapped && !o->ends[1].alignment.mapped) return KUNI_OK;
    rate_pair(o);
    pair_flags(o, flags, &span);
    snprintf(o->name, sizeof(o->name), "k%d:%llx", o->region->span.tid,
             (unsigned long long)o->n_pairs++);
    for (int k = 0; k < 2; k++) {
        kuni_status status =
            queue_end(o, k, (uint16_t)(flags[k] | (duplicate ? BAM_FDUP : 0)), span, err);
        if (status) return status;
    }
    return KUNI_OK;
}

/* Chance to be kept by GC content: a parabola around 42 %, as steep as gc_bias says. */
static bool passes_gc(output *o, int32_t beg, int32_t stop)
{
    double bias = o->world->options->gc_bias;
    if (bias <= 0.0) return true;
    double gc = (double)(o->stretch.gc[stop] - o->stretch.gc[beg]) / (stop - beg),
           off = (gc - 0.42) / 0.3;
    double keep = 1.0 - bias * off * off;
    return sim_rng_unit(&o->rng) < (keep < 0.05 ? 0.05 : keep);
}

/*
 * Draws both ends of a fragment; false where it cannot be: stretch's end, N, no such copy there, GC.
 */
static bool draw_fragment(output *o, uint32_t slot)
{
    const kuni_simulate_options *options = o->world->options;
    const sim_stretch *w = &o->stretch;
    int32_t read = (int32_t)options->read_length;
    int32_t beg = (int32_t)sim_rng_below(&o->rng, (uint32_t)w->own);
    bool chimera = sim_rng_unit(&o->rng) < options->chimeras;
    double size = options->insert_mean + options->insert_sd * sim_rng_normal(&o->rng);
    int32_t length = chimera       ? 1000 + (int32_t)sim_rng_below(&o->rng, CHIMERA_MOST_BP - 1000)
                     : size < read ? read
                                   : (int32_t)size;
    bool first_is_left = sim_rng_below(&o->rng, 2), turned = chimera && sim_rng_below(&o->rng, 2);
    int32_t stop = beg + length;
    if (stop > w->length || w->n[stop] - w->n[stop - read] || w->n[beg + read] - w->n[beg])
        return false;
    if (!passes_gc(o, beg, stop)) return false;
    int64_t until;
    int64_t place = w->places[beg] >= 0 ? w->places[beg] : w->places[stop - 1];
    if (place < 0 ||
        sim_copies(o->world, slot / 2, o->region->span.tid, place, &until) <= (int)(slot % 2))
        return false;
    draw_slips(o, beg, stop);
    end *left = &o->ends[first_is_left ? 0 : 1], *right = &o->ends[first_is_left ? 1 : 0];
    left->length = right->length = read;
    left->reverse = false;
    right->reverse = !turned;
    return copy_forward(o, beg, left) && copy_backward(o, stop, right);
}

static kuni_status draw_haplotype(output *o, kuni_span block, uint32_t slot, double depth,
                                  kuni_error *err)
{
    const kuni_simulate_options *options = o->world->options;
    kuni_status status =
        sim_stretch_build(&o->stretch, o->region, &o->region->haplotypes[slot], block, o->ref,
                          o->ref_beg, o->ref_end, options->indel_error > 0.0, err);
    if (status || o->stretch.own == 0) return status;
    double mean =
        depth * o->stretch.own / (2.0 * options->read_length) / (1.0 + options->duplicates);
    uint64_t n = sim_rng_poisson(&o->rng, mean);
    for (uint64_t i = 0; i < n && !status; i++) {
        if (!draw_fragment(o, slot)) continue;
        status = queue_pair(o, false, err);
        if (!status && sim_rng_unit(&o->rng) < options->duplicates)
            status = queue_pair(o, true, err);
    }
    return status;
}

static kuni_status draw_block(output *o, kuni_span block, int64_t reach, kuni_error *err)
{
    const sim_world *world = o->world;
    const sim_person *person = &world->people[o->sample];
    uint32_t other = (o->sample + 1) % world->options->n_samples;
    int64_t length;
    free(o->ref);
    o->ref = NULL;
    o->ref_beg = block.beg > SHIFT_MOST_BP ? block.beg - SHIFT_MOST_BP : 0;
    kuni_span around = {.tid = block.tid, .beg = o->ref_beg, .end = block.end + reach};
    kuni_status status = kuni_genome_fetch(o->genome, around, &o->ref, &length, err);
    if (status) return status;
    o->ref_end = o->ref_beg + length;
    double depth =
        person->depth / 2.0 * (o->region->mitochondrial ? world->options->mt_factor * 2.0 : 1.0);
    for (uint32_t k = 0; k < 4 && !status; k++) {
        double share = k < 2 ? 1.0 - person->contamination : person->contamination;
        if (share <= 0.0) continue;
        sim_rng_open(&o->rng, world->options->seed, SIM_RNG_READS,
                     ((uint64_t)o->sample << 24) ^ (uint64_t)block.tid, (uint64_t)block.beg, k);
        uint32_t slot = 2 * (k < 2 ? o->sample : other) + k % 2;
        status = draw_haplotype(o, block, slot, depth * share, err);
    }
    return status;
}

static kuni_status draw_region(output *o, int64_t after, kuni_error *err)
{
    const kuni_simulate_options *options = o->world->options;
    kuni_span span = o->region->span;
    int64_t insert_most = (int64_t)(options->insert_mean + 6 * options->insert_sd);
    int64_t reach =
        (insert_most > CHIMERA_MOST_BP ? insert_most : CHIMERA_MOST_BP) + 2 * SIM_READ_MOST_BP;
    /* fragments that start before the region bring its first bases to full depth */
    int64_t beg = span.beg - insert_most > after ? span.beg - insert_most : after;
    kuni_status status = KUNI_OK;
    for (; beg < span.end && !status; beg += BLOCK_BP) {
        kuni_span block = {.tid = span.tid, .beg = beg, .end = beg + BLOCK_BP};
        if (block.end > span.end) block.end = span.end;
        status = flush(o, beg - SHIFT_MOST_BP, err);
        if (!status) status = draw_block(o, block, reach, err);
    }
    return status;
}

/* Pairs that belong to no contig. */
static kuni_status draw_unmapped(output *o, kuni_error *err)
{
    const kuni_simulate_options *options = o->world->options;
    sim_rng_open(&o->rng, options->seed, SIM_RNG_UNMAPPED, o->sample, 0, 0);
    uint64_t n = sim_rng_poisson(&o->rng, (double)o->n_pairs * options->unmapped);
    const char *id = o->world->people[o->sample].id;
    for (uint64_t i = 0; i < n; i++) {
        snprintf(o->name, sizeof(o->name), "u:%llx", (unsigned long long)i);
        for (int k = 0; k < 2; k++) {
            end *e = &o->ends[k];
            e->length = (int32_t)options->read_length;
            for (int32_t j = 0; j < e->length; j++) e->bases[j] = "ACGT"[sim_rng_below(&o->rng, 4)];
            sim_quality_draw(&o->quality, &o->rng, e->bases, e->length, false, k == 1, e->seen,
                             e->qualities);
            uint16_t flag = BAM_FPAIRED | BAM_FUNMAP | BAM_FMUNMAP;
            flag |= k == 0 ? BAM_FREAD1 : BAM_FREAD2;
            bam1_t *record;
            kuni_status status = take_record(o, &record, err);
            if (status) return status;
            int failed = bam_set1(record, strlen(o->name), o->name, flag, -1, -1, 0, 0, NULL, -1,
                                  -1, 0, (size_t)e->length, e->seen, e->qualities, 64) < 0;
            if (!failed)
                failed =
                    bam_aux_append(record, "RG", 'Z', (int)strlen(id) + 1, (const uint8_t *)id) < 0;
            if (failed || sam_write1(o->file, o->header, record) < 0)
                status = kuni_fail_errno(err, "cannot write reads: %s: check free space", o->path);
            kuni_status kept = give_record(o, record, err);
            if (status || kept) return status ? status : kept;
        }
    }
    return KUNI_OK;
}

static kuni_status draw_all(output *o, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    int64_t after = 0;
    for (size_t i = 0; i < o->world->n_regions && !status; i++) {
        if (i > 0 && o->world->regions[i].span.tid != o->region->span.tid) {
            status = flush(o, INT64_MAX, err);
            after = 0;
        }
        o->region = &o->world->regions[i];
        if (!status) status = draw_region(o, after, err);
        after = o->region->span.end;
    }
    if (!status) status = flush(o, INT64_MAX, err);
    return status ? status : draw_unmapped(o, err);
}

static kuni_status open_file(output *o, const char *index, kuni_error *err)
{
    const sim_world *world = o->world;
    const char *id = world->people[o->sample].id;
    kuni_buffer text = KUNI_BUFFER_INIT;
    kuni_status status =
        kuni_buffer_printf(&text, err, "%s@RG\tID:%s\tSM:%s\tLB:%s\tPL:ILLUMINA\tPU:%s.1\n",
                           world->header, id, id, id, id);
    if (status) goto fail;
    o->header = sam_hdr_parse(text.length, text.data);
    /*
     * CRAM holds the first letters of the name that it was opened by: the sample's, not the
     * folder's.
     */
    o->raw = hopen(o->path, "w");
    o->file = o->raw ? hts_hopen(o->raw, id, world->options->bam ? "wb" : "wc") : NULL;
    if (!o->header || !o->file) {
        status = kuni_fail_errno(err, "cannot create reads: %s: check the folder", o->path);
        goto fail;
    }
    /*
     * The reference is named after the header is out, or the library would write its path into it.
     */
    if (sam_hdr_write(o->file, o->header) < 0)
        status = kuni_fail_errno(err, "cannot write reads: %s: check free space", o->path);
    else if (!world->options->bam && hts_set_fai_filename(o->file, world->reference) < 0)
        status = kuni_fail(err, KUNI_IO,
                           "cannot compress against the reference: %s: check the FASTA file",
                           world->reference);
    else if (sam_idx_init(o->file, o->header, world->options->bam ? 14 : 0, index) < 0)
        status = kuni_fail_memory(err, 1, sizeof(*o->file));
fail:
    kuni_buffer_fini(&text);
    return status;
}

static kuni_status publish(const kuni_buffer *temporary, const kuni_buffer *path, kuni_error *err)
{
    return kuni_file_publish(temporary->data, path->data, err);
}

/*
 * Makes sure of the room for a CRAM file's last container before it is closed: where that cannot be
 * written, htslib 1.16 closes the file from within closing it, without end. A file system that
 * cannot reserve is left to its luck.
 */
static int reserve_end(const output *o)
{
    uint64_t records = 2 * o->n_pairs < CONTAINER_RECORDS ? 2 * o->n_pairs : CONTAINER_RECORDS;
    off_t bytes = (off_t)((records + 100) * (2 * o->world->options->read_length + 200));
    int fd = open(o->path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return -1;
    off_t size = lseek(fd, 0, SEEK_END);
    int failed = size < 0 || fallocate(fd, FALLOC_FL_KEEP_SIZE, size, bytes) < 0;
    int saved = errno;
    (void)close(fd);
    errno = saved;
    return failed && saved != EOPNOTSUPP && saved != ENOSYS ? -1 : 0;
}

static int finish_file(output *o)
{
    bool cram = !o->world->options->bam;
    if (cram && (hflush(o->raw) < 0 || reserve_end(o) < 0)) return -1;
    htsFile *file = o->file;
    o->file = NULL;
    if (hts_close(file) < 0) return -1;
    struct stat info; /* gives back what was reserved and not used */
    return cram && (stat(o->path, &info) < 0 || truncate(o->path, info.st_size) < 0) ? -1 : 0;
}

static void close_output(output *o)
{
    /* After an error: see reserve_end. A CRAM file is left to the end of the process. */
    if (o->file && o->world->options->bam &&
        hts_close(o->file) < 0) { /* the error stands already */
    }
    sam_hdr_destroy(o->header);
    for (size_t i = 0; i < o->n_queue; i++) bam_destroy1(o->queue[i].record);
    for (size_t i = 0; i < o->n_spare; i++) bam_destroy1(o->spare[i]);
    free(o->queue);
    free(o->spare);
    free(o->ref);
    sim_stretch_fini(&o->stretch);
}

kuni_status sim_reads_write(const sim_world *world, kuni_genome *genome, uint32_t sample,
                            kuni_error *err)
{
    const char *kind = world->options->bam ? "bam" : "cram",
               *index_kind = world->options->bam ? "csi" : "crai";
    kuni_buffer path[2] = {KUNI_BUFFER_INIT, KUNI_BUFFER_INIT},
                temporary[2] = {KUNI_BUFFER_INIT, KUNI_BUFFER_INIT};
    output *o = kuni_alloc(1, sizeof(*o), err);
    if (!o) return KUNI_MEMORY;
    kuni_status status = KUNI_OK;
    for (int k = 0; k < 2 && !status; k++) {
        const char *dot = k ? "." : "", *more = k ? index_kind : "";
        status = kuni_buffer_printf(&path[k], err, "%s/reads/%s.%s%s%s", world->options->out,
                                    world->people[sample].id, kind, dot, more);
        if (!status)
            status =
                kuni_buffer_printf(&temporary[k], err, "%s/reads/.%s.tmp.%s%s%s",
                                   world->options->out, world->people[sample].id, kind, dot, more);
    }
    if (status) goto fail;
    o->world = world;
    o->genome = genome;
    o->sample = sample;
    o->path = temporary[0].data;
    sim_quality_init(&o->quality, world->options->profile, world->options->read_length);
    status = open_file(o, temporary[1].data, err);
    if (!status) status = draw_all(o, err);
    if (!status && sam_idx_save(o->file) < 0)
        status =
            kuni_fail_errno(err, "cannot write the index: %s: check free space", temporary[1].data);
    if (!status && finish_file(o) < 0)
        status = kuni_fail_errno(err, "cannot finish reads: %s: check free space", o->path);
    for (int k = 1; k >= 0 && !status; k--) status = publish(&temporary[k], &path[k], err);
fail:
    close_output(o);
    free(o);
    for (int k = 0; k < 2; k++) {
        if (status && temporary[k].data) remove(temporary[k].data);
        kuni_buffer_fini(&path[k]);
        kuni_buffer_fini(&temporary[k]);
    }
    return status;
}
