/* SPDX-License-Identifier: MIT */
#include "coverage.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "kuni/reads.h"

enum {
    STEP_BP = 1 << 15, /* positions are counted in steps of this size */
    MATE_BUCKETS = 1024
};

typedef struct interval {
    int64_t beg, end;
} interval;

/* What a read counted where its mate, yet to come, may overlap it. */
typedef struct mate {
    uint64_t name;
    int64_t pos, mate_pos, end;
    bool is_first;
    size_t n_intervals, capacity;
    interval *intervals;
    struct mate *next;
} mate;

struct kuni_qc_coverage {
    kuni_span shard;
    const kuni_qc_segment *segments;
    size_t n_segments, segment;
    int min_base_quality;
    bool has_x;
    uint64_t *counts;
    uint64_t *contig;
    int64_t window_beg; /* position of diff[0]; all before it is counted */
    int32_t depth;      /* at window_beg - 1 */
    int32_t *diff;      /* window_bp + 1 of them */
    /* Reads that differ from the reference, counted bases only; NULL without X. */
    uint16_t *alternate;
    size_t window_bp, used_bp; /* beyond used_bp all is 0 */
    interval *now;             /* of the read under way */
    size_t n_now, now_capacity;
    interval *kept;
    size_t n_kept, kept_capacity;
    int64_t longest_mate; /* span of the longest read in the buckets */
    mate *buckets[MATE_BUCKETS];
    mate *spare;
};

kuni_status kuni_qc_coverage_new(kuni_qc_coverage **out, kuni_span shard,
                                 const kuni_qc_segment *segments, size_t n_segments,
                                 int min_base_quality, kuni_error *err)
{
    kuni_qc_coverage *coverage = kuni_alloc(1, sizeof(*coverage), err);
    if (!coverage) return KUNI_MEMORY;
    coverage->shard = shard;
    coverage->segments = segments;
    coverage->n_segments = n_segments;
    coverage->min_base_quality = min_base_quality;
    for (size_t i = 0; i < n_segments; i++) coverage->has_x |= segments[i].class == KUNI_QC_X;
    coverage->window_bp = 4 * STEP_BP;
    coverage->diff = kuni_alloc(coverage->window_bp + 1, sizeof(*coverage->diff), err);
    if (coverage->has_x)
        coverage->alternate = kuni_alloc(coverage->window_bp, sizeof(*coverage->alternate), err);
    if (!coverage->diff || (coverage->has_x && !coverage->alternate)) {
        kuni_qc_coverage_free(coverage);
        return KUNI_MEMORY;
    }
    *out = coverage;
    return KUNI_OK;
}

static void release_mates(kuni_qc_coverage *coverage)
{
    for (size_t i = 0; i < MATE_BUCKETS; i++)
        while (coverage->buckets[i]) {
            mate *gone = coverage->buckets[i];
            coverage->buckets[i] = gone->next;
            gone->next = coverage->spare;
            coverage->spare = gone;
        }
}

void kuni_qc_coverage_free(kuni_qc_coverage *coverage)
{
    if (!coverage) return;
    release_mates(coverage);
    while (coverage->spare) {
        mate *gone = coverage->spare;
        coverage->spare = gone->next;
        free(gone->intervals);
        free(gone);
    }
    free(coverage->diff);
    free(coverage->alternate);
    free(coverage->now);
    free(coverage->kept);
    free(coverage);
}

void kuni_qc_coverage_begin(kuni_qc_coverage *coverage, uint64_t *counts)
{
    coverage->counts = counts;
    coverage->contig =
        counts + KUNI_QC_AT_CONTIGS + (size_t)coverage->shard.tid * KUNI_QC_CONTIG_COUNTS;
    coverage->window_beg = coverage->shard.beg;
    coverage->depth = 0;
    coverage->segment = 0;
    coverage->used_bp = 0;
    coverage->longest_mate = 0;
    memset(coverage->diff, 0, (coverage->window_bp + 1) * sizeof(*coverage->diff));
    if (coverage->alternate)
        memset(coverage->alternate, 0, coverage->window_bp * sizeof(*coverage->alternate));
    release_mates(coverage);
}

