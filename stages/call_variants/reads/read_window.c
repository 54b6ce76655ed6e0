/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "kuni/buffer.h"
#include "kuni/reads.h"
#include "read_window.h"

enum {
    NAME_BUCKETS = 1 << 13,
    BIN_BP = 32,           /* reads are thinned by the bin their alignment starts in */
    FRAGMENT_QUALITY = 45, /* what both mates share: errors made before sequencing (PCR, damage) */
    ADAPTER_SLACK_BP = 8,  /* aligners clip an adapter so much early at most */
    READ_BYTES = 1024
};

/* The pileup holds no longer ones, and a part of a read is another read. */
_Static_assert((int)KUNI_SPAN_BP == (int)KUNI_READ_BASES_MOST,
               "reads that fit are taken, others are not");

/* Two letters for every byte of packed bases. */
static void fill_letters(char letters[256][2])
{
    static const char one[] = "NACNGNNNTNNNNNNN";
    for (int byte = 0; byte < 256; byte++) {
        letters[byte][0] = one[byte >> 4];
        letters[byte][1] = one[byte & 15];
    }
}

kuni_status kuni_read_window_init(kuni_read_window *window, kuni_error *err)
{
    *window = (kuni_read_window){.bin = -1};
    fill_letters(window->letters);
    window->names = kuni_alloc(NAME_BUCKETS, sizeof(*window->names), err);
    return window->names ? KUNI_OK : KUNI_MEMORY;
}

static void release(kuni_read_window *window, kuni_call_read *read)
{
    read->next = window->free_reads;
    window->free_reads = read;
}

void kuni_read_window_fini(kuni_read_window *window)
{
    if (window->names) kuni_read_window_clear(window, 1);
    for (kuni_call_read *read = window->free_reads, *next; read; read = next) {
        next = read->next;
        free(read->seq);
        free(read);
    }
    free(window->names);
    free(window->reads);
    *window = (kuni_read_window){.bin = -1};
}

void kuni_read_window_clear(kuni_read_window *window, int max_depth)
{
    for (size_t i = 0; i < window->n_reads; i++) release(window, window->reads[i]);
    memset(window->names, 0, NAME_BUCKETS * sizeof(*window->names));
    window->n_reads = window->n_piled = window->bin_first = 0;
    window->bin = -1;
    window->bases_per_bin = (int64_t)max_depth * BIN_BP;
}

static kuni_call_read **bucket(kuni_read_window *window, uint64_t name)
{
    return &window->names[name & (NAME_BUCKETS - 1)];
}

static void forget(kuni_read_window *window, kuni_call_read *read)
{
    for (kuni_call_read **link = bucket(window, read->name); *link; link = &(*link)->next)
        if (*link == read) {
            *link = read->next;
            break;
        }
    if (read->mate) read->mate->mate = NULL;
    release(window, read);
}

static int by_hash(const void *a, const void *b)
{
    const kuni_call_read *x = *(kuni_call_read *const *)a, *y = *(kuni_call_read *const *)b;
    return x->name < y->name ? -1 : x->name > y->name;
}

/*
 * Keeps the reads with the smallest name hashes of the bin that ended, until their bases suffice.
 */
static kuni_status thin_bin(kuni_read_window *window, kuni_error *err)
{
    size_t first = window->bin_first, n = window->n_reads - first, taken = 0;
    int64_t bases = 0;
    for (size_t i = first; i < first + n; i++)
        bases += window->reads[i]->end - window->reads[i]->pos;
    if (bases <= window->bases_per_bin) return KUNI_OK;
    kuni_call_read **sorted = kuni_alloc(n, sizeof(*sorted), err);
    if (!sorted) return KUNI_MEMORY;
    memcpy(sorted, window->reads + first, n * sizeof(*sorted));
    qsort(sorted, n, sizeof(*sorted), by_hash);
    for (bases = 0; taken + 1 < n && bases < window->bases_per_bin; taken++)
        bases += sorted[taken]->end - sorted[taken]->pos;
    uint64_t limit = sorted[taken]->name;
    free(sorted);
    size_t kept = first;
    for (size_t i = first; i < first + n; i++) {
        kuni_call_read *read = window->reads[i];
        if (read->name < limit)
            window->reads[kept++] = read;
        else
            forget(window, read);
    }
    window->n_thinned += window->n_reads - kept;
    window->n_reads = kept;
    return KUNI_OK;
}

