/* SPDX-License-Identifier: MIT */
#include "blocks.h"

#include <string.h>

enum {
    GQ_MOST = 99,
    HAPLOID_BASE_PHRED = 20,
    BUMP_BP = 64,
    HOLE_BP = 32,
    UNSURE_GQ = 20 /* below it a confidence that is not told apart is none */
};

static const double HALF_PHRED = 3.0103, HET_GAIN_PHRED = 1.7609;

/* What speaks at a position. */
typedef struct voices {
    double match, differ;      /* reads that agree; the phred of the best other base */
    double informative, indel; /* reads that would show an indel; the phred of one */
} voices;

static voices voices_at(const kuni_pileup *pileup, int64_t i)
{
    voices v = {.match = pileup->match[i], .indel = pileup->indel_q[i]};
    for (int base = 0; base < 4; base++) {
        uint32_t n = pileup->differ[base][i];
        double gain = pileup->differ_q[base][i] + n * HET_GAIN_PHRED;
        if (n && gain > v.differ) v.differ = gain;
    }
    return v;
}

static uint8_t confidence(const voices *v, double per_read)
{
    double gq = per_read * v->match - v->differ, indel = per_read * v->informative - v->indel;
    if (indel < gq) gq = indel;
    return (uint8_t)(gq <= 0 ? 0 : gq >= GQ_MOST ? GQ_MOST : gq);
}

void kuni_confidence_measure(kuni_cell_confidence *cell, const kuni_pileup *pileup,
                             const kuni_call_reference *reference, int64_t beg)
{
    static _Thread_local uint32_t started[KUNI_PILEUP_BP], ended[KUNI_PILEUP_BP];
    uint32_t s = 0, e = 0;
    for (int64_t i = 0; i < KUNI_PILEUP_BP; i++) {
        s += pileup->starts[i];
        e += pileup->ends[i];
        started[i] = s;
        ended[i] = e;
    }
    int64_t first = beg - pileup->beg;
    for (int64_t k = 0; k < KUNI_CELL_BP; k++) {
        int64_t i = first + k, pos = beg + k;
        cell->skip[k] = kuni_reference_base(reference, pos) == 'N';
        uint32_t depth = kuni_pileup_depth(pileup, i);
        cell->depth[k] = (uint16_t)(depth < UINT16_MAX ? depth : UINT16_MAX);
        cell->gq[k] = cell->gq_one[k] = 0;
        if (!depth || cell->skip[k]) continue;
        voices v = voices_at(pileup, i);
        int64_t past = i + kuni_reference_reach(reference, pos + 1) + 1;
        if (past >= KUNI_PILEUP_BP) past = KUNI_PILEUP_BP - 1;
        /* reads that start at or before the position and end beyond the repeat after it */
        if (started[i] > ended[past]) v.informative = started[i] - ended[past];
        cell->gq[k] = confidence(&v, cell->copies[k] == 1 ? HAPLOID_BASE_PHRED : HALF_PHRED);
        if (cell->copies[k] == KUNI_COPIES_EITHER)
            cell->gq_one[k] = confidence(&v, HAPLOID_BASE_PHRED);
    }
}

/* Lower edges of the bands: below 20 and below 10 a genotype is commonly taken as unknown. */
static uint8_t band_of(uint8_t gq)
{
    static const uint8_t edges[] = {1, 5, 10, 15, 20, 30};
    uint8_t band = 0;
    for (size_t i = 0; i < sizeof(edges); i++) band = (uint8_t)(band + (gq >= edges[i]));
    return band;
}

static bool blocked(const kuni_cell_confidence *cell, int64_t k)
{
    return !cell->skip[k] && cell->depth[k] && cell->copies[k];
}

/* Bands of the confidence; where there are two, of that which leads: with two copies, which is the
 * lower one, both are told apart. */
static uint8_t bands_of(const kuni_cell_confidence *cell, int64_t k)
{
    enum { BANDS = 8 };
    if (cell->copies[k] != KUNI_COPIES_EITHER) return (uint8_t)(band_of(cell->gq[k]) * BANDS);
    if (cell->lead == 1) return (uint8_t)(band_of(cell->gq_one[k]) * BANDS);
    return (uint8_t)(band_of(cell->gq[k]) * BANDS + band_of(cell->gq_one[k]));
}

/*
 * Bands of the cell's positions; a short run above both its neighbours sinks to the higher of them,
 * which understates its confidence and halves the number of blocks.
 */
static void set_bands(const kuni_cell_confidence *cell, int64_t n, uint8_t *bands)
{
    for (int64_t k = 0; k < n; k++) bands[k] = blocked(cell, k) ? bands_of(cell, k) : UINT8_MAX;
    for (int64_t k = 1, end; k < n; k = end) {
        end = k + 1;
        while (end < n && bands[end] == bands[k]) end++;
        if (bands[k] == UINT8_MAX || end == n || end - k >= BUMP_BP) continue;
        uint8_t left = bands[k - 1], right = bands[end];
        if (left >= bands[k] || right >= bands[k]) continue;
        memset(bands + k, left > right ? left : right, (size_t)(end - k));
    }
}