bool kuni_qc_coverage_wants_mismatches(const kuni_qc_coverage *coverage)
{
    return coverage->has_x;
}

/*
 * X heterozygosity without a list of sites: from depth 10 on, a position where a quarter to three
 * quarters of the counted bases differ from the reference looks heterozygous, one where 9 of 10
 * differ homozygous.
 */
static void judge_site(kuni_qc_coverage *coverage, uint32_t alternate, uint32_t depth)
{
    if (depth < KUNI_QC_HET_DEPTH) return;
    if (10 * alternate >= 9 * depth)
        coverage->counts[KUNI_QC_X_HOM]++;
    else if (4 * alternate >= depth && 4 * alternate <= 3 * depth)
        coverage->counts[KUNI_QC_X_HET]++;
}

/* Tables that take turns, so that equal depths of neighbours do not wait for one another. */
enum { TURNS = 4 };

static void count_positions(kuni_qc_coverage *coverage, kuni_qc_class class, size_t from, size_t to)
{
    static _Thread_local uint32_t turns[TURNS][KUNI_QC_DEPTHS];
    memset(turns, 0, sizeof(turns));
    const int32_t *diff = coverage->diff;
    int64_t depth = coverage->depth;
    uint64_t sum = 0;
    for (size_t i = from; i < to; i++) {
        depth += diff[i];
        sum += (uint64_t)depth;
        turns[i % TURNS][depth < KUNI_QC_DEPTHS ? depth : KUNI_QC_DEPTHS - 1]++;
    }
    if (class == KUNI_QC_X) {
        int64_t here = coverage->depth;
        for (size_t i = from; i < to; i++) {
            here += diff[i];
            if (coverage->alternate[i])
                judge_site(coverage, coverage->alternate[i], (uint32_t)here);
        }
    }
    coverage->depth = (int32_t)depth;
    uint64_t *depths = coverage->counts + KUNI_QC_AT_DEPTH + (size_t)class * KUNI_QC_DEPTHS;
    for (int d = 0; d < KUNI_QC_DEPTHS; d++) {
        uint64_t n = 0;
        for (int turn = 0; turn < TURNS; turn++) n += turns[turn][d];
        depths[d] += n;
        coverage->contig[KUNI_QC_CONTIG_COVERED] += d > 0 ? n : 0;
        coverage->contig[KUNI_QC_CONTIG_15X] += d >= 15 ? n : 0;
    }
    coverage->counts[KUNI_QC_AT_DEPTH_SUM + class] += sum;
    coverage->contig[KUNI_QC_CONTIG_DEPTH] += sum;
}

static void pass_over(kuni_qc_coverage *coverage, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) coverage->depth += coverage->diff[i];
}

/* Counts the first n_bp positions of the window and slides it. */
static void count_window(kuni_qc_coverage *coverage, size_t n_bp)
{
    int64_t at = coverage->window_beg, end = at + (int64_t)n_bp;
    while (at < end) {
        while (coverage->segment < coverage->n_segments &&
               coverage->segments[coverage->segment].end <= at)
            coverage->segment++;
        const kuni_qc_segment *segment = coverage->segment < coverage->n_segments
                                             ? &coverage->segments[coverage->segment]
                                             : NULL;
        size_t from = (size_t)(at - coverage->window_beg);
        int64_t stop = end;
        if (!segment || segment->beg > at) {
            if (segment && segment->beg < stop) stop = segment->beg;
            pass_over(coverage, from, (size_t)(stop - coverage->window_beg));
        } else {
            if (segment->end < stop) stop = segment->end;
            count_positions(coverage, segment->class, from, (size_t)(stop - coverage->window_beg));
        }
        at = stop;
    }
    /* Slide: only what was written needs to move. */
    size_t used = coverage->used_bp, left = used > n_bp ? used - n_bp : 0;
    memmove(coverage->diff, coverage->diff + n_bp, (left + 1) * sizeof(*coverage->diff));
    memset(coverage->diff + left + 1, 0,
           ((used > n_bp ? used : n_bp) - left) * sizeof(*coverage->diff));
    if (coverage->alternate) {
        memmove(coverage->alternate, coverage->alternate + n_bp,
                left * sizeof(*coverage->alternate));
        memset(coverage->alternate + left, 0,
               (used > left ? used - left : 0) * sizeof(*coverage->alternate));
    }
    coverage->used_bp = left;
    coverage->window_beg = end;
}

