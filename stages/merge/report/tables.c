/* SPDX-License-Identifier: MIT */
/* The published tables of a call set's numbers. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "callset.h"
#include "kuni/json.h"

static const char *const set_names[CALLSET_SETS] = {"all", "passed"};
static const char *const kind_names[CALLSET_KINDS] = {"transition", "transversion", "insertion",
                                                      "deletion", "other"};

static const char *or_na(const char *text)
{
    return text && *text ? text : "NA";
}

static kuni_status finish(kuni_file *file, kuni_status status, kuni_error *err)
{
    if (status == KUNI_OK) return kuni_file_commit(file, err);
    kuni_file_discard(file);
    return status;
}

static kuni_status put_number(kuni_file *file, double value, int decimals, kuni_error *err)
{
    return isfinite(value) ? kuni_file_printf(file, err, "\t%.*f", decimals, value)
                           : kuni_file_printf(file, err, "\tNA");
}

/* --- summary --- */

static kuni_status put_count(kuni_file *file, const char *name, uint64_t value, kuni_error *err)
{
    return kuni_file_printf(file, err, "%s\t%llu\n", name, (unsigned long long)value);
}

static kuni_status put_ratio(kuni_file *file, const char *name, double a, double b, int decimals,
                             kuni_error *err)
{
    return b > 0 && isfinite(a) ? kuni_file_printf(file, err, "%s\t%.*f\n", name, decimals, a / b)
                                : kuni_file_printf(file, err, "%s\tNA\n", name);
}

static kuni_status put_set(const callset *set, kuni_file *file, int which, kuni_error *err)
{
    static const char *const records[CALLSET_RECORD_COUNTS] = {"records", "snps", "indels",
                                                               "others", "multiallelic"};
    const uint64_t *sums = set->totals.sums;
    const uint64_t *counts = sums + CALLSET_AT_RECORDS + which * CALLSET_RECORD_COUNTS;
    const uint64_t *alleles = sums + CALLSET_AT_ALLELES + which * CALLSET_KINDS;
    char name[64];
    kuni_status status = KUNI_OK;
    for (int i = 0; i < CALLSET_RECORD_COUNTS && !status; i++) {
        (void)snprintf(name, sizeof(name), "%s_%s", records[i], set_names[which]);
        status = put_count(file, name, counts[i], err);
    }
    for (int i = 0; i < CALLSET_KINDS && !status; i++) {
        (void)snprintf(name, sizeof(name), "alts_%s_%s", kind_names[i], set_names[which]);
        status = put_count(file, name, alleles[i], err);
    }
    (void)snprintf(name, sizeof(name), "ti_tv_%s", set_names[which]);
    if (!status)
        status = put_ratio(file, name, (double)alleles[CALLSET_TRANSITION],
                           (double)alleles[CALLSET_TRANSVERSION], 4, err);
    (void)snprintf(name, sizeof(name), "insertions_deletions_%s", set_names[which]);
    return status ? status
                  : put_ratio(file, name, (double)alleles[CALLSET_INSERTION],
                              (double)alleles[CALLSET_DELETION], 4, err);
}

static double over_columns(const callset *set, int count)
{
    const uint64_t *column = callset_column(&set->totals, count);
    uint64_t sum = 0;
    if (!callset_sees_genotypes(&set->totals)) return NAN;
    for (uint32_t i = 0; i < set->totals.n_columns; i++) sum += column[i];
    return (double)sum;
}

static kuni_status put_genotypes(const callset *set, kuni_file *file, kuni_error *err)
{
    const callset_totals *t = &set->totals;
    double counted = (double)t->sums[CALLSET_AT_COUNTED], cells = counted * t->n_columns;
    double missing = 0;
    for (size_t i = 0; i < t->n_windows; i++) missing += (double)t->windows[i].missing;
    kuni_status status = put_count(file, "records_counted", t->sums[CALLSET_AT_COUNTED], err);
    if (!status) status = put_ratio(file, "call_rate", cells - missing, cells, 5, err);
    if (!status)
        status = put_ratio(file, "snps_het_hom", over_columns(set, CALLSET_SNP_HET),
                           over_columns(set, CALLSET_SNP_HOM), 4, err);
    if (!status)
        status = put_ratio(file, "indels_het_hom", over_columns(set, CALLSET_INDEL_HET),
                           over_columns(set, CALLSET_INDEL_HOM), 4, err);
    if (!status)
        status = put_ratio(file, "singletons_per_sample", over_columns(set, CALLSET_SINGLETONS),
                           t->n_columns, 1, err);
    if (!status)
        status = put_ratio(file, "mean_depth", over_columns(set, CALLSET_DEPTH_SUM),
                           over_columns(set, CALLSET_DEPTH_KNOWN), 2, err);
    if (!status)
        status = put_ratio(file, "mean_gq", over_columns(set, CALLSET_GQ_SUM),
                           over_columns(set, CALLSET_GQ_KNOWN), 2, err);
    return status;
}