/* Positions of one band and number of copies from k on. */
static int64_t run_end(const kuni_cell_confidence *cell, const uint8_t *bands, int64_t k, int64_t n)
{
    int64_t first = k;
    while (k < n && bands[k] == bands[first] && cell->copies[k] == cell->copies[first]) k++;
    return k;
}

/*
 * The end of the hole at k in a block of `band`: a short run of less confidence after which the
 * block goes on. Else k.
 */
static int64_t hole_end(const kuni_cell_confidence *cell, const uint8_t *bands, uint8_t band,
                        int64_t k, int64_t n)
{
    int64_t end = run_end(cell, bands, k, n);
    bool hole = bands[k] < band && end - k <= HOLE_BP && end < n && bands[end] == band &&
                cell->copies[end] == cell->copies[k];
    return hole ? end : k;
}

/* Where the block that begins at k ends: its band and copies do, or its depths spread too far. */
static int64_t block_end(const kuni_cell_confidence *cell, const uint8_t *bands, int64_t beg,
                         int64_t k, int64_t n)
{
    int64_t first = k, hole = k;
    uint16_t least = cell->depth[k], most = least;
    for (; k < n && cell->copies[k] == cell->copies[first]; k++) {
        if (bands[k] != bands[first] && k >= hole) {
            hole = hole_end(cell, bands, bands[first], k, n);
            if (hole == k) break;
        }
        uint16_t depth = cell->depth[k];
        if (depth < least) least = depth;
        if (depth > most) most = depth;
        if (kuni_block_depths_alike(least, most)) continue;
        /* anywhere does, so where it takes fewest bytes to say */
        int64_t line = (beg + k) / KUNI_BLOCK_LINE_BP * KUNI_BLOCK_LINE_BP - beg;
        return line > first ? line : k;
    }
    return k;
}

/*
 * Writes positions k..end, a block with its holes. All parts have the least depth of all of them,
 * and the block has one quality before and after its holes, which is what makes holes cheap to
 * store.
 */
static kuni_status write_block(const kuni_cell_confidence *cell, const uint8_t *bands, int64_t beg,
                               int64_t k, int64_t end, kuni_span shard,
                               kuni_evidence_writer *writer, kuni_block block, kuni_error *err)
{
    const uint8_t band = bands[k];
    uint16_t depth = cell->depth[k];
    uint8_t gq = cell->gq[k], gq_one = cell->gq_one[k];
    for (int64_t i = k; i < end; i++) {
        if (cell->depth[i] < depth) depth = cell->depth[i];
        if (bands[i] == band && cell->gq[i] < gq) gq = cell->gq[i];
        if (bands[i] == band && cell->gq_one[i] < gq_one) gq_one = cell->gq_one[i];
    }
    block.min_dp = kuni_block_floor_depth(depth);
    for (int64_t next; k < end; k = next) {
        next = run_end(cell, bands, k, end);
        block.gq = gq;
        block.gq_one = gq_one;
        for (int64_t i = k; bands[k] != band && i < next; i++) {
            if (i == k || cell->gq[i] < block.gq) block.gq = cell->gq[i];
            if (i == k || cell->gq_one[i] < block.gq_one) block.gq_one = cell->gq_one[i];
        }
        block.gq_one = kuni_block_floor_gq(block.gq_one);
        block.gq = kuni_block_floor_gq(block.gq);
        if (block.either && cell->lead == 1 && block.gq < UNSURE_GQ) block.gq = 0;
        block.beg = beg + k < shard.beg ? shard.beg : beg + k;
        block.end = beg + next > shard.end ? shard.end : beg + next;
        if (block.beg >= block.end) continue;
        kuni_status status = kuni_evidence_add_block(writer, &block, err);
        if (status) return status;
    }
    return KUNI_OK;
}

kuni_status kuni_blocks_write(const kuni_cell_confidence *cell, int64_t beg, kuni_span shard,
                              int64_t contig_end, uint32_t sample, kuni_evidence_writer *writer,
                              kuni_error *err)
{
    int64_t n = contig_end - beg < KUNI_CELL_BP ? contig_end - beg : KUNI_CELL_BP;
    uint8_t bands[KUNI_CELL_BP];
    set_bands(cell, n, bands);
    for (int64_t k = 0; k < n;) {
        if (bands[k] == UINT8_MAX) {
            k++;
            continue;
        }
        int64_t end = block_end(cell, bands, beg, k, n);
        bool either = cell->copies[k] == KUNI_COPIES_EITHER;
        kuni_block block = {.sample = sample,
                            .kind = KUNI_BLOCK_REFERENCE,
                            .ploidy = either ? 2 : cell->copies[k],
                            .either = either};
        kuni_status status = write_block(cell, bands, beg, k, end, shard, writer, block, err);
        if (status) return status;
        k = end;
    }
    return KUNI_OK;
}
