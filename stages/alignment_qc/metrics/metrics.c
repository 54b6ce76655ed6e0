/* SPDX-License-Identifier: MIT */
#include "metrics.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/*
 * samtools stats takes insert-size mean and deviation over the main bulk of the pairs: its default
 * share.
 */
static const double insert_bulk = 0.99;

static double count(const kuni_qc_summary *s, kuni_qc_count which)
{
    return (double)s->counts[which];
}

static double ratio(double part, double whole)
{
    return whole > 0 ? part / whole : NAN;
}

static double percent(double part, double whole)
{
    return 100 * ratio(part, whole);
}

/* Value at rank k (0-based) of a histogram. */
static size_t at_rank(const uint64_t *bins, size_t n_bins, uint64_t rank)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < n_bins; i++) {
        sum += bins[i];
        if (sum > rank) return i;
    }
    return n_bins - 1;
}

static uint64_t total(const uint64_t *bins, size_t n_bins)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < n_bins; i++) sum += bins[i];
    return sum;
}

double kuni_qc_histogram_median(const uint64_t *bins, size_t n_bins)
{
    uint64_t n = total(bins, n_bins);
    if (n == 0) return NAN;
    return ((double)at_rank(bins, n_bins, (n - 1) / 2) + (double)at_rank(bins, n_bins, n / 2)) / 2;
}

/* Deviations are multiples of one half: walked outwards from the median, both sides at once. */
double kuni_qc_histogram_mad(const uint64_t *bins, size_t n_bins)
{
    uint64_t n = total(bins, n_bins), seen = 0;
    if (n == 0) return NAN;
    long twice = lround(2 * kuni_qc_histogram_median(bins, n_bins));
    double low = -1;
    for (long d = 0;; d++) { /* deviation in halves */
        if ((twice + d) % 2 == 0) {
            long above = (twice + d) / 2, below = (twice - d) / 2;
            if (above < (long)n_bins) seen += bins[above];
            if (d > 0 && below >= 0) seen += bins[below];
        }
        if (low < 0 && seen > (n - 1) / 2) low = (double)d / 2;
        if (seen > n / 2) return (low + (double)d / 2) / 2;
    }
}

static const uint64_t *depths(const kuni_qc_summary *s, kuni_qc_class class)
{
    return s->counts + KUNI_QC_AT_DEPTH + class * KUNI_QC_DEPTHS;
}

/* Processed non-gap positions of a class: positions without any read are in the histogram too. */
static double class_bp(const kuni_qc_summary *s, kuni_qc_class class)
{
    return (double)s->reference[KUNI_QC_AT_DEPTH + class * KUNI_QC_DEPTHS];
}

static double class_mean(const kuni_qc_summary *s, kuni_qc_class class)
{
    return ratio((double)s->counts[KUNI_QC_AT_DEPTH_SUM + class], class_bp(s, class));
}

static double at_least(const kuni_qc_summary *s, size_t depth)
{
    const uint64_t *bins = depths(s, KUNI_QC_AUTOSOME);
    return percent((double)total(bins + depth, KUNI_QC_DEPTHS - depth),
                   class_bp(s, KUNI_QC_AUTOSOME));
}

static double insert_count(const kuni_qc_summary *s, size_t bp)
{
    return (double)(s->counts[KUNI_QC_AT_INSERT_IN + bp] + s->counts[KUNI_QC_AT_INSERT_OUT + bp] +
                    s->counts[KUNI_QC_AT_INSERT_OTHER + bp]);
}

/*
 * Mean and deviation over the smallest sizes that hold the main bulk, as samtools stats defines
 * them.
 */
static void insert_moments(const kuni_qc_summary *s, double *mean, double *deviation)
{
    double n = 0, bulk = 0, sum = 0, squares = 0;
    for (size_t i = 0; i < KUNI_QC_INSERT_BP; i++) n += insert_count(s, i);
    *mean = *deviation = NAN;
    if (n == 0) return;
    size_t stop = 0;
    while (stop < KUNI_QC_INSERT_BP) {
        bulk += insert_count(s, stop);
        sum += (double)stop * insert_count(s, stop);
        stop++;
        if (bulk / n > insert_bulk) break;
    }
    *mean = sum / bulk;
    for (size_t i = 1; i < stop; i++)
        squares += insert_count(s, i) * ((double)i - *mean) * ((double)i - *mean);
    *deviation = sqrt(squares / bulk);
}