static kuni_status widen_window(kuni_qc_coverage *coverage, size_t need_bp, kuni_error *err)
{
    size_t bp = coverage->window_bp;
    while (bp < need_bp) bp *= 2;
    int32_t *diff = kuni_realloc(coverage->diff, bp + 1, sizeof(*diff), err);
    if (!diff) return KUNI_MEMORY;
    memset(diff + coverage->window_bp + 1, 0, (bp - coverage->window_bp) * sizeof(*diff));
    coverage->diff = diff;
    if (coverage->alternate) {
        uint16_t *alternate = kuni_realloc(coverage->alternate, bp, sizeof(*alternate), err);
        if (!alternate) return KUNI_MEMORY;
        memset(alternate + coverage->window_bp, 0, (bp - coverage->window_bp) * sizeof(*alternate));
        coverage->alternate = alternate;
    }
    coverage->window_bp = bp;
    return KUNI_OK;
}

static kuni_status push(interval **list, size_t *n, size_t *capacity, int64_t beg, int64_t end,
                        kuni_error *err)
{
    if (*n && (*list)[*n - 1].end == beg) {
        (*list)[*n - 1].end = end;
        return KUNI_OK;
    }
    if (*n == *capacity) {
        kuni_status status = kuni_grow((void **)list, capacity, *n + 1, sizeof(**list), err);
        if (status) return status;
    }
    (*list)[(*n)++] = (interval){beg, end};
    return KUNI_OK;
}

/*
 * Bit i is set where quality[i] >= least, for n <= 64 qualities; qualities above 127 count as 127.
 */
static uint64_t good_bits(const uint8_t *quality, int n, int least)
{
    const uint64_t high = 0x8080808080808080u, gather = 0x0102040810204080u;
    const uint64_t least8 = (uint64_t)least * 0x0101010101010101u;
    uint64_t bits = 0;
    int i = 0;
    for (; i + 8 <= n; i += 8) {
        uint64_t eight;
        memcpy(&eight, quality + i, sizeof(eight));
        /*
         * No byte borrows from its neighbour: its high bit is set first, and stays where it reaches
         * `least`.
         */
        uint64_t reached = (((le64toh(eight) | high) - least8) & high) >> 7;
        bits |= (reached * gather >> 56) << i;
    }
    for (; i < n; i++) bits |= (uint64_t)(quality[i] >= least) << i;
    return bits;
}

/*
 * Appends the stretches of [beg, beg + n) whose qualities suffice: found as the changes in a mask
 * of bits.
 */
static kuni_status push_good(kuni_qc_coverage *coverage, const uint8_t *quality, int64_t beg,
                             int64_t n, kuni_error *err)
{
    int64_t from = -1; /* of the stretch under way */
    kuni_status status = KUNI_OK;
    for (int64_t at = 0; at < n && !status; at += 64) {
        int block = n - at < 64 ? (int)(n - at) : 64;
        uint64_t good = good_bits(quality + at, block, coverage->min_base_quality);
        uint64_t changes = good ^ (good << 1 | (from >= 0));
        if (block < 64) changes &= ((uint64_t)1 << block) - 1;
        for (; changes && !status; changes &= changes - 1) {
            int64_t here = beg + at + __builtin_ctzll(changes);
            if (from < 0) {
                from = here;
                continue;
            }
            status =
                push(&coverage->now, &coverage->n_now, &coverage->now_capacity, from, here, err);
            from = -1;
        }
    }
    if (from >= 0 && !status)
        status =
            push(&coverage->now, &coverage->n_now, &coverage->now_capacity, from, beg + n, err);
    return status;
}

