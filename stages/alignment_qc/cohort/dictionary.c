/* SPDX-License-Identifier: MIT */
/* What each column of the published tables of alignment QC means. */
#include <stdlib.h>

#include "cohort.h"

typedef struct column {
    const char *table, *name, *unit;
    int decimals; /* -1: no number */
    const char *definition;
} column;

/* sample_qc.tsv has the metrics between identity_check and panel_sites. */
static const column before_metrics[] = {
    {"sample_qc.tsv", "sample_id", "", -1, "name of the sample"},
    {"sample_qc.tsv", "participant_id", "", -1, "of the manifest; NA: none"},
    {"sample_qc.tsv", "site", "", -1, "of the manifest: laboratory or hospital; NA: none"},
    {"sample_qc.tsv", "group", "", -1, "of the manifest; NA: none"},
    {"sample_qc.tsv", "profile", "", -1, "name of the limits it was judged by"},
    {"sample_qc.tsv", "outcome", "", -1,
     "fail, flag, pass; not_judged: no metric that the profile limits is known"},
    {"sample_qc.tsv", "n_fail", "reasons", 0, "rows of failures.tsv whose outcome is fail"},
    {"sample_qc.tsv", "n_flag", "reasons", 0, "rows of failures.tsv whose outcome is flag"},
    {"sample_qc.tsv", "scope", "", -1,
     "genome: nine tenths of the autosomes of a human-sized reference were processed; regions: "
     "less, and limits that hold for whole genomes are not judged"},
    {"sample_qc.tsv", "sex_declared", "", -1, "of manifest or pedigree: male, female, unknown"},
    {"sample_qc.tsv", "karyotype", "", -1,
     "sex chromosomes that the reads show: XX, XY, X0, XXY, XYY, XXX, ambiguous, unknown"},
    {"sample_qc.tsv", "karyotype_basis", "", -1,
     "what told the karyotype: coverage, heterozygosity (of X), none"},
    {"sample_qc.tsv", "sex_check", "", -1,
     "match, mismatch; undeclared: nothing to compare with; unknown: the reads do not tell"},
    {"sample_qc.tsv", "identity_check", "", -1,
     "ok; conflict: see related.tsv; not_checked: without a panel or with relatives: none"},
};

static const char multiqc[] = "multiqc/kuni_alignment_qc_mqc.tsv";

