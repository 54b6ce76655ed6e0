/* SPDX-License-Identifier: MIT */
#include "tally.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "kuni/reads.h"

enum {
    MARGIN_BP = 1 << 14, /* sequence fetched beyond the shard at first */
    BASE_N = 15,         /* htslib's code */
    WINDOW_N_MOST = 4,   /* windows with more N have no GC (Picard CollectGcBiasMetrics) */
    CHIMERA_BP = 100000, /* mates further apart are chimeric (Picard) */
    CHIMERA_MAPQ = 20,
    MAPQ_UNKNOWN = 255
};

struct kuni_qc_tally {
    kuni_genome *genome;
    kuni_span shard;
    int64_t contig_bp;
    int64_t ref_beg, ref_end; /* the stretch held in `reference` */
    uint8_t *reference;       /* 4-bit codes, one a byte */
    int8_t *gc;               /* of the windows that start at each position held, -1: none */
    uint64_t *counts;
    uint8_t *bases; /* the record's, 4-bit codes */
    size_t bases_capacity;
    int64_t *mismatches;
    size_t n_mismatches, mismatch_capacity;
    uint64_t mismatch_n; /* differing bases of the record, N included */
    /*
     * Qualities by cycle, [first, last][quality][cycle]: equal qualities of neighbouring cycles lie
     * side by side, so a read's counts stay in the nearest cache. Folded into the counters at the
     * end of the sample.
     */
    uint32_t qualities[2][KUNI_QC_QUALITIES][KUNI_QC_CYCLES];
    int64_t aligned[2][KUNI_QC_CYCLES + 1],
        clipped[2][KUNI_QC_CYCLES + 1]; /* differences by cycle */
};

/* GC of all windows of the stretch held, by a sliding sum. */
static void slide_windows(kuni_qc_tally *tally)
{
    const uint8_t *base = tally->reference;
    int64_t n = tally->ref_end - tally->ref_beg;
    int gc = 0, unknown = 0;
    for (int64_t end = 0; end < n; end++) {
        gc += base[end] == 2 || base[end] == 4;
        unknown += base[end] == BASE_N;
        int64_t beg = end - KUNI_QC_GC_WINDOW_BP + 1;
        if (beg < 0) continue;
        int known = KUNI_QC_GC_WINDOW_BP - unknown;
        tally->gc[beg] = (int8_t)(unknown == 0              ? gc
                                  : unknown > WINDOW_N_MOST ? -1
                                                            : (gc * 100 + known / 2) / known);
        gc -= base[beg] == 2 || base[beg] == 4;
        unknown -= base[beg] == BASE_N;
    }
    for (int64_t beg = n < KUNI_QC_GC_WINDOW_BP ? 0 : n - KUNI_QC_GC_WINDOW_BP + 1; beg < n; beg++)
        tally->gc[beg] = -1;
}

static kuni_status fetch(kuni_qc_tally *tally, int64_t beg, int64_t end, kuni_error *err)
{
    char *text = NULL;
    int64_t n = 0;
    kuni_status status =
        kuni_genome_fetch(tally->genome, (kuni_span){tally->shard.tid, beg, end}, &text, &n, err);
    if (status) return status;
    for (int64_t i = 0; i < n; i++) text[i] = (char)seq_nt16_table[(unsigned char)text[i]];
    free(tally->reference);
    tally->reference = (uint8_t *)text;
    tally->ref_beg = beg;
    tally->ref_end = beg + n;
    free(tally->gc);
    tally->gc = kuni_alloc((size_t)n, sizeof(*tally->gc), err);
    if (!tally->gc) return KUNI_MEMORY;
    slide_windows(tally);
    return KUNI_OK;
}

kuni_status kuni_qc_tally_new(kuni_qc_tally **out, kuni_genome *genome, kuni_span shard,
                              kuni_error *err)
{
    kuni_qc_tally *tally = kuni_alloc(1, sizeof(*tally), err);
    if (!tally) return KUNI_MEMORY;
    tally->genome = genome;
    tally->shard = shard;
    if (shard.tid >= 0) {
        tally->contig_bp = kuni_genome_contig(genome, shard.tid)->length_bp;
        int64_t beg = shard.beg > KUNI_QC_GC_WINDOW_BP ? shard.beg - KUNI_QC_GC_WINDOW_BP : 0;
        int64_t end =
            shard.end + MARGIN_BP < tally->contig_bp ? shard.end + MARGIN_BP : tally->contig_bp;
        kuni_status status = fetch(tally, beg, end, err);
        if (status) {
            kuni_qc_tally_free(tally);
            return status;
        }
    }
    *out = tally;
    return KUNI_OK;
}