/* Walks the aligned bases; false where the CIGAR does not fit the sequence. */
static bool measure(kuni_call_read *read)
{
    int64_t end = read->pos, query = 0;
    for (uint32_t i = 0; i < read->n_cigar; i++) {
        uint32_t op = bam_cigar_op(read->cigar[i]), n = bam_cigar_oplen(read->cigar[i]);
        if (bam_cigar_type(op) & 2) end += n;
        if (bam_cigar_type(op) & 1) query += n;
    }
    read->end = end < read->pos + KUNI_SPAN_BP ? end : read->pos + KUNI_SPAN_BP;
    return query == read->length && end > read->pos;
}

int32_t kuni_call_read_offset(const kuni_call_read *read, int64_t pos, bool *deleted)
{
    *deleted = false;
    int64_t at = read->pos, query = 0;
    for (uint32_t i = 0; i < read->n_cigar; i++) {
        uint32_t op = bam_cigar_op(read->cigar[i]), n = bam_cigar_oplen(read->cigar[i]);
        int type = bam_cigar_type(op);
        if (type == 3) {
            if (pos < at + n) return pos < at ? -1 : (int32_t)(query + pos - at);
            at += n;
            query += n;
        } else if (type == 2) {
            if (pos < at + n) {
                *deleted = op == BAM_CDEL && pos >= at;
                return -1;
            }
            at += n;
        } else if (type == 1) {
            query += n;
        }
    }
    return -1;
}

/*
 * Where the fragment of the read ends by its TLEN, which is all there is until its mate comes. It is
 * taken at its word where the read goes further.
 */
static void set_bounds(kuni_call_read *read, const bam1_t *record)
{
    const bam1_core_t *c = &record->core;
    read->least = INT64_MIN;
    read->most = INT64_MAX;
    if (!(c->flag & BAM_FPAIRED) || c->flag & BAM_FMUNMAP || c->tid != c->mtid || !c->isize) return;
    bool reverse = c->flag & BAM_FREVERSE, mate_reverse = c->flag & BAM_FMREVERSE;
    if (reverse == mate_reverse || (reverse ? c->isize > 0 : c->isize < 0)) return;
    int64_t end = c->pos + c->isize;
    if (reverse && c->mpos >= c->pos && c->mpos < read->end) read->least = c->mpos;
    if (!reverse && end > c->pos && end <= read->end) read->most = end;
}

/* Soft-clipped bases at the first or the last end. */
static int64_t clipped(const kuni_call_read *read, bool first)
{
    for (uint32_t k = 0; k < read->n_cigar; k++) {
        uint32_t packed = read->cigar[first ? k : read->n_cigar - 1 - k];
        if (bam_cigar_op(packed) == BAM_CSOFT_CLIP) return bam_cigar_oplen(packed);
        if (bam_cigar_op(packed) != BAM_CHARD_CLIP) return 0;
    }
    return 0;
}

/*
 * The fragment ends where the mate begins, with what is clipped there. A clip that starts well
 * before that is no adapter but what the reference lacks: a long insertion clips both mates, and
 * TLEN, which is made of aligned bases, then ends at its edge.
 */
static void settle_bounds(kuni_call_read *a, kuni_call_read *b)
{
    if (kuni_call_read_reverse(a) == kuni_call_read_reverse(b)) return;
    kuni_call_read *forward = kuni_call_read_reverse(a) ? b : a;
    kuni_call_read *reverse = forward == a ? b : a;
    int64_t beg = forward->pos - clipped(forward, true);
    int64_t end = reverse->end + clipped(reverse, false);
    bool from = beg < reverse->end && reverse->pos <= beg + ADAPTER_SLACK_BP;
    bool to = end > forward->pos && forward->end >= end - ADAPTER_SLACK_BP;
    reverse->least = from ? beg : INT64_MIN;
    forward->most = to ? end : INT64_MAX;
}

void kuni_call_read_trim(kuni_call_read *read)
{
    if (read->least == INT64_MIN && read->most == INT64_MAX) return;
    int64_t at = read->pos;
    int32_t query = 0;
    for (uint32_t i = 0; i < read->n_cigar; i++) {
        uint32_t op = bam_cigar_op(read->cigar[i]), n = bam_cigar_oplen(read->cigar[i]);
        int type = bam_cigar_type(op);
        /* clipped bases as if they were aligned; inserted ones are where they stand */
        int64_t first = op == BAM_CSOFT_CLIP && query == 0 ? at - n : at;
        bool moves = type & 2 || op == BAM_CSOFT_CLIP;
        for (uint32_t k = 0; type & 1 && k < n; k++) {
            int64_t here = first + (moves ? k : 0);
            if (here < read->least || here >= read->most) read->qual[query + (int32_t)k] = 0;
        }
        if (type & 1) query += (int32_t)n;
        if (type & 2) at += n;
    }
    read->least = INT64_MIN;
    read->most = INT64_MAX;
}