static kuni_status put_families(const callset *set, kuni_file *file, kuni_error *err)
{
    double informative = 0, errors = 0;
    for (size_t i = 0; i < set->totals.n_trios; i++) {
        const callset_trio *trio = &set->totals.trios[i];
        informative += (double)trio->counts[CALLSET_TRIO_INFORMATIVE];
        for (int k = CALLSET_TRIO_NEW; k < CALLSET_TRIO_COUNTS; k++)
            errors += (double)trio->counts[k];
    }
    kuni_status status = put_count(file, "trios", set->totals.n_trios, err);
    if (!status) status = put_ratio(file, "mendelian_error_rate", errors, informative, 6, err);
    if (!status) status = put_count(file, "common_sites", set->common.n, err);
    if (!status && set->compared) {
        status = put_count(file, "kin_conflicts", set->n_conflicts, err);
        if (!status) status = put_count(file, "kin_undeclared", set->n_undeclared, err);
    } else if (!status) {
        status = kuni_file_printf(file, err, "kin_conflicts\tNA\nkin_undeclared\tNA\n");
    }
    for (uint32_t i = 0; i < set->n_components && !status; i++)
        status = kuni_file_printf(file, err, "pc%u_variance_share\t%.5f\n", i + 1, set->shares[i]);
    return status;
}

kuni_status callset_write_summary(const callset *set, const char *path, kuni_error *err)
{
    kuni_file *file = NULL;
    kuni_status status = kuni_file_create(&file, path, err);
    if (status) return status;
    status = kuni_file_printf(file, err, "metric\tvalue\n");
    if (!status) status = put_count(file, "samples", set->totals.n_columns, err);
    for (int which = 0; which < CALLSET_SETS && !status; which++)
        status = put_set(set, file, which, err);
    if (!status) status = put_genotypes(set, file, err);
    if (!status) status = put_families(set, file, err);
    if (!status) status = put_count(file, "outlier_samples", callset_n_outlier_samples(set), err);
    return finish(file, status, err);
}

size_t callset_n_outlier_samples(const callset *set)
{
    size_t n = 0;
    for (size_t i = 0; i < set->n_outliers; i++)
        n += i == 0 || set->outliers[i].column != set->outliers[i - 1].column;
    return n;
}

/* --- distributions --- */

/* "up to 0.5 %", of bins by edges. */
static void edge_text(uint16_t edge, char text[32])
{
    (void)snprintf(text, 32, "<=%g", (double)edge / CALLSET_EDGE_SCALE);
}

void callset_frequency_text(int bin, char text[32])
{
    if (bin < 3)
        (void)snprintf(text, 32, "%d %s", bin, bin == 1 ? "copy" : "copies");
    else
        edge_text(callset_frequency_edges[bin], text);
}

typedef struct writing {
    kuni_file *file;
    kuni_error *err;
    kuni_status status;
} writing;

static void put_bin(writing *out, const char *table, const char *set, const char *kind,
                    const char *bin, uint64_t count)
{
    if (!out->status)
        out->status = kuni_file_printf(out->file, out->err, "%s\t%s\t%s\t%s\t%llu\n", table, set,
                                       kind, bin, (unsigned long long)count);
}

static void put_set_bins(const callset *set, writing *out, int which)
{
    static const char bases[] = "ACGT";
    const uint64_t *sums = set->totals.sums;
    const char *name = set_names[which];
    char text[32];
    for (int i = 0; i < CALLSET_SUBSTITUTIONS; i++) {
        int from = i / 3, to = i % 3 + (i % 3 >= from);
        (void)snprintf(text, sizeof(text), "%c>%c", bases[from], bases[to]);
        put_bin(out, "substitution", name, "snp", text,
                sums[CALLSET_AT_SUBSTITUTIONS + which * CALLSET_SUBSTITUTIONS + i]);
    }
    for (int i = 0; i < CALLSET_LENGTHS; i++) {
        int length = i - CALLSET_LENGTH_MOST;
        if (length == 0) continue;
        (void)snprintf(text, sizeof(text), "%d", length);
        put_bin(out, "indel_length", name, length < 0 ? "deletion" : "insertion", text,
                sums[CALLSET_AT_LENGTHS + which * CALLSET_LENGTHS + i]);
    }
    for (int kind = 0; kind < CALLSET_KINDS; kind++)
        for (int bin = 0; bin < CALLSET_FREQUENCIES; bin++) {
            callset_frequency_text(bin, text);
            put_bin(out, "allele_frequency", name, kind_names[kind], text,
                    sums[CALLSET_AT_FREQUENCIES +
                         (which * CALLSET_KINDS + kind) * CALLSET_FREQUENCIES + bin]);
        }
}