/* The record's countable stretches within the shard. */
static kuni_status collect(kuni_qc_coverage *coverage, const bam1_t *record, kuni_error *err)
{
    coverage->n_now = 0;
    const uint8_t *quality = bam_get_qual(record);
    const uint32_t *cigar = bam_get_cigar(record);
    bool known = record->core.l_qseq > 0;
    int64_t pos = record->core.pos, at = 0;
    for (uint32_t k = 0; k < record->core.n_cigar; k++) {
        int64_t length = bam_cigar_oplen(cigar[k]);
        int type = bam_cigar_type(bam_cigar_op(cigar[k]));
        if (type == 3) {
            int64_t beg = pos > coverage->shard.beg ? pos : coverage->shard.beg;
            int64_t end = pos + length < coverage->shard.end ? pos + length : coverage->shard.end;
            if (beg < end) {
                kuni_status status = KUNI_OK;
                if (known)
                    status = push_good(coverage, quality + at + (beg - pos), beg, end - beg, err);
                else if (coverage->min_base_quality == 0)
                    status = push(&coverage->now, &coverage->n_now, &coverage->now_capacity, beg,
                                  end, err);
                if (status) return status;
                coverage->counts[KUNI_QC_EXCLUDED_BASEQ] += (uint64_t)(end - beg);
            }
        }
        if (type & 1) at += length;
        if (type & 2) pos += length;
    }
    /* What was taken is not excluded: the sum above was of all aligned bases. */
    for (size_t i = 0; i < coverage->n_now; i++)
        coverage->counts[KUNI_QC_EXCLUDED_BASEQ] -=
            (uint64_t)(coverage->now[i].end - coverage->now[i].beg);
    return KUNI_OK;
}

/* Takes away from the record's stretches what its mate counted already. */
static kuni_status subtract(kuni_qc_coverage *coverage, const mate *other, kuni_error *err)
{
    coverage->n_kept = 0;
    uint64_t before = 0, after = 0;
    size_t k = 0;
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < coverage->n_now && !status; i++) {
        int64_t beg = coverage->now[i].beg, end = coverage->now[i].end;
        before += (uint64_t)(end - beg);
        while (k < other->n_intervals && other->intervals[k].end <= beg) k++;
        for (size_t m = k; m < other->n_intervals && other->intervals[m].beg < end && !status;
             m++) {
            if (other->intervals[m].beg > beg)
                status = push(&coverage->kept, &coverage->n_kept, &coverage->kept_capacity, beg,
                              other->intervals[m].beg, err);
            beg = other->intervals[m].end;
        }
        if (beg < end && !status)
            status =
                push(&coverage->kept, &coverage->n_kept, &coverage->kept_capacity, beg, end, err);
    }
    for (size_t i = 0; i < coverage->n_kept; i++)
        after += (uint64_t)(coverage->kept[i].end - coverage->kept[i].beg);
    coverage->counts[KUNI_QC_EXCLUDED_OVERLAP] += before - after;
    interval *list = coverage->now;
    size_t capacity = coverage->now_capacity;
    coverage->now = coverage->kept;
    coverage->n_now = coverage->n_kept;
    coverage->now_capacity = coverage->kept_capacity;
    coverage->kept = list;
    coverage->kept_capacity = capacity;
    return status;
}

static kuni_status remember(kuni_qc_coverage *coverage, const bam1_t *record, uint64_t name,
                            int64_t end, kuni_error *err)
{
    mate *one = coverage->spare;
    if (one)
        coverage->spare = one->next;
    else
        one = kuni_alloc(1, sizeof(*one), err);
    if (!one) return KUNI_MEMORY;
    mate **bucket = &coverage->buckets[name % MATE_BUCKETS];
    one->next = *bucket;
    *bucket = one;
    one->name = name;
    one->pos = record->core.pos;
    one->mate_pos = record->core.mpos;
    one->end = end;
    one->is_first = (record->core.flag & BAM_FREAD1) != 0;
    one->n_intervals = 0;
    if (end - one->pos > coverage->longest_mate) coverage->longest_mate = end - one->pos;
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < coverage->n_now && !status; i++)
        if (coverage->now[i].end > one->mate_pos)
            status = push(&one->intervals, &one->n_intervals, &one->capacity, coverage->now[i].beg,
                          coverage->now[i].end, err);
    return status;
}