void kuni_qc_tally_free(kuni_qc_tally *tally)
{
    if (!tally) return;
    free(tally->reference);
    free(tally->gc);
    free(tally->bases);
    free(tally->mismatches);
    free(tally);
}

const uint8_t *kuni_qc_tally_sequence(const kuni_qc_tally *tally)
{
    return tally->reference + (tally->shard.beg - tally->ref_beg);
}

/* Per cent of G and C in the window that starts at `beg`, or -1: off the contig, or too many N. */
static int window_gc(const kuni_qc_tally *tally, int64_t beg)
{
    return beg < tally->ref_beg || beg >= tally->ref_end ? -1 : tally->gc[beg - tally->ref_beg];
}

void kuni_qc_tally_windows(kuni_qc_tally *tally, uint64_t *reference)
{
    for (int64_t beg = tally->shard.beg; beg < tally->shard.end; beg++) {
        int gc = window_gc(tally, beg);
        if (gc >= 0) reference[KUNI_QC_AT_WINDOW_GC + gc]++;
    }
}

void kuni_qc_tally_begin(kuni_qc_tally *tally, uint64_t *counts)
{
    tally->counts = counts;
    memset(tally->qualities, 0, sizeof(tally->qualities));
    memset(tally->aligned, 0, sizeof(tally->aligned));
    memset(tally->clipped, 0, sizeof(tally->clipped));
}

/* Qualities by cycle, and the sums over all reads that follow from them. */
static void fold_qualities(kuni_qc_tally *tally)
{
    uint64_t *counts = tally->counts;
    for (int which = 0; which < 2; which++)
        for (int quality = 0; quality < KUNI_QC_QUALITIES; quality++) {
            uint64_t *to =
                counts + KUNI_QC_AT_QUALITY + which * KUNI_QC_CYCLES * KUNI_QC_QUALITIES + quality;
            uint64_t n = 0;
            for (int cycle = 0; cycle < KUNI_QC_CYCLES; cycle++) {
                n += tally->qualities[which][quality][cycle];
                to[cycle * KUNI_QC_QUALITIES] += tally->qualities[which][quality][cycle];
            }
            counts[KUNI_QC_SUM_QUALITY] += n * (uint64_t)quality;
            counts[KUNI_QC_BASES_PF_Q20] += quality >= 20 ? n : 0;
            counts[KUNI_QC_BASES_PF_Q30] += quality >= 30 ? n : 0;
        }
}

void kuni_qc_tally_end(kuni_qc_tally *tally)
{
    fold_qualities(tally);
    for (int which = 0; which < 2; which++) {
        int64_t aligned = 0, clipped = 0;
        uint64_t *to = tally->counts + which * KUNI_QC_CYCLES;
        for (int cycle = 0; cycle < KUNI_QC_CYCLES; cycle++) {
            aligned += tally->aligned[which][cycle];
            clipped += tally->clipped[which][cycle];
            to[KUNI_QC_AT_ALIGNED + cycle] += (uint64_t)aligned;
            to[KUNI_QC_AT_CLIPPED + cycle] += (uint64_t)clipped;
        }
    }
}

/* Marks the read's bases [beg, end) in a difference array over cycles. */
static void mark_cycles(int64_t *differences, int64_t beg, int64_t end, int64_t length,
                        bool reverse)
{
    if (reverse) {
        int64_t turned = length - end;
        end = length - beg;
        beg = turned;
    }
    if (beg >= KUNI_QC_CYCLES) return;
    differences[beg]++;
    differences[end < KUNI_QC_CYCLES ? end : KUNI_QC_CYCLES]--;
}

static kuni_status unpack_bases(kuni_qc_tally *tally, const bam1_t *record, kuni_error *err)
{
    size_t n = (size_t)record->core.l_qseq;
    if (n + 2 > tally->bases_capacity) {
        kuni_status status =
            kuni_grow((void **)&tally->bases, &tally->bases_capacity, n + 2, 1, err);
        if (status) return status;
    }
    const uint8_t *restrict packed = bam_get_seq(record);
    uint8_t *restrict bases = tally->bases;
    for (size_t i = 0; i < (n + 1) / 2; i++) {
        bases[2 * i] = packed[i] >> 4;
        bases[2 * i + 1] = packed[i] & 15;
    }
    return KUNI_OK;
}