/* Shares one overlapped pair of bases between the mates. */
static void share_base(uint8_t base_a, uint8_t *a, uint8_t base_b, uint8_t *b)
{
    if (base_a == base_b) {
        int best = *a > *b ? *a : *b, sum = *a + *b;
        int cap = best > FRAGMENT_QUALITY ? best : FRAGMENT_QUALITY;
        int shared = sum < cap ? sum : cap;
        bool first = *a >= *b;
        *a = first ? (uint8_t)shared : 0;
        *b = first ? 0 : (uint8_t)shared;
    } else {
        int more = *a - *b;
        *a = more > 0 ? (uint8_t)more : 0;
        *b = more < 0 ? (uint8_t)-more : 0;
    }
}

typedef struct cursor {
    const kuni_call_read *read;
    uint32_t i;
    int64_t at, segment_end; /* reference */
    int32_t query;           /* offset of base at `at` */
} cursor;

/* Moves to the next run of aligned bases. */
static bool next_run(cursor *c)
{
    int32_t skip = (int32_t)(c->segment_end - c->at);
    c->query += skip;
    c->at = c->segment_end;
    while (c->i < c->read->n_cigar) {
        uint32_t packed = c->read->cigar[c->i++], n = bam_cigar_oplen(packed);
        int type = bam_cigar_type(bam_cigar_op(packed));
        if (type == 3) {
            c->segment_end = c->at + n;
            return true;
        }
        if (type & 1) c->query += (int32_t)n;
        if (type & 2) c->at += n;
    }
    return false;
}

static void share_overlap(kuni_call_read *a, kuni_call_read *b)
{
    cursor x = {.read = a, .at = a->pos, .segment_end = a->pos};
    cursor y = {.read = b, .at = b->pos, .segment_end = b->pos};
    bool more = next_run(&x) && next_run(&y);
    while (more) {
        int64_t beg = x.at > y.at ? x.at : y.at;
        int64_t end = x.segment_end < y.segment_end ? x.segment_end : y.segment_end;
        for (int64_t p = beg; p < end; p++) {
            int32_t i = x.query + (int32_t)(p - x.at), k = y.query + (int32_t)(p - y.at);
            share_base(a->seq[i], &a->qual[i], b->seq[k], &b->qual[k]);
        }
        more = x.segment_end <= y.segment_end ? next_run(&x) : next_run(&y);
    }
}

static kuni_call_read *take_read(kuni_read_window *window, size_t bytes, kuni_error *err)
{
    kuni_call_read *read = window->free_reads;
    if (read) {
        window->free_reads = read->next;
        /* The one after it will be wanted next, and has left the cache since it was used. */
        const kuni_call_read *after = read->next;
        if (after) {
            __builtin_prefetch(after->next);
            __builtin_prefetch(after->seq);
            __builtin_prefetch(after->seq + bytes - 1);
        }
    } else {
        read = kuni_alloc(1, sizeof(*read), err);
        if (!read) return NULL;
    }
    if (read->capacity < bytes) {
        size_t capacity = bytes > READ_BYTES ? bytes : READ_BYTES;
        uint8_t *grown = kuni_realloc(read->seq, capacity, 1, err);
        if (!grown) {
            release(window, read);
            return NULL;
        }
        read->seq = grown;
        read->capacity = capacity;
    }
    return read;
}

/* The room behind `seq` is padded: the second letter of an odd last byte may be written. */
static void unpack(const kuni_read_window *window, kuni_call_read *read, const bam1_t *record)
{
    const uint8_t *restrict packed = bam_get_seq(record), *restrict qual = bam_get_qual(record);
    uint8_t *restrict seq = read->seq, *restrict to = read->qual;
    size_t n = (size_t)read->length;
    for (size_t i = 0; i < (n + 1) / 2; i++) memcpy(seq + 2 * i, window->letters[packed[i]], 2);
    for (size_t i = 0; i < n; i++) to[i] = qual[i] > KUNI_QUAL_TOP ? KUNI_QUAL_TOP : qual[i];
}

/* "*": the name is not known, and equal ones mean nothing. */
static bool is_nameless(const bam1_t *record)
{
    return strcmp(bam_get_qname(record), "*") == 0;
}

static uint64_t hash_bases(const bam1_t *record)
{
    const uint8_t *data = bam_get_seq(record);
    size_t n = ((size_t)record->core.l_qseq + 1) / 2 + (size_t)record->core.l_qseq;
    uint64_t hash = (uint64_t)record->core.pos ^ (uint64_t)record->core.flag << 48;
    for (size_t i = 0; i < n; i++) hash = (hash ^ data[i]) * UINT64_C(0x100000001b3);
    hash = (hash ^ hash >> 29) * UINT64_C(0x94d049bb133111eb);
    return hash ^ hash >> 32;
}

