/* SPDX-License-Identifier: MIT */
#include "samtools_stats.h"

#include <math.h>

typedef unsigned long long ull;

/*
 * Both reads of a pair were counted; samtools halves every bin on its own and so drops odd reads.
 */
static uint64_t insert_pairs(const kuni_qc_summary *s, size_t at)
{
    uint64_t pairs = 0;
    for (size_t i = 0; i < KUNI_QC_INSERT_BP; i++) pairs += s->counts[at + i] / 2;
    return pairs;
}

static size_t longest_read(const kuni_qc_summary *s)
{
    size_t longest = 0;
    for (size_t i = 0; i <= KUNI_QC_READ_LENGTHS; i++)
        if (s->counts[KUNI_QC_AT_LENGTH + i]) longest = i;
    return longest;
}

static double per(uint64_t part, uint64_t whole)
{
    return whole ? (double)part / (double)whole : 0;
}

static double metric(const kuni_qc_summary *s, const char *name)
{
    double value = kuni_qc_metrics[kuni_qc_metric_find(name)].value(s);
    return isfinite(value) ? value : 0;
}

static kuni_status put_summary(kuni_buffer *out, const kuni_qc_summary *s, kuni_error *err)
{
    const uint64_t *c = s->counts;
    uint64_t reads = c[KUNI_QC_READS];
    const struct {
        const char *name;
        uint64_t value;
    } lines[] = {
        {"raw total sequences", reads},
        {"filtered sequences", 0},
        {"sequences", reads},
        {"is sorted", 1},
        {"1st fragments", c[KUNI_QC_READS_FIRST]},
        {"last fragments", c[KUNI_QC_READS_LAST]},
        {"reads mapped", c[KUNI_QC_READS_MAPPED]},
        {"reads mapped and paired", c[KUNI_QC_READS_BOTH_MAPPED]},
        {"reads unmapped", reads - c[KUNI_QC_READS_MAPPED]},
        {"reads properly paired", c[KUNI_QC_READS_PROPER]},
        {"reads paired", c[KUNI_QC_READS_PAIRED]},
        {"reads duplicated", c[KUNI_QC_READS_DUPLICATE]},
        {"reads MQ0", c[KUNI_QC_READS_MAPQ0]},
        {"reads QC failed", c[KUNI_QC_READS_QCFAIL]},
        {"non-primary alignments", c[KUNI_QC_SECONDARY]},
        {"supplementary alignments", c[KUNI_QC_SUPPLEMENTARY]},
        {"total length", c[KUNI_QC_BASES]},
        {"total first fragment length", c[KUNI_QC_BASES_FIRST]},
        {"total last fragment length", c[KUNI_QC_BASES_LAST]},
        {"bases mapped", c[KUNI_QC_BASES_MAPPED]},
        {"bases mapped (cigar)", c[KUNI_QC_BASES_CIGAR]},
        {"bases trimmed", 0},
        {"bases duplicated", c[KUNI_QC_BASES_DUPLICATE]},
        {"mismatches", c[KUNI_QC_EDITS]},
    };
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]) && !status; i++)
        status =
            kuni_buffer_printf(out, err, "SN\t%s:\t%llu\n", lines[i].name, (ull)lines[i].value);
    if (status) return status;
    return kuni_buffer_printf(
        out, err,
        "SN\terror rate:\t%e\nSN\taverage length:\t%.0f\nSN\taverage first fragment length:\t%.0f\n"
        "SN\taverage last fragment length:\t%.0f\nSN\tmaximum length:\t%zu\n"
        "SN\taverage quality:\t%.1f\nSN\tinsert size average:\t%.1f\n"
        "SN\tinsert size standard deviation:\t%.1f\nSN\tinward oriented pairs:\t%llu\n"
        "SN\toutward oriented pairs:\t%llu\nSN\tpairs with other orientation:\t%llu\n"
        "SN\tpairs on different chromosomes:\t%llu\nSN\tpercentage of properly paired reads "
        "(%%):\t%.1f\n",
        per(c[KUNI_QC_EDITS], c[KUNI_QC_BASES_CIGAR]), per(c[KUNI_QC_BASES], reads),
        per(c[KUNI_QC_BASES_FIRST], c[KUNI_QC_READS_FIRST]),
        per(c[KUNI_QC_BASES_LAST], c[KUNI_QC_READS_LAST]), longest_read(s),
        per(c[KUNI_QC_SUM_QUALITY], c[KUNI_QC_BASES]), metric(s, "mean_insert_size"),
        metric(s, "insert_size_std_deviation"), (ull)insert_pairs(s, KUNI_QC_AT_INSERT_IN),
        (ull)insert_pairs(s, KUNI_QC_AT_INSERT_OUT), (ull)insert_pairs(s, KUNI_QC_AT_INSERT_OTHER),
        (ull)(c[KUNI_QC_READS_OTHER_CONTIG] / 2), 100 * per(c[KUNI_QC_READS_PROPER], reads));
}

/* Qualities by cycle: a line a cycle, a column a quality up to the highest seen. */
static kuni_status put_qualities(kuni_buffer *out, const kuni_qc_summary *s, int which,
                                 kuni_error *err)
{
    const uint64_t *rows =
        s->counts + KUNI_QC_AT_QUALITY + (size_t)which * KUNI_QC_CYCLES * KUNI_QC_QUALITIES;
    size_t cycles = 0, qualities = 0;
    for (size_t i = 0; i < KUNI_QC_CYCLES; i++)
        for (size_t q = 0; q < KUNI_QC_QUALITIES; q++) {
            if (!rows[i * KUNI_QC_QUALITIES + q]) continue;
            cycles = i + 1;
            if (q + 1 > qualities) qualities = q + 1;
        }
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < cycles && !status; i++) {
        status = kuni_buffer_printf(out, err, "%cFQ\t%zu", which ? 'L' : 'F', i + 1);
        for (size_t q = 0; q < qualities && !status; q++)
            status = kuni_buffer_printf(out, err, "\t%llu", (ull)rows[i * KUNI_QC_QUALITIES + q]);
        if (!status) status = kuni_buffer_append(out, "\n", 1, err);
    }
    return status;
}