static void put_genotype_bins(const callset *set, writing *out)
{
    const uint64_t *sums = set->totals.sums;
    char text[32];
    for (int i = 0; i < CALLSET_MISSING_BINS; i++) {
        edge_text(callset_missing_edges[i], text);
        put_bin(out, "missing_share", "passed", "record", text, sums[CALLSET_AT_MISSING + i]);
    }
    bool seen = callset_sees_genotypes(&set->totals);
    for (int i = 0; seen && i < CALLSET_GQS; i++) {
        (void)snprintf(text, sizeof(text), "%d", i);
        put_bin(out, "gq", "passed", "genotype_with_alt", text, sums[CALLSET_AT_GQ + i]);
    }
    for (int i = 0; seen && i < CALLSET_DEPTHS; i++) {
        (void)snprintf(text, sizeof(text), "%d", i);
        put_bin(out, "depth", "passed", "genotype_with_alt", text, sums[CALLSET_AT_DEPTH + i]);
    }
    for (int common = 0; common < 2; common++)
        for (int i = 0; i < CALLSET_HWE_BINS; i++) {
            (void)snprintf(text, sizeof(text), "%d", i);
            put_bin(out, "hwe_minus_log10_p", "passed", common ? "common" : "rare", text,
                    sums[CALLSET_AT_HWE + common * CALLSET_HWE_BINS + i]);
        }
    for (size_t i = 0; i < set->totals.n_filters; i++) {
        const callset_filter *filter = &set->totals.filters[i];
        put_bin(out, "filter", "all", "record", filter->name, filter->records);
        put_bin(out, "filter", "all", "record_without_others", filter->name, filter->alone);
    }
}

kuni_status callset_write_distributions(const callset *set, const char *path, kuni_error *err)
{
    writing out = {.err = err};
    kuni_status status = kuni_file_create(&out.file, path, err);
    if (status) return status;
    out.status = kuni_file_printf(out.file, err, "distribution\tset\tkind\tbin\tcount\n");
    for (int which = 0; which < CALLSET_SETS; which++) put_set_bins(set, &out, which);
    put_genotype_bins(set, &out);
    return finish(out.file, out.status, err);
}

/* --- samples --- */

static kuni_status put_outliers(const callset *set, kuni_file *file, size_t *at, uint32_t column,
                                kuni_error *err)
{
    kuni_status status = kuni_file_printf(file, err, "\t");
    bool any = false;
    for (; *at < set->n_outliers && set->outliers[*at].column == column && !status; (*at)++) {
        const callset_outlier *o = &set->outliers[*at];
        status = kuni_file_printf(file, err, "%s%s%c", any ? "," : "",
                                  callset_measures[o->measure].name, o->deviations < 0 ? '-' : '+');
        any = true;
    }
    return status || any ? status : kuni_file_printf(file, err, "NA");
}

kuni_status callset_write_samples(const callset *set, const char *path, kuni_error *err)
{
    kuni_file *file = NULL;
    size_t at = 0;
    kuni_status status = kuni_file_create(&file, path, err);
    if (status) return status;
    status = kuni_file_printf(file, err, "sample_id\tparticipant_id\tsite\tgroup\toutlier_of");
    for (size_t m = 0; m < callset_n_measures && !status; m++)
        status = kuni_file_printf(file, err, "\t%s", callset_measures[m].name);
    for (int k = 1; k <= CALLSET_COMPONENTS && !status; k++)
        status = kuni_file_printf(file, err, "\tpc%d", k);
    if (!status) status = kuni_file_printf(file, err, "\n");
    for (uint32_t c = 0; c < set->totals.n_columns && !status; c++) {
        const kuni_sample *sample = set->samples[c];
        status =
            kuni_file_printf(file, err, "%s\t%s\t%s\t%s", sample->id, or_na(sample->participant),
                             or_na(sample->site), or_na(sample->group));
        if (!status) status = put_outliers(set, file, &at, c, err);
        for (size_t m = 0; m < callset_n_measures && !status; m++)
            status = put_number(file, callset_measures[m].value(&set->totals, c),
                                callset_measures[m].decimals, err);
        for (uint32_t k = 0; k < CALLSET_COMPONENTS && !status; k++)
            status = put_number(
                file,
                k < set->n_components ? set->components[(size_t)c * set->n_components + k] : NAN, 4,
                err);
        if (!status) status = kuni_file_printf(file, err, "\n");
    }
    return finish(file, status, err);
}

/* --- trios, windows, kin --- */