static double yield_bp_q30(const kuni_qc_summary *s)
{
    return count(s, KUNI_QC_BASES_PF_Q30);
}

static double mean_autosome_coverage(const kuni_qc_summary *s)
{
    return class_mean(s, KUNI_QC_AUTOSOME);
}

static double mad_autosome_coverage(const kuni_qc_summary *s)
{
    return kuni_qc_histogram_mad(depths(s, KUNI_QC_AUTOSOME), KUNI_QC_DEPTHS);
}

static double pct_autosomes_15x(const kuni_qc_summary *s)
{
    return at_least(s, 15);
}

static double pct_reads_mapped(const kuni_qc_summary *s)
{
    return percent(count(s, KUNI_QC_READS_PF_MAPPED), count(s, KUNI_QC_READS_PF));
}

static double pct_reads_properly_paired(const kuni_qc_summary *s)
{
    return percent(count(s, KUNI_QC_READS_PF_PROPER), count(s, KUNI_QC_READS_PF));
}

static double mean_insert_size(const kuni_qc_summary *s)
{
    double mean, deviation;
    insert_moments(s, &mean, &deviation);
    return mean;
}

static double insert_size_std_deviation(const kuni_qc_summary *s)
{
    double mean, deviation;
    insert_moments(s, &mean, &deviation);
    return deviation;
}

static double cross_contamination_rate(const kuni_qc_summary *s)
{
    return s->estimates->fit >= KUNI_QC_FIT_SAME ? (double)s->estimates->rate / KUNI_QC_RATE_SCALE
                                                 : NAN;
}

/* Variant counts are known where calling gave evidence of an autosome. */
static double variants(const kuni_qc_summary *s, kuni_qc_count which)
{
    return s->counts[KUNI_QC_VARIANTS_SEEN] ? count(s, which) : NAN;
}

static double count_snvs(const kuni_qc_summary *s)
{
    return variants(s, KUNI_QC_SNVS);
}

static double count_insertions(const kuni_qc_summary *s)
{
    return variants(s, KUNI_QC_INSERTIONS);
}

static double count_deletions(const kuni_qc_summary *s)
{
    return variants(s, KUNI_QC_DELETIONS);
}

static double ratio_het_hom_snv(const kuni_qc_summary *s)
{
    return ratio(variants(s, KUNI_QC_SNVS_HET), count(s, KUNI_QC_SNVS_HOM));
}

static double ratio_het_hom_indel(const kuni_qc_summary *s)
{
    return ratio(variants(s, KUNI_QC_INDELS_HET), count(s, KUNI_QC_INDELS_HOM));
}

static double ratio_insertion_deletion(const kuni_qc_summary *s)
{
    return ratio(variants(s, KUNI_QC_INSERTIONS), count(s, KUNI_QC_DELETIONS));
}

static double ratio_ti_tv(const kuni_qc_summary *s)
{
    return ratio(variants(s, KUNI_QC_TRANSITIONS), count(s, KUNI_QC_TRANSVERSIONS));
}

static double reads_total(const kuni_qc_summary *s)
{
    return count(s, KUNI_QC_READS);
}

static double pct_duplicates(const kuni_qc_summary *s)
{
    return percent(count(s, KUNI_QC_MAPPED_PF_DUPLICATE), count(s, KUNI_QC_READS_PF_MAPPED));
}

static double pct_mapq0(const kuni_qc_summary *s)
{
    return percent(count(s, KUNI_QC_READS_MAPQ0), count(s, KUNI_QC_READS_MAPPED));
}

static double reads_without_mapq(const kuni_qc_summary *s)
{
    return count(s, KUNI_QC_READS_NO_MAPQ);
}

static double bases_without_quality(const kuni_qc_summary *s)
{
    return count(s, KUNI_QC_BASES_NO_QUALITY);
}

static double reads_too_long(const kuni_qc_summary *s)
{
    return count(s, KUNI_QC_READS_TOO_LONG);
}

static double pct_bases_too_long(const kuni_qc_summary *s)
{
    return percent(count(s, KUNI_QC_BASES_TOO_LONG), count(s, KUNI_QC_BASES_MAPPED));
}

static double pct_chimeras(const kuni_qc_summary *s)
{
    return percent(count(s, KUNI_QC_CHIMERIC), count(s, KUNI_QC_CHIMERIC_OF));
}