/*
 * Reads by their per cent of G and C. Every line is there, so that a plot falls to 0 where nothing
 * is, and files can be merged. samtools has 200 bins, which here are 101.
 */
static kuni_status put_gc(kuni_buffer *out, const kuni_qc_summary *s, int which, kuni_error *err)
{
    const uint64_t *bins = s->counts + KUNI_QC_AT_READ_GC + (size_t)which * KUNI_QC_GC_BINS;
    kuni_status status = KUNI_OK;
    if (!s->counts[which ? KUNI_QC_READS_LAST : KUNI_QC_READS_FIRST]) return status;
    for (int i = 0; i < KUNI_QC_GC_BINS && !status; i++)
        status =
            kuni_buffer_printf(out, err, "GC%c\t%d.00\t%llu\n", which ? 'L' : 'F', i, (ull)bins[i]);
    return status;
}

static kuni_status put_inserts(kuni_buffer *out, const kuni_qc_summary *s, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < KUNI_QC_INSERT_BP && !status; i++) {
        uint64_t in = s->counts[KUNI_QC_AT_INSERT_IN + i] / 2;
        uint64_t outward = s->counts[KUNI_QC_AT_INSERT_OUT + i] / 2;
        uint64_t other = s->counts[KUNI_QC_AT_INSERT_OTHER + i] / 2;
        if (in + outward + other)
            status =
                kuni_buffer_printf(out, err, "IS\t%zu\t%llu\t%llu\t%llu\t%llu\n", i,
                                   (ull)in + outward + other, (ull)in, (ull)outward, (ull)other);
    }
    return status;
}

/* One histogram, lines of non-zero bins. */
static kuni_status put_bins(kuni_buffer *out, const char *key, const uint64_t *bins, size_t n_bins,
                            kuni_error *err)
{
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < n_bins && !status; i++)
        if (bins[i]) status = kuni_buffer_printf(out, err, "%s\t%zu\t%llu\n", key, i, (ull)bins[i]);
    return status;
}

static kuni_status put_indels(kuni_buffer *out, const kuni_qc_summary *s, kuni_error *err)
{
    const uint64_t *inserted = s->counts + KUNI_QC_AT_INSERTED;
    const uint64_t *deleted = s->counts + KUNI_QC_AT_DELETED;
    kuni_status status = KUNI_OK;
    for (size_t i = 1; i < KUNI_QC_INDEL_BP && !status; i++)
        if (inserted[i] || deleted[i])
            status = kuni_buffer_printf(out, err, "ID\t%zu\t%llu\t%llu\n", i, (ull)inserted[i],
                                        (ull)deleted[i]);
    return status;
}

static kuni_status put_coverage(kuni_buffer *out, const kuni_qc_summary *s, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    for (size_t depth = 1; depth < KUNI_QC_DEPTHS && !status; depth++) {
        uint64_t n = 0;
        for (int class = 0; class < KUNI_QC_CLASSES; class ++)
            n += s->counts[KUNI_QC_AT_DEPTH + (size_t)class * KUNI_QC_DEPTHS + depth];
        if (!n) continue;
        bool last = depth == KUNI_QC_DEPTHS - 1;
        status = last ? kuni_buffer_printf(out, err, "COV\t[%zu<]\t%zu\t%llu\n", depth - 1,
                                           depth - 1, (ull)n)
                      : kuni_buffer_printf(out, err, "COV\t[%zu-%zu]\t%zu\t%llu\n", depth, depth,
                                           depth, (ull)n);
    }
    return status;
}

kuni_status kuni_qc_put_samtools_stats(kuni_buffer *out, const kuni_qc_summary *s, kuni_error *err)
{
    kuni_status status = kuni_buffer_printf(
        out, err,
        "# This file was produced by samtools stats in form only: kuni alignment-qc wrote it. "
        "plot-bamstats and MultiQC\n"
        "# know the format by the first words of this line, which is why they stand here.\n"
        "# Differences: COV is the GA4GH coverage (MAPQ and base-quality limits, no duplicates, "
        "overlapping mates once);\n"
        "# mismatches are counted against the reference, not read from NM tags; GC is in bins of "
        "1 %%; read lengths above\n"
        "# %d are one bin. Not counted: bases by cycle (GCC), mismatches by quality (MPC), indels "
        "by cycle (IC), GC-depth (GCD).\n"
        "# Summary Numbers. Use `grep ^SN | cut -f 2-` to extract this part.\n",
        KUNI_QC_READ_LENGTHS);
    if (!status) status = put_summary(out, s, err);
    for (int which = 0; which < 2 && !status; which++) status = put_qualities(out, s, which, err);
    for (int which = 0; which < 2 && !status; which++) status = put_gc(out, s, which, err);
    if (!status)
        status = put_bins(out, "RL", s->counts + KUNI_QC_AT_LENGTH, KUNI_QC_READ_LENGTHS + 1, err);
    if (!status) status = put_bins(out, "MAPQ", s->counts + KUNI_QC_AT_MAPQ, 256, err);
    if (!status) status = put_inserts(out, s, err);
    if (!status) status = put_indels(out, s, err);
    return status ? status : put_coverage(out, s, err);
}