static kuni_status note_difference(kuni_qc_tally *tally, uint8_t base, uint8_t reference,
                                   int64_t pos, kuni_error *err)
{
    if (base == 0) return KUNI_OK; /* '=' */
    tally->mismatch_n++;
    if (base == BASE_N || reference == BASE_N) return KUNI_OK;
    if (tally->n_mismatches == tally->mismatch_capacity) {
        kuni_status status = kuni_grow((void **)&tally->mismatches, &tally->mismatch_capacity,
                                       tally->n_mismatches + 1, sizeof(*tally->mismatches), err);
        if (status) return status;
    }
    tally->mismatches[tally->n_mismatches++] = pos;
    return KUNI_OK;
}

/* Compares n aligned bases with the reference, eight at a time; nearly all are equal. */
static kuni_status compare_run(kuni_qc_tally *tally, const uint8_t *bases, int64_t pos, int64_t n,
                               kuni_error *err)
{
    if (pos < tally->ref_beg) { /* left of the shard: of no interest there */
        int64_t skip = tally->ref_beg - pos < n ? tally->ref_beg - pos : n;
        bases += skip;
        pos += skip;
        n -= skip;
    }
    if (pos + n > tally->ref_end) n = tally->ref_end - pos;
    const uint8_t *reference = tally->reference + (pos - tally->ref_beg);
    kuni_status status = KUNI_OK;
    int64_t i = 0;
    for (; i + 8 <= n && !status; i += 8) {
        uint64_t a, b;
        memcpy(&a, bases + i, 8);
        memcpy(&b, reference + i, 8);
        if (a == b) continue;
        for (int64_t k = i; k < i + 8 && !status; k++)
            if (bases[k] != reference[k])
                status = note_difference(tally, bases[k], reference[k], pos + k, err);
    }
    for (; i < n && !status; i++)
        if (bases[i] != reference[i])
            status = note_difference(tally, bases[i], reference[i], pos + i, err);
    return status;
}

/* Fetches more sequence where a record reaches beyond what is held. */
static kuni_status cover(kuni_qc_tally *tally, int64_t end, kuni_error *err)
{
    if (end <= tally->ref_end || tally->ref_end == tally->contig_bp) return KUNI_OK;
    int64_t reach = end + MARGIN_BP < tally->contig_bp ? end + MARGIN_BP : tally->contig_bp;
    return fetch(tally, tally->ref_beg, reach, err);
}

static kuni_status compare(kuni_qc_tally *tally, const bam1_t *record, int64_t end, kuni_error *err)
{
    tally->n_mismatches = 0;
    tally->mismatch_n = 0;
    kuni_status status = cover(tally, end, err);
    const uint32_t *cigar = bam_get_cigar(record);
    int64_t pos = record->core.pos, at = 0;
    for (uint32_t k = 0; k < record->core.n_cigar && !status; k++) {
        int64_t length = bam_cigar_oplen(cigar[k]);
        int type = bam_cigar_type(bam_cigar_op(cigar[k]));
        if (type == 3 && at + length <= record->core.l_qseq)
            status = compare_run(tally, tally->bases + at, pos, length, err);
        if (type & 1) at += length;
        if (type & 2) pos += length;
    }
    return status;
}

kuni_status kuni_qc_tally_mismatches(kuni_qc_tally *tally, const bam1_t *record, int64_t end,
                                     const int64_t **positions, size_t *n_positions,
                                     kuni_error *err)
{
    if (record->core.pos < tally->shard.beg) {
        kuni_status status = unpack_bases(tally, record, err);
        if (!status) status = compare(tally, record, end, err);
        if (status) return status;
    }
    *positions = tally->mismatches;
    *n_positions = tally->n_mismatches;
    return KUNI_OK;
}

/* Cycle of the base at an index of the read, sequencing order. */
static inline int64_t cycle_of(int64_t at, int64_t length, bool reverse)
{
    return reverse ? length - 1 - at : at;
}