static const column after_metrics[] = {
    {"sample_qc.tsv", "panel_sites", "sites", 0, "sites of the panel with reads"},
    {"sample_qc.tsv", "contamination_model", "", -1,
     "same_ancestry, other_ancestry: whether the contaminant's ancestry was fitted by itself; "
     "too_few_sites, none: no estimate"},
    {"sample_qc.tsv", "contamination_low", "fraction", 5,
     "lower end of the 95 % interval of cross_contamination_rate"},
    {"sample_qc.tsv", "contamination_high", "fraction", 5,
     "upper end of the 95 % interval of cross_contamination_rate"},
    {"sample_qc.tsv", "pc1", "", 5, "first ancestry coordinate, in the units of the panel"},
    {"sample_qc.tsv", "pc2", "", 5, "second ancestry coordinate"},
    {"sample_qc.tsv", "pc3", "", 5, "third ancestry coordinate; NA: not in the panel"},
    {"sample_qc.tsv", "pc4", "", 5, "fourth ancestry coordinate; NA: not in the panel"},
    {"failures.tsv", "site", "", -1, "of the manifest: laboratory or hospital; NA: none"},
    {"failures.tsv", "sample_id", "", -1, "name of the sample"},
    {"failures.tsv", "participant_id", "", -1, "of the manifest; NA: none"},
    {"failures.tsv", "outcome", "", -1, "of this reason: fail, flag"},
    {"failures.tsv", "metric", "", -1, "column of sample_qc.tsv, or name of a check"},
    {"failures.tsv", "value", "", -1, "what the sample has, in the unit of the metric"},
    {"failures.tsv", "limit", "", -1, "of the profile, in the unit of the metric; NA: a check"},
    {"failures.tsv", "advice", "", -1, "what may be done about it; NA: none"},
    {"failures.tsv", "source", "", -1, "where the limit comes from"},
    {"related.tsv", "sample_a", "", -1, "one sample of the pair"},
    {"related.tsv", "sample_b", "", -1, "the other"},
    {"related.tsv", "kinship", "", 4,
     "KING-robust kinship at sites of the panel; NA: not compared"},
    {"related.tsv", "relation", "", -1,
     "duplicate, parent_child, full_siblings, second_degree or unrelated, by kinship and ibs0; NA: "
     "not compared"},
    {"related.tsv", "ibs0", "fraction", 5,
     "sites where the two are homozygous for different alleles"},
    {"related.tsv", "n_sites", "sites", 0, "called in both"},
    {"related.tsv", "declared", "", -1,
     "what the manifest says: same_participant, parent_child, full_siblings, none"},
    {"related.tsv", "verdict", "", -1,
     "expected, undeclared, conflict; not_compared: n_sites are fewer than kinship_min_sites"},
    {"summary.tsv", "metric", "", -1,
     "samples by outcome, and the median of each metric over the cohort"},
    {"summary.tsv", "value", "", -1, "its number; NA: not known"},
    {"contig_coverage.tsv", "sample_id", "", -1, "name of the sample"},
    {"contig_coverage.tsv", "contig", "", -1, "autosome, X, Y or mitochondrion of the reference"},
    {"contig_coverage.tsv", "nongap_bp", "bp", 0, "processed positions that are not N"},
    {"contig_coverage.tsv", "reads", "reads", 0, "mapped primary reads that begin in it"},
    {"contig_coverage.tsv", "mean_coverage", "x", 2, "mean GA4GH coverage of these positions"},
    {"contig_coverage.tsv", "pct_1x", "%", 2, "share of them with coverage >= 1"},
    {"contig_coverage.tsv", "pct_15x", "%", 2, "share of them with coverage >= 15"},
    {multiqc, "Sample", "", -1, "sample_id of sample_qc.tsv"},
    {multiqc, "outcome", "", -1, "of sample_qc.tsv"},
    {multiqc, "karyotype", "", -1, "of sample_qc.tsv"},
};

static kuni_status put(kuni_file *file, const column *c, const char *standard, kuni_error *err)
{
    kuni_status status =
        kuni_file_printf(file, err, "%s\t%s\t%s\t", c->table, c->name, *c->unit ? c->unit : "NA");
    if (!status)
        status = c->decimals < 0 ? kuni_file_printf(file, err, "NA")
                                 : kuni_file_printf(file, err, "%d", c->decimals);
    return status ? status : kuni_file_printf(file, err, "\t%s\t%s\n", standard, c->definition);
}

static kuni_status put_metrics(kuni_file *file, const char *table, bool ga4gh_only, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < kuni_qc_n_metrics && !status; i++) {
        const kuni_qc_metric *m = &kuni_qc_metrics[i];
        if (ga4gh_only && !m->ga4gh) continue;
        const column c = {table, m->name, m->unit, m->decimals, m->definition};
        status = put(file, &c, m->ga4gh ? "GA4GH WGS-QC v1" : "kuni", err);
    }
    return status;
}

kuni_status kuni_qc_write_dictionary(const char *path, kuni_error *err)
{
    const size_t n_before = sizeof(before_metrics) / sizeof(before_metrics[0]);
    const size_t n_after = sizeof(after_metrics) / sizeof(after_metrics[0]);
    kuni_file *file = NULL;
    kuni_status status = kuni_file_create(&file, path, err);
    if (status) return status;
    status = kuni_file_printf(file, err, "table\tcolumn\tunit\tdecimals\tstandard\tdefinition\n");
    for (size_t i = 0; i < n_before && !status; i++)
        status = put(file, &before_metrics[i], "kuni", err);
    if (!status) status = put_metrics(file, "sample_qc.tsv", false, err);
    for (size_t i = 0; i < n_after && !status; i++)
        status = put(file, &after_metrics[i], "kuni", err);
    if (!status) status = put_metrics(file, multiqc, true, err);
    if (status == KUNI_OK) return kuni_file_commit(file, err);
    kuni_file_discard(file);
    return status;
}