/* Counts a pair once: see the header. Entries whose read has ended are dropped on the way. */
static kuni_status settle_pair(kuni_qc_coverage *coverage, const bam1_t *record, int64_t end,
                               kuni_error *err)
{
    const bam1_core_t *core = &record->core;
    if (!(core->flag & BAM_FPAIRED) || (core->flag & BAM_FMUNMAP) || core->tid != core->mtid)
        return KUNI_OK;
    bool opens = core->mpos >= core->pos && core->mpos < end;
    bool closes = core->mpos <= core->pos && core->pos - core->mpos < coverage->longest_mate;
    if (!opens && !closes) return KUNI_OK;
    uint64_t name = kuni_read_name_hash(record);
    bool is_first = (core->flag & BAM_FREAD1) != 0;
    for (mate **link = &coverage->buckets[name % MATE_BUCKETS]; *link;) {
        mate *one = *link;
        if (one->end <= core->pos) {
            *link = one->next;
            one->next = coverage->spare;
            coverage->spare = one;
            continue;
        }
        if (closes && one->name == name && one->pos == core->mpos && one->mate_pos == core->pos &&
            one->is_first != is_first) {
            kuni_status status = subtract(coverage, one, err);
            if (status) return status;
        }
        link = &one->next;
    }
    return opens ? remember(coverage, record, name, end, err) : KUNI_OK;
}

static void count_mismatches(kuni_qc_coverage *coverage, const int64_t *positions, size_t n)
{
    size_t k = 0;
    for (size_t i = 0; i < n; i++) {
        while (k < coverage->n_now && coverage->now[k].end <= positions[i]) k++;
        if (k == coverage->n_now) return;
        if (positions[i] < coverage->now[k].beg) continue;
        uint16_t *alternate = &coverage->alternate[positions[i] - coverage->window_beg];
        if (*alternate < UINT16_MAX) (*alternate)++;
    }
}

kuni_status kuni_qc_coverage_add(kuni_qc_coverage *coverage, const bam1_t *record, int64_t end,
                                 const int64_t *mismatches, size_t n_mismatches, kuni_error *err)
{
    while (record->core.pos - coverage->window_beg >= STEP_BP) count_window(coverage, STEP_BP);
    kuni_status status = collect(coverage, record, err);
    if (!status) status = settle_pair(coverage, record, end, err);
    if (status || coverage->n_now == 0) return status;
    size_t need = (size_t)(coverage->now[coverage->n_now - 1].end - coverage->window_beg);
    if (need > coverage->window_bp) status = widen_window(coverage, need, err);
    if (status) return status;
    if (need > coverage->used_bp) coverage->used_bp = need;
    uint64_t counted = 0;
    for (size_t i = 0; i < coverage->n_now; i++) {
        coverage->diff[coverage->now[i].beg - coverage->window_beg]++;
        coverage->diff[coverage->now[i].end - coverage->window_beg]--;
        counted += (uint64_t)(coverage->now[i].end - coverage->now[i].beg);
    }
    coverage->counts[KUNI_QC_COUNTED_BASES] += counted;
    if (coverage->alternate && n_mismatches) count_mismatches(coverage, mismatches, n_mismatches);
    return KUNI_OK;
}

kuni_status kuni_qc_coverage_end(kuni_qc_coverage *coverage, kuni_error *err)
{
    (void)err;
    while (coverage->window_beg < coverage->shard.end) {
        int64_t left = coverage->shard.end - coverage->window_beg;
        count_window(coverage, left < STEP_BP ? (size_t)left : STEP_BP);
    }
    return KUNI_OK;
}