/* The read index of each mismatch, to place it in its cycle. */
static void count_mismatch_cycles(kuni_qc_tally *tally, const bam1_t *record, uint64_t *cycles)
{
    const uint32_t *cigar = bam_get_cigar(record);
    bool reverse = bam_is_rev(record);
    int64_t pos = record->core.pos, at = 0;
    size_t next = 0;
    for (uint32_t k = 0; k < record->core.n_cigar && next < tally->n_mismatches; k++) {
        int64_t length = bam_cigar_oplen(cigar[k]);
        int type = bam_cigar_type(bam_cigar_op(cigar[k]));
        while (type == 3 && next < tally->n_mismatches && tally->mismatches[next] < pos + length) {
            int64_t cycle =
                cycle_of(at + tally->mismatches[next++] - pos, record->core.l_qseq, reverse);
            if (cycle < KUNI_QC_CYCLES) cycles[cycle]++;
        }
        if (type & 1) at += length;
        if (type & 2) pos += length;
    }
}

/*
 * Alignment of a mapped record: CIGAR sums, mismatches, clipping. `profile`: primary, not
 * duplicate.
 */
static kuni_status count_alignment(kuni_qc_tally *tally, const bam1_t *record, int64_t end,
                                   bool primary, kuni_error *err)
{
    uint64_t *counts = tally->counts;
    const bam1_core_t *core = &record->core;
    bool reverse = bam_is_rev(record), profile = primary && !(core->flag & BAM_FDUP);
    int which = (core->flag & BAM_FREAD2) ? 1 : 0;
    kuni_status status = compare(tally, record, end, err);
    if (status) return status;
    const uint32_t *cigar = bam_get_cigar(record);
    uint64_t matched = 0, inserted = 0, deleted = 0;
    int64_t at = 0;
    for (uint32_t k = 0; k < core->n_cigar; k++) {
        int op = bam_cigar_op(cigar[k]);
        int64_t length = bam_cigar_oplen(cigar[k]);
        int64_t bin = length < KUNI_QC_INDEL_BP ? length : KUNI_QC_INDEL_BP - 1;
        if (op == BAM_CINS) {
            inserted += (uint64_t)length;
            counts[KUNI_QC_AT_INSERTED + bin]++;
        } else if (op == BAM_CDEL) {
            deleted += (uint64_t)length;
            counts[KUNI_QC_AT_DELETED + bin]++;
        } else if (op == BAM_CSOFT_CLIP && primary) {
            counts[KUNI_QC_SOFT_CLIPPED] += (uint64_t)length;
            mark_cycles(tally->clipped[which], at, at + length, core->l_qseq, reverse);
        } else if (op == BAM_CHARD_CLIP && primary) {
            counts[KUNI_QC_HARD_CLIPPED] += (uint64_t)length;
        } else if (bam_cigar_type(op) == 3) {
            matched += (uint64_t)length;
            if (profile) mark_cycles(tally->aligned[which], at, at + length, core->l_qseq, reverse);
        }
        if (bam_cigar_type(op) & 1) at += length;
    }
    counts[KUNI_QC_BASES_CIGAR] += matched + inserted;
    counts[KUNI_QC_EDITS] += tally->mismatch_n + inserted + deleted;
    if (profile) {
        counts[KUNI_QC_COMPARED] += matched;
        counts[KUNI_QC_MISMATCHES] += tally->n_mismatches;
        if (tally->n_mismatches)
            count_mismatch_cycles(tally, record,
                                  counts + KUNI_QC_AT_MISMATCH + which * KUNI_QC_CYCLES);
        int gc = window_gc(tally, reverse ? end - KUNI_QC_GC_WINDOW_BP : core->pos);
        if (gc >= 0) counts[KUNI_QC_AT_WINDOW_GC + gc]++;
    }
    return KUNI_OK;
}

/*
 * G and C, and N, of the record's bases: byte sums a block, which compilers turn into vector code.
 */
static void count_composition(const uint8_t *bases, int64_t length, int64_t *gc, int64_t *n)
{
    enum { BLOCK = 128 };
    *gc = *n = 0;
    for (int64_t from = 0; from < length; from += BLOCK) {
        int64_t to = from + BLOCK < length ? from + BLOCK : length;
        uint8_t block_gc = 0, block_n = 0;
        for (int64_t i = from; i < to; i++) {
            block_gc = (uint8_t)(block_gc + (bases[i] == 2) + (bases[i] == 4));
            block_n = (uint8_t)(block_n + (bases[i] == BASE_N));
        }
        *gc += block_gc;
        *n += block_n;
    }
}