/* Names may come again, in another lane for instance: mates are where they say of each other. */
static bool are_mates(const kuni_call_read *a, const kuni_call_read *b)
{
    const uint16_t which = BAM_FREAD1 | BAM_FREAD2;
    return a->flag & b->flag & BAM_FPAIRED && (a->flag & which) != (b->flag & which) &&
           a->mate_pos == b->pos && b->mate_pos == a->pos && !a->mate && !b->mate;
}

static bool are_the_same(const kuni_call_read *a, const kuni_call_read *b)
{
    return a->pos == b->pos && a->flag == b->flag && a->length == b->length &&
           memcmp(a->seq, b->seq, (size_t)a->length) == 0;
}

static bool passes(const bam1_t *record, const kuni_call_options *options)
{
    const bam1_core_t *c = &record->core;
    const int bad = BAM_FUNMAP | BAM_FSECONDARY | BAM_FQCFAIL | BAM_FDUP | BAM_FSUPPLEMENTARY;
    return !(c->flag & bad) && c->qual >= options->min_mapping_quality && c->l_qseq > 0 &&
           c->l_qseq <= KUNI_READ_BASES_MOST && c->n_cigar > 0 && c->pos >= 0;
}

kuni_status kuni_read_window_add(kuni_read_window *window, const bam1_t *record,
                                 const kuni_call_options *options, kuni_error *err)
{
    window->n_seen++;
    if (!passes(record, options)) return KUNI_OK;
    int64_t bin = record->core.pos / BIN_BP;
    if (bin != window->bin) {
        kuni_status status = thin_bin(window, err);
        if (status) return status;
        window->bin = bin;
        window->bin_first = window->n_reads;
    }
    size_t n = (size_t)record->core.l_qseq, n_cigar = record->core.n_cigar;
    size_t padded = (n + 15) / 16 * 16;
    kuni_call_read *read = take_read(window, 2 * padded + n_cigar * sizeof(uint32_t), err);
    if (!read) return KUNI_MEMORY;
    read->pos = record->core.pos;
    bool nameless = is_nameless(record);
    read->name = nameless ? hash_bases(record) : kuni_read_name_hash(record);
    read->mate_pos = record->core.mtid == record->core.tid ? record->core.mpos : -1;
    kuni_call_read **chain = bucket(window, read->name), *mate = NULL;
    __builtin_prefetch(chain); /* wanted when the read is unpacked */
    read->mate = NULL;
    read->qual = read->seq + padded;
    read->cigar = (uint32_t *)(void *)(read->seq + 2 * padded);
    read->n_cigar = (uint32_t)n_cigar;
    read->length = record->core.l_qseq;
    read->flag = record->core.flag;
    read->mapq = record->core.qual;
    read->n_mismatch = 0;
    memcpy(read->cigar, record->data + record->core.l_qname, n_cigar * sizeof(uint32_t));
    if (!measure(read)) {
        release(window, read);
        return KUNI_OK;
    }
    unpack(window, read, record);
    set_bounds(read, record);
    for (kuni_call_read *other = nameless ? NULL : *chain; other; other = other->next) {
        if (other->name != read->name) continue;
        if (are_the_same(other, read)) {
            release(window, read); /* the same record twice: public files have it */
            return KUNI_OK;
        }
        if (are_mates(other, read) && other->end > read->pos) mate = other;
    }
    if (mate) {
        mate->mate = read;
        read->mate = mate;
        settle_bounds(mate, read);
        kuni_call_read_trim(mate);
        kuni_call_read_trim(read);
        share_overlap(mate, read);
    }
    read->next = *chain;
    *chain = read;
    kuni_status status = kuni_grow((void **)&window->reads, &window->capacity, window->n_reads + 1,
                                   sizeof(*window->reads), err);
    if (status) return status;
    window->reads[window->n_reads++] = read;
    window->n_used++;
    return KUNI_OK;
}

void kuni_read_window_retire(kuni_read_window *window, int64_t pos)
{
    size_t kept = 0, piled = 0, dropped = 0;
    for (size_t i = 0; i < window->n_reads; i++) {
        kuni_call_read *read = window->reads[i];
        if (read->end <= pos && i < window->bin_first) {
            dropped++;
            forget(window, read);
            continue;
        }
        window->reads[kept++] = read;
        if (i < window->n_piled) piled++;
    }
    window->n_reads = kept;
    window->n_piled = piled;
    window->bin_first -= dropped;
}

size_t kuni_read_window_find(const kuni_read_window *window, int64_t pos)
{
    size_t low = 0, high = window->n_reads;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (window->reads[mid]->pos <= pos - KUNI_SPAN_BP)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}
