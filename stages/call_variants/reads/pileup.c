/* SPDX-License-Identifier: MIT */
#include "pileup.h"

#include <string.h>

#include "gaps.h"

enum {
    CLIP_BASES_LEAST = 6,   /* shorter soft clips are noise of the aligner */
    CLIP_QUALITY_LEAST = 20 /* mean */
};

void kuni_pileup_start(kuni_pileup *pileup, int64_t beg)
{
    memset(pileup, 0, sizeof(*pileup));
    pileup->beg = beg;
}

#define SLIDE(array)                                                                               \
    do {                                                                                           \
        memmove(array, (array) + by, (KUNI_PILEUP_BP - by) * sizeof((array)[0]));                  \
        memset((array) + KUNI_PILEUP_BP - by, 0, by * sizeof((array)[0]));                         \
    } while (0)

void kuni_pileup_slide(kuni_pileup *pileup, int64_t beg)
{
    if (beg - pileup->beg >= KUNI_PILEUP_BP) {
        kuni_pileup_start(pileup, beg);
        return;
    }
    size_t by = (size_t)(beg - pileup->beg);
    if (!by) return;
    uint32_t open = 0; /* reads that started before the new element 0 and have not ended */
    for (size_t i = 0; i < by; i++) open += (uint32_t)pileup->starts[i] - pileup->ends[i];
    SLIDE(pileup->match);
    SLIDE(pileup->starts);
    SLIDE(pileup->ends);
    pileup->starts[0] = (uint16_t)(pileup->starts[0] + open);
    for (int base = 0; base < 4; base++) {
        SLIDE(pileup->differ[base]);
        SLIDE(pileup->differ_q[base]);
    }
    SLIDE(pileup->insertion);
    SLIDE(pileup->deletion);
    SLIDE(pileup->indel_q);
    SLIDE(pileup->roll);
    SLIDE(pileup->gone);
    SLIDE(pileup->spanned);
    SLIDE(pileup->clip);
    pileup->beg = beg;
}

int64_t kuni_indel_left_align(const kuni_call_reference *reference, int64_t pos, int32_t length,
                              uint8_t *inserted, int64_t least)
{
    if (!inserted) {
        while (pos > least) {
            char before = kuni_reference_base(reference, pos - 1);
            if (before == 'N' || before != kuni_reference_base(reference, pos + length - 1)) break;
            pos--;
        }
        return pos;
    }
    int32_t turns = 0; /* the inserted string rotated right by `turns` */
    while (pos > least) {
        int32_t last = length - 1 - turns % length;
        char before = kuni_reference_base(reference, pos - 1);
        if (before == 'N' || before != (char)inserted[last]) break;
        turns++;
        pos--;
    }
    turns %= length;
    for (; turns > 0; turns--) {
        uint8_t last = inserted[length - 1];
        memmove(inserted + 1, inserted, (size_t)(length - 1));
        inserted[0] = last;
    }
    return pos;
}

int kuni_indel_roll(const kuni_call_reference *reference, int64_t pos, int32_t length,
                    const uint8_t *inserted)
{
    int n = 0;
    if (inserted) {
        while (n < KUNI_ROLL_MOST_BP &&
               kuni_reference_base(reference, pos + n) == (char)inserted[n % length])
            n++;
        return n;
    }
    while (n < KUNI_ROLL_MOST_BP) {
        char base = kuni_reference_base(reference, pos + n);
        if (base == 'N' || base != kuni_reference_base(reference, pos + length + n)) break;
        n++;
    }
    return n;
}

static void add_difference(kuni_pileup *pileup, kuni_call_read *read, int32_t q, int64_t i)
{
    unsigned base = kuni_base_code((char)read->seq[q]);
    if (base > 3) return;
    uint32_t quality = read->qual[q] < read->mapq ? read->qual[q] : read->mapq;
    if (pileup->differ[base][i] < UINT16_MAX) pileup->differ[base][i]++;
    pileup->differ_q[base][i] += quality;
    if (read->n_mismatch < UINT16_MAX) read->n_mismatch++;
}

/* Counts the bases of quality that agree; returns how many of quality differ. */
__attribute__((always_inline)) static inline unsigned
count_matches(const uint8_t *restrict seq, const uint8_t *restrict qual,
              const uint8_t *restrict ref, uint16_t *restrict match, int32_t length, uint8_t least)
{
    unsigned differs = 0;
    for (int32_t i = 0; i < length; i++) {
        unsigned good = qual[i] >= least, same = seq[i] == ref[i];
        match[i] = (uint16_t)(match[i] + (good & same));
        differs += good & !same;
    }
    return differs;
}

/* The same in wider vectors, where the processor has them. */
#if defined(__x86_64__)
__attribute__((target("avx2"))) static unsigned
count_matches_wide(const uint8_t *seq, const uint8_t *qual, const uint8_t *ref, uint16_t *match,
                   int32_t length, uint8_t least)
{
    return count_matches(seq, qual, ref, match, length, least);
}
#endif