/* Adds a read's qualities to the table [quality][cycle], eight cycles at a time. */
static void count_qualities(uint32_t *table, const uint8_t *quality, int64_t length, int64_t most,
                            bool reverse)
{
    const uint64_t ones = 0x0101010101010101u, too_high = 0xc0c0c0c0c0c0c0c0u;
    int64_t cycle = 0;
    for (; cycle + 8 <= most; cycle += 8) {
        uint64_t eight; /* the lowest byte is the first cycle's */
        memcpy(&eight, reverse ? quality + length - 8 - cycle : quality + cycle, sizeof(eight));
        eight = reverse ? be64toh(eight) : le64toh(eight);
        if (eight & too_high) break;
        uint32_t *to = table + cycle;
        if (eight == (eight & 0xff) * ones) { /* common with binned qualities */
            to += (eight & 0xff) * KUNI_QC_CYCLES;
            for (int k = 0; k < 8; k++) to[k]++;
            continue;
        }
        for (int k = 0; k < 8; k++) to[(eight >> (8 * k) & 0xff) * KUNI_QC_CYCLES + k]++;
    }
    for (; cycle < most; cycle++) {
        uint8_t one = quality[reverse ? length - 1 - cycle : cycle];
        table[(one < KUNI_QC_QUALITIES ? one : KUNI_QC_QUALITIES - 1) * KUNI_QC_CYCLES + cycle]++;
    }
}

/*
 * Base qualities by cycle; the sums over all bases are made of them in fold_qualities. GC of the
 * read.
 */
static void count_bases(kuni_qc_tally *tally, const bam1_t *record)
{
    uint64_t *counts = tally->counts;
    int64_t length = record->core.l_qseq, gc, n;
    int which = (record->core.flag & BAM_FREAD2) ? 1 : 0;
    const uint8_t *quality = bam_get_qual(record);
    count_composition(tally->bases, length, &gc, &n);
    counts[KUNI_QC_BASES_N] += (uint64_t)n;
    if (length > n)
        counts[KUNI_QC_AT_READ_GC + which * KUNI_QC_GC_BINS +
               (gc * 100 + (length - n) / 2) / (length - n)]++;
    counts[KUNI_QC_BASES_NO_QUALITY] += kuni_read_lacks_qualities(record);
    int64_t most = length < KUNI_QC_CYCLES ? length : KUNI_QC_CYCLES;
    count_qualities(&tally->qualities[which][0][0], quality, length, most, bam_is_rev(record));
    bool failed = (record->core.flag & BAM_FQCFAIL) != 0;
    if (most == length && !failed) return;
    /*
     * Rare: later cycles are not in the profile, and bases of failed reads are no yield. Counters
     * wrap on the way.
     */
    for (int64_t i = 0; i < length; i++) {
        int64_t cycle = cycle_of(i, length, bam_is_rev(record));
        uint64_t profiled = cycle < most;
        if (!profiled) counts[KUNI_QC_SUM_QUALITY] += quality[i];
        counts[KUNI_QC_BASES_PF_Q20] += (quality[i] >= 20) * ((failed ? 0u : 1u) - profiled);
        counts[KUNI_QC_BASES_PF_Q30] += (quality[i] >= 30) * ((failed ? 0u : 1u) - profiled);
    }
}

/* Insert size and orientation; both reads of a pair count, as in samtools stats. */
static void count_pair(uint64_t *counts, const bam1_core_t *core)
{
    if (!(core->flag & BAM_FPAIRED) || (core->flag & (BAM_FUNMAP | BAM_FMUNMAP))) return;
    counts[KUNI_QC_READS_BOTH_MAPPED]++;
    int64_t insert = core->isize < 0 ? -core->isize : core->isize;
    if (core->qual >= CHIMERA_MAPQ && !(core->flag & (BAM_FDUP | BAM_FQCFAIL))) {
        counts[KUNI_QC_CHIMERIC_OF]++;
        counts[KUNI_QC_CHIMERIC] += core->tid != core->mtid || insert > CHIMERA_BP;
    }
    if (core->tid != core->mtid) {
        counts[KUNI_QC_READS_OTHER_CONTIG]++;
        return;
    }
    if (insert >= KUNI_QC_INSERT_BP) insert = KUNI_QC_INSERT_BP - 1;
    bool forward = !(core->flag & BAM_FREVERSE), mate_forward = !(core->flag & BAM_FMREVERSE);
    size_t at = KUNI_QC_AT_INSERT_OTHER;
    if (forward != mate_forward) {
        /*
         * Of a pair that faces each other the leftmost read points right. Equal places count as
         * leftmost for the first of the pair.
         */
        int64_t apart = core->mpos - core->pos;
        if (apart == 0) apart = (core->flag & BAM_FREAD1) ? 1 : -1;
        at = (apart > 0) == forward ? KUNI_QC_AT_INSERT_IN : KUNI_QC_AT_INSERT_OUT;
    }
    counts[at + (size_t)insert]++;
}