kuni_status callset_write_trios(const callset *set, const char *path, kuni_error *err)
{
    kuni_file *file = NULL;
    kuni_status status = kuni_file_create(&file, path, err);
    if (status) return status;
    status = kuni_file_printf(file, err,
                              "child\tfather\tmother\tinformative\terrors\terror_rate\t"
                              "new_allele_snps\tnew_allele_others\tnot_from_father_snps\t"
                              "not_from_father_others\tnot_from_mother_snps\t"
                              "not_from_mother_others\tnot_called\n");
    /* Without genotypes nothing is known of a trio. */
    size_t n = callset_sees_genotypes(&set->totals) ? set->totals.n_trios : 0;
    for (size_t i = 0; i < n && !status; i++) {
        const callset_trio *trio = &set->totals.trios[i];
        uint64_t errors = 0;
        for (int k = CALLSET_TRIO_NEW; k < CALLSET_TRIO_COUNTS; k++) errors += trio->counts[k];
        uint64_t informative = trio->counts[CALLSET_TRIO_INFORMATIVE];
        status =
            kuni_file_printf(file, err, "%s\t%s\t%s\t%llu\t%llu", set->samples[trio->child]->id,
                             set->samples[trio->father]->id, set->samples[trio->mother]->id,
                             (unsigned long long)informative, (unsigned long long)errors);
        if (!status)
            status =
                put_number(file, informative ? (double)errors / (double)informative : NAN, 6, err);
        for (int k = CALLSET_TRIO_NEW; k < CALLSET_TRIO_COUNTS && !status; k++)
            status = kuni_file_printf(file, err, "\t%llu", (unsigned long long)trio->counts[k]);
        if (!status)
            status = kuni_file_printf(file, err, "\t%llu\n",
                                      (unsigned long long)trio->counts[CALLSET_TRIO_MISSING]);
    }
    return finish(file, status, err);
}

kuni_status callset_write_windows(const callset *set, const char *path, kuni_error *err)
{
    kuni_file *file = NULL;
    kuni_status status = kuni_file_create(&file, path, err);
    if (status) return status;
    status = kuni_file_printf(file, err,
                              "contig\tbeg\tend\trecords\tpassed\trecords_counted\tmissing_share\t"
                              "het_share\n");
    for (size_t i = 0; i < set->totals.n_windows && !status; i++) {
        const callset_window *w = &set->totals.windows[i];
        const kuni_contig *contig = kuni_genome_contig(set->task->genome, w->tid);
        int64_t beg = w->number * set->totals.window_bp, end = beg + set->totals.window_bp;
        double cells = (double)w->counted * set->totals.n_columns;
        double called = cells - (double)w->missing;
        status = kuni_file_printf(file, err, "%s\t%lld\t%lld\t%llu\t%llu\t%llu", contig->name,
                                  (long long)beg,
                                  (long long)(end < contig->length_bp ? end : contig->length_bp),
                                  (unsigned long long)w->records, (unsigned long long)w->passed,
                                  (unsigned long long)w->counted);
        if (!status)
            status = put_number(file, cells > 0 ? (double)w->missing / cells : NAN, 6, err);
        bool known = called > 0 && callset_sees_genotypes(&set->totals);
        if (!status) status = put_number(file, known ? (double)w->het / called : NAN, 6, err);
        if (!status) status = kuni_file_printf(file, err, "\n");
    }
    return finish(file, status, err);
}

kuni_status callset_write_related(const callset *set, const char *path, kuni_error *err)
{
    kuni_file *file = NULL;
    kuni_status status = kuni_file_create(&file, path, err);
    if (status) return status;
    if (set->compared)
        status = kuni_file_printf(file, err,
                                  "# relatives: %zu conflicts with the manifest, %zu undeclared; "
                                  "%s\n",
                                  set->n_conflicts, set->n_undeclared, set->kin_note);
    else
        status = kuni_file_printf(file, err, "# relatives: %s\n", set->kin_note);
    if (!status) status = kuni_file_printf(file, err, KUNI_KIN_HEADER);
    for (size_t i = 0; i < set->n_kin && !status; i++)
        status = kuni_kin_print(&set->kin[i], set->samples, file, err);
    return finish(file, status, err);
}

kuni_status callset_write_common_sites(const callset *set, const char *path, kuni_error *err)
{
    kuni_file *file = NULL;
    kuni_status status = kuni_file_create(&file, path, err);
    if (status) return status;
    status = kuni_file_printf(file, err, "contig\tpos\tref\talt\talt_copies\tcalled_copies\n");
    for (size_t i = 0; i < set->common.n && !status; i++) {
        const common_site *site = &set->common.sites[i];
        status = kuni_file_printf(file, err, "%s\t%lld\t%c\t%c\t%llu\t%llu\n",
                                  kuni_genome_contig(set->task->genome, site->tid)->name,
                                  (long long)site->pos + 1, site->ref, site->alt,
                                  (unsigned long long)site->copies, (unsigned long long)site->all);
    }
    return finish(file, status, err);
}