static double pct_qcfail(const kuni_qc_summary *s)
{
    return percent(count(s, KUNI_QC_READS_QCFAIL), count(s, KUNI_QC_READS));
}

static double pct_bases_q30(const kuni_qc_summary *s)
{
    return percent(count(s, KUNI_QC_BASES_PF_Q30), count(s, KUNI_QC_BASES_PF));
}

static double mean_base_quality(const kuni_qc_summary *s)
{
    return ratio(count(s, KUNI_QC_SUM_QUALITY), count(s, KUNI_QC_BASES));
}

static double mean_read_length(const kuni_qc_summary *s)
{
    return ratio(count(s, KUNI_QC_BASES), count(s, KUNI_QC_READS));
}

static double pct_mismatches(const kuni_qc_summary *s)
{
    return percent(count(s, KUNI_QC_MISMATCHES), count(s, KUNI_QC_COMPARED));
}

static double pct_soft_clipped(const kuni_qc_summary *s)
{
    return percent(count(s, KUNI_QC_SOFT_CLIPPED), count(s, KUNI_QC_BASES_MAPPED));
}

static double median_insert_size(const kuni_qc_summary *s)
{
    uint64_t bins[KUNI_QC_INSERT_BP];
    for (size_t i = 0; i < KUNI_QC_INSERT_BP; i++) bins[i] = (uint64_t)insert_count(s, i);
    return kuni_qc_histogram_median(bins, KUNI_QC_INSERT_BP);
}

static double median_autosome_coverage(const kuni_qc_summary *s)
{
    return kuni_qc_histogram_median(depths(s, KUNI_QC_AUTOSOME), KUNI_QC_DEPTHS);
}

static double pct_autosomes_1x(const kuni_qc_summary *s)
{
    return at_least(s, 1);
}

static double pct_autosomes_10x(const kuni_qc_summary *s)
{
    return at_least(s, 10);
}

static double pct_autosomes_20x(const kuni_qc_summary *s)
{
    return at_least(s, 20);
}

static double pct_autosomes_30x(const kuni_qc_summary *s)
{
    return at_least(s, 30);
}

/* Aligned bases of primary, mapped, PF reads by what became of them. */
static double pct_of_aligned(const kuni_qc_summary *s, kuni_qc_count which)
{
    return percent(count(s, which),
                   count(s, KUNI_QC_COUNTED_BASES) + count(s, KUNI_QC_EXCLUDED_DUPLICATE) +
                       count(s, KUNI_QC_EXCLUDED_MAPQ) + count(s, KUNI_QC_EXCLUDED_BASEQ) +
                       count(s, KUNI_QC_EXCLUDED_OVERLAP));
}

static double pct_excluded_duplicate(const kuni_qc_summary *s)
{
    return pct_of_aligned(s, KUNI_QC_EXCLUDED_DUPLICATE);
}

static double pct_excluded_mapq(const kuni_qc_summary *s)
{
    return pct_of_aligned(s, KUNI_QC_EXCLUDED_MAPQ);
}

static double pct_excluded_baseq(const kuni_qc_summary *s)
{
    return pct_of_aligned(s, KUNI_QC_EXCLUDED_BASEQ);
}

static double pct_excluded_overlap(const kuni_qc_summary *s)
{
    return pct_of_aligned(s, KUNI_QC_EXCLUDED_OVERLAP);
}

/*
 * Share of reads that GC bins up to or from 50 % should have had by their share of windows
 * (Picard).
 */
static double dropout(const kuni_qc_summary *s, int from, int to)
{
    const uint64_t *reads = s->counts + KUNI_QC_AT_WINDOW_GC;
    const uint64_t *windows = s->reference + KUNI_QC_AT_WINDOW_GC;
    double n_reads = (double)total(reads, KUNI_QC_GC_BINS);
    double n_windows = (double)total(windows, KUNI_QC_GC_BINS), sum = 0;
    if (n_reads == 0 || n_windows == 0) return NAN;
    for (int gc = from; gc <= to; gc++) {
        double lacking = (double)windows[gc] / n_windows - (double)reads[gc] / n_reads;
        if (lacking > 0) sum += 100 * lacking;
    }
    return sum;
}

static double at_dropout(const kuni_qc_summary *s)
{
    return dropout(s, 0, 50);
}

static double gc_dropout(const kuni_qc_summary *s)
{
    return dropout(s, 50, 100);
}