/* One run of aligned bases: counts what agrees, lists what differs. */
static void add_run(kuni_pileup *pileup, kuni_call_read *read, int32_t query, int64_t at,
                    int32_t length, const kuni_call_reference *reference, uint8_t least)
{
    const uint8_t *seq = read->seq + query, *qual = read->qual + query;
    const uint8_t *ref = (const uint8_t *)reference->seq + (at - reference->beg);
    uint16_t *match = pileup->match + (at - pileup->beg);
    unsigned differs;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2"))
        differs = count_matches_wide(seq, qual, ref, match, length, least);
    else
#endif
        differs = count_matches(seq, qual, ref, match, length, least);
    for (int32_t from = 0; differs && from < length; from += 8) {
        int32_t to = from + 8 < length ? from + 8 : length;
        if (to == from + 8 && memcmp(seq + from, ref + from, 8) == 0) continue;
        for (int32_t i = from; i < to; i++) {
            if (seq[i] == ref[i] || qual[i] < least) continue;
            differs--;
            if (ref[i] != 'N') add_difference(pileup, read, query + i, at + i - pileup->beg);
        }
    }
}

static void add_indel(kuni_pileup *pileup, const kuni_call_read *read, int32_t query, int64_t at,
                      int32_t length, bool is_insertion, const kuni_call_reference *reference)
{
    uint8_t inserted[256];
    int64_t pos = at;
    if (!is_insertion || length <= (int32_t)sizeof(inserted)) {
        if (is_insertion) memcpy(inserted, read->seq + query, (size_t)length);
        pos = kuni_indel_left_align(reference, at, length, is_insertion ? inserted : NULL,
                                    at - KUNI_REGION_BP);
    }
    int64_t i = pos - 1 - pileup->beg;
    if (i < 0 || i >= KUNI_PILEUP_BP) return;
    uint16_t *count = is_insertion ? pileup->insertion : pileup->deletion;
    count[i]++;
    if (!is_insertion || length <= (int32_t)sizeof(inserted)) {
        int roll = kuni_indel_roll(reference, pos, length, is_insertion ? inserted : NULL);
        if (roll > pileup->roll[i]) pileup->roll[i] = (uint16_t)roll;
    }
    if (!is_insertion && length > pileup->gone[i])
        pileup->gone[i] = (uint16_t)(length < UINT16_MAX ? length : UINT16_MAX);
    int phred = kuni_indel_error_phred(reference, pos - 1);
    pileup->indel_q[i] += (uint32_t)(phred < read->mapq ? phred : read->mapq);
}

static void add_clip(kuni_pileup *pileup, const kuni_call_read *read, int32_t query, int32_t length,
                     int64_t at)
{
    int64_t i = at - pileup->beg;
    if (length < CLIP_BASES_LEAST || i < 0 || i >= KUNI_PILEUP_BP) return;
    int sum = 0;
    for (int32_t k = 0; k < length; k++) sum += read->qual[query + k];
    if (sum >= CLIP_QUALITY_LEAST * length) pileup->clip[i]++;
}

void kuni_pileup_add(kuni_pileup *pileup, kuni_call_read *read,
                     const kuni_call_reference *reference, const kuni_call_options *options)
{
    int64_t at = read->pos, end = pileup->beg + KUNI_PILEUP_BP;
    if (end > reference->end) end = reference->end;
    int64_t beg = pileup->beg > reference->beg ? pileup->beg : reference->beg;
    if (read->end <= beg || at >= end) return;
    int32_t query = 0;
    uint8_t least = (uint8_t)(options->min_base_quality > 0 ? options->min_base_quality : 1);
    for (uint32_t k = 0; k < read->n_cigar && at <= read->end; k++) {
        uint32_t op = bam_cigar_op(read->cigar[k]);
        int32_t n = (int32_t)bam_cigar_oplen(read->cigar[k]);
        int type = bam_cigar_type(op);
        if (type == 3) {
            int64_t from = at > beg ? at : beg, to = at + n < end ? at + n : end;
            if (to > read->end) to = read->end;
            if (from < to)
                add_run(pileup, read, query + (int32_t)(from - at), from, (int32_t)(to - from),
                        reference, least);
        } else if (op == BAM_CINS && at > read->pos && at < read->end) {
            add_indel(pileup, read, query, at, n, true, reference);
        } else if (op == BAM_CDEL && at > read->pos && at < read->end) {
            add_indel(pileup, read, query, at, n, false, reference);
            for (int64_t p = at > beg ? at : beg; p < at + n && p < end && p < read->end; p++)
                pileup->spanned[p - pileup->beg]++;
        } else if (op == BAM_CSOFT_CLIP) {
            add_clip(pileup, read, query, n, query == 0 ? at : at - 1);
        }
        if (type & 1) query += n;
        if (type & 2) at += n;
    }
    pileup->starts[read->pos >= pileup->beg ? read->pos - pileup->beg : 0]++;
    if (read->end >= beg && read->end < end) pileup->ends[read->end - pileup->beg]++;
}