/* Of mapped reads: what is not known, and what calling leaves out. */
static void count_mapped(uint64_t *counts, const bam1_t *record)
{
    const bam1_core_t *core = &record->core;
    bool pf = !(core->flag & BAM_FQCFAIL), no_mapq = kuni_read_lacks_mapq(record);
    counts[KUNI_QC_READS_MAPPED]++;
    counts[KUNI_QC_READS_PF_MAPPED] += pf;
    counts[KUNI_QC_MAPPED_PF_DUPLICATE] += pf && (core->flag & BAM_FDUP);
    counts[KUNI_QC_READS_MAPQ0] += core->qual == 0;
    counts[KUNI_QC_READS_NO_MAPQ] += no_mapq;
    counts[KUNI_QC_AT_MAPQ + (no_mapq ? MAPQ_UNKNOWN : core->qual)]++;
    if (core->l_qseq > KUNI_READ_BASES_MOST) {
        counts[KUNI_QC_READS_TOO_LONG]++;
        counts[KUNI_QC_BASES_TOO_LONG] += (uint64_t)core->l_qseq;
    }
    if (core->tid >= 0)
        counts[KUNI_QC_AT_CONTIGS + (size_t)core->tid * KUNI_QC_CONTIG_COUNTS +
               KUNI_QC_CONTIG_READS]++;
}

static void count_flags(uint64_t *counts, const bam1_t *record)
{
    uint16_t flag = record->core.flag;
    bool mapped = !(flag & BAM_FUNMAP), pf = !(flag & BAM_FQCFAIL);
    bool proper = (flag & BAM_FPAIRED) && (flag & BAM_FPROPER_PAIR) && mapped;
    counts[KUNI_QC_READS]++;
    counts[(flag & BAM_FREAD2) ? KUNI_QC_READS_LAST : KUNI_QC_READS_FIRST]++;
    counts[KUNI_QC_READS_PAIRED] += (flag & BAM_FPAIRED) != 0;
    counts[KUNI_QC_READS_DUPLICATE] += (flag & BAM_FDUP) != 0;
    counts[KUNI_QC_READS_QCFAIL] += !pf;
    counts[KUNI_QC_READS_PF] += pf;
    counts[KUNI_QC_READS_PROPER] += proper;
    counts[KUNI_QC_READS_PF_PROPER] += proper && pf;
    if (mapped) count_mapped(counts, record);
}

static void count_lengths(uint64_t *counts, const bam1_core_t *core)
{
    uint64_t length = (uint64_t)core->l_qseq;
    counts[KUNI_QC_AT_LENGTH + (length < KUNI_QC_READ_LENGTHS ? length : KUNI_QC_READ_LENGTHS)]++;
    counts[KUNI_QC_BASES] += length;
    counts[(core->flag & BAM_FREAD2) ? KUNI_QC_BASES_LAST : KUNI_QC_BASES_FIRST] += length;
    if (!(core->flag & BAM_FUNMAP)) counts[KUNI_QC_BASES_MAPPED] += length;
    if (core->flag & BAM_FDUP) counts[KUNI_QC_BASES_DUPLICATE] += length;
    if (!(core->flag & BAM_FQCFAIL)) counts[KUNI_QC_BASES_PF] += length;
}

kuni_status kuni_qc_tally_add(kuni_qc_tally *tally, const bam1_t *record, int64_t end,
                              kuni_error *err)
{
    const bam1_core_t *core = &record->core;
    uint64_t *counts = tally->counts;
    tally->n_mismatches = 0;
    if (core->flag & BAM_FSECONDARY) {
        counts[KUNI_QC_SECONDARY]++;
        return KUNI_OK;
    }
    bool primary = !(core->flag & BAM_FSUPPLEMENTARY);
    if (primary) {
        count_flags(counts, record);
        count_lengths(counts, core);
        count_pair(counts, core);
    } else {
        counts[KUNI_QC_SUPPLEMENTARY]++;
    }
    if (core->l_qseq == 0) return KUNI_OK;
    kuni_status status = unpack_bases(tally, record, err);
    if (status) return status;
    if (primary) count_bases(tally, record);
    if (!(core->flag & BAM_FUNMAP) && core->tid >= 0)
        status = count_alignment(tally, record, end, primary, err);
    return status;
}