static double x_coverage_ratio(const kuni_qc_summary *s)
{
    return ratio(class_mean(s, KUNI_QC_X), class_mean(s, KUNI_QC_AUTOSOME));
}

static double y_coverage_ratio(const kuni_qc_summary *s)
{
    return ratio(class_mean(s, KUNI_QC_Y), class_mean(s, KUNI_QC_AUTOSOME));
}

double kuni_qc_judged_x_bp(const kuni_qc_summary *s)
{
    return (double)total(depths(s, KUNI_QC_X) + KUNI_QC_HET_DEPTH,
                         KUNI_QC_DEPTHS - KUNI_QC_HET_DEPTH);
}

static double x_heterozygosity(const kuni_qc_summary *s)
{
    return ratio(1000 * count(s, KUNI_QC_X_HET), kuni_qc_judged_x_bp(s));
}

static double mean_mito_coverage(const kuni_qc_summary *s)
{
    return class_mean(s, KUNI_QC_MITO);
}

static double autosome_bp(const kuni_qc_summary *s)
{
    return class_bp(s, KUNI_QC_AUTOSOME);
}

#define GA4GH true
#define OURS  false
const kuni_qc_metric kuni_qc_metrics[] = {
    {"yield_bp_q30", "bp", 0, GA4GH,
     "bases of quality >= 30 in primary PF reads; duplicates and clipped bases included",
     yield_bp_q30},
    {"mean_autosome_coverage", "x", 2, GA4GH,
     "mean coverage of non-gap autosomes: primary, PF, not duplicate, MAPQ >= 20, base quality >= "
     "20, "
     "overlapping mates counted once",
     mean_autosome_coverage},
    {"mad_autosome_coverage", "x", 2, GA4GH, "median absolute deviation of the same coverage",
     mad_autosome_coverage},
    {"pct_autosomes_15x", "%", 2, GA4GH, "share of non-gap autosomes with the same coverage >= 15",
     pct_autosomes_15x},
    {"pct_reads_mapped", "%", 2, GA4GH, "mapped of primary PF reads, duplicates included",
     pct_reads_mapped},
    {"pct_reads_properly_paired", "%", 2, GA4GH,
     "properly paired and mapped of primary PF reads, duplicates included",
     pct_reads_properly_paired},
    {"mean_insert_size", "bp", 2, GA4GH,
     "mean insert size of the main bulk (99 %) of mapped pairs, as samtools stats",
     mean_insert_size},
    {"insert_size_std_deviation", "bp", 2, GA4GH,
     "standard deviation of the insert size of the same bulk", insert_size_std_deviation},
    {"cross_contamination_rate", "fraction", 5, GA4GH,
     "share of reads from another person: VerifyBamID2 model on an SVD panel",
     cross_contamination_rate},
    {"count_snvs", "sites", 0, GA4GH, "unfiltered autosomal sites with a called SNV", count_snvs},
    {"count_insertions", "sites", 0, GA4GH,
     "unfiltered autosomal sites with a called insertion shorter than 50 bp", count_insertions},
    {"count_deletions", "sites", 0, GA4GH,
     "unfiltered autosomal sites with a called deletion shorter than 50 bp", count_deletions},
    {"ratio_heterozygous_homzygous_snv", "ratio", 2, GA4GH, "heterozygous to homozygous SNVs",
     ratio_het_hom_snv},
    {"ratio_heterozygous_homzygous_indel", "ratio", 2, GA4GH, "heterozygous to homozygous indels",
     ratio_het_hom_indel},
    {"ratio_insertion_deletion", "ratio", 2, GA4GH, "insertions to deletions",
     ratio_insertion_deletion},
    {"ratio_transitions_transversions_snv", "ratio", 2, GA4GH,
     "transitions to transversions of bi-allelic SNVs", ratio_ti_tv},
    {"autosome_bp", "bp", 0, OURS, "non-gap autosomal positions processed: what the coverage is of",
     autosome_bp},
    {"reads_total", "reads", 0, OURS, "primary reads", reads_total},
    {"mean_read_length", "bp", 2, OURS, "mean length of primary reads", mean_read_length},
    {"mean_base_quality", "phred", 2, OURS, "mean quality of the bases of primary reads",
     mean_base_quality},
    {"pct_bases_q30", "%", 2, OURS, "bases of quality >= 30 of those of primary PF reads",
     pct_bases_q30},
    {"pct_reads_qcfail", "%", 2, OURS, "primary reads that failed the vendor's filter", pct_qcfail},
    {"pct_duplicates", "%", 2, OURS, "duplicates of mapped primary PF reads", pct_duplicates},
    {"pct_reads_mapq0", "%", 2, OURS, "mapped primary reads with mapping quality 0", pct_mapq0},
    {"reads_without_mapq", "reads", 0, OURS,
     "mapped primary reads whose mapping quality is not known (255): taken as 30",
     reads_without_mapq},
    {"bases_without_quality", "bases", 0, OURS,
     "bases of primary reads whose quality is not known (255, or no qualities): taken as 20",
     bases_without_quality},
    {"reads_too_long", "reads", 0, OURS,
     "mapped primary reads of more than 1,024 bases: variants are called without them",
     reads_too_long},
    {"pct_bases_too_long", "%", 2, OURS, "their bases, of those of mapped primary reads",
     pct_bases_too_long},
    {"pct_chimeras", "%", 2, OURS,
     "of reads of mapped pairs (PF, not duplicate, MAPQ >= 20): mate on another contig or > 100 kb "
     "away",
     pct_chimeras},
    {"pct_mismatches", "%", 3, OURS,
     "aligned bases that differ from the reference, primary non-duplicate reads", pct_mismatches},
    {"pct_soft_clipped", "%", 2, OURS, "soft-clipped of the bases of mapped primary reads",
     pct_soft_clipped},
    {"median_insert_size", "bp", 1, OURS, "median insert size of mapped pairs", median_insert_size},
    {"median_autosome_coverage", "x", 1, OURS, "median of the GA4GH coverage",
     median_autosome_coverage},
    {"pct_autosomes_1x", "%", 2, OURS, "share of non-gap autosomes with coverage >= 1",
     pct_autosomes_1x},
    {"pct_autosomes_10x", "%", 2, OURS, "share of non-gap autosomes with coverage >= 10",
     pct_autosomes_10x},
    {"pct_autosomes_20x", "%", 2, OURS, "share of non-gap autosomes with coverage >= 20",
     pct_autosomes_20x},
    {"pct_autosomes_30x", "%", 2, OURS, "share of non-gap autosomes with coverage >= 30",
     pct_autosomes_30x},
    {"pct_excluded_duplicate", "%", 2, OURS,
     "aligned bases of primary PF reads kept out of the coverage: duplicates",
     pct_excluded_duplicate},
    {"pct_excluded_mapq", "%", 2, OURS, "... low mapping quality", pct_excluded_mapq},
    {"pct_excluded_baseq", "%", 2, OURS, "... low base quality", pct_excluded_baseq},
    {"pct_excluded_overlap", "%", 2, OURS, "... counted already by the overlapping mate",
     pct_excluded_overlap},
    {"at_dropout", "%", 2, OURS, "share of reads missing from windows of GC <= 50 % (Picard)",
     at_dropout},
    {"gc_dropout", "%", 2, OURS, "share of reads missing from windows of GC >= 50 % (Picard)",
     gc_dropout},
    {"x_coverage_ratio", "ratio", 3, OURS, "mean coverage of X outside PAR to that of autosomes",
     x_coverage_ratio},
    {"y_coverage_ratio", "ratio", 3, OURS, "mean coverage of Y to that of autosomes",
     y_coverage_ratio},
    {"x_heterozygosity", "per kb", 3, OURS,
     "heterozygous-looking sites in 1,000 positions of X outside PAR with depth >= 10",
     x_heterozygosity},
    {"mean_mito_coverage", "x", 2, OURS, "mean coverage of the mitochondrial contig",
     mean_mito_coverage},
};
const size_t kuni_qc_n_metrics = sizeof(kuni_qc_metrics) / sizeof(kuni_qc_metrics[0]);

int kuni_qc_metric_find(const char *name)
{
    for (size_t i = 0; i < kuni_qc_n_metrics; i++)
        if (strcmp(kuni_qc_metrics[i].name, name) == 0) return (int)i;
    return -1;
}

int kuni_qc_metric_print(char *text, size_t room, const kuni_qc_metric *metric, double value)
{
    if (!isfinite(value)) return snprintf(text, room, "NA");
    return snprintf(text, room, "%.*f", metric->decimals, value);
}
