/* SPDX-License-Identifier: MIT */
/* What each column of the published tables of the call set means. */
#include "callset.h"

static const struct {
    const char *table, *column, *unit, *definition;
} columns[] = {
    {"summary.tsv", "metric", "",
     "what is counted; _all: over all records; _passed: over those whose FILTER is PASS or "
     "missing"},
    {"summary.tsv", "value", "", "its number; NA: not known"},
    {"distributions.tsv", "distribution", "",
     "substitution, indel_length, allele_frequency, missing_share, gq, depth, hwe_minus_log10_p, "
     "filter"},
    {"distributions.tsv", "set", "",
     "all records, or passed: those whose FILTER is PASS or missing"},
    {"distributions.tsv", "kind", "",
     "what is counted: ALTs of a kind, records, genotypes with an ALT; of hwe_minus_log10_p: sites "
     "with one "
     "ALT, common (5 % or more of the rarer allele) or rare"},
    {"distributions.tsv", "bin", "",
     "value of the bin; <=: at most, and more than the bin before; the last of gq, depth and "
     "hwe_minus_log10_p and both ends of indel_length hold all that lies beyond"},
    {"distributions.tsv", "count", "", "how many are in the bin"},
    {"samples.tsv", "sample_id", "", "name of the sample"},
    {"samples.tsv", "participant_id", "", "of the manifest"},
    {"samples.tsv", "site", "", "of the manifest: laboratory or hospital"},
    {"samples.tsv", "group", "", "of the manifest"},
    {"samples.tsv", "outlier_of", "",
     "measures that lie more than six robust deviations above (+) or below (-) the median of the "
     "group, or of the cohort where the group has less than 20 samples"},
    {"trios.tsv", "child", "", "sample whose parents are in the call set"},
    {"trios.tsv", "father", "", "of the manifest or pedigree"},
    {"trios.tsv", "mother", "", "of the manifest or pedigree"},
    {"trios.tsv", "informative", "records", "all three are called, and one of them has an ALT"},
    {"trios.tsv", "errors", "records", "child's genotype cannot come from the parents'"},
    {"trios.tsv", "error_rate", "fraction", "errors / informative"},
    {"trios.tsv", "new_allele_snps", "records",
     "child has an allele that neither parent has; the three have SNPs only"},
    {"trios.tsv", "new_allele_others", "records",
     "likewise, where one of the three has another ALT"},
    {"trios.tsv", "not_from_father_snps", "records",
     "the parents have the child's alleles, but neither of them is the father's"},
    {"trios.tsv", "not_from_father_others", "records",
     "likewise, where one of the three has another ALT than SNPs"},
    {"trios.tsv", "not_from_mother_snps", "records",
     "the parents have the child's alleles, but neither of them is the mother's"},
    {"trios.tsv", "not_from_mother_others", "records",
     "likewise, where one of the three has another ALT than SNPs"},
    {"trios.tsv", "not_called", "records",
     "one of the three is not called, and not all of them are twice REF"},
    {"windows.tsv", "contig", "", "contig of the reference"},
    {"windows.tsv", "beg", "bp", "first base of the stretch, from 0"},
    {"windows.tsv", "end", "bp", "base after its last"},
    {"windows.tsv", "records", "records", "that begin in it"},
    {"windows.tsv", "passed", "records", "of them, whose FILTER is PASS or missing"},
    {"windows.tsv", "records_counted", "records",
     "of passed, where everybody has two copies: their genotypes are counted"},
    {"windows.tsv", "missing_share", "fraction",
     "genotypes not called, of those of records_counted"},
    {"windows.tsv", "het_share", "fraction",
     "called genotypes of records_counted with two unlike alleles"},
    {"common_sites.tsv", "contig", "", "contig of the reference"},
    {"common_sites.tsv", "pos", "bp",
     "position, from 1, of a site that kinship and components rest on"},
    {"common_sites.tsv", "ref", "", "base of the reference"},
    {"common_sites.tsv", "alt", "", "the other base"},
    {"common_sites.tsv", "alt_copies", "copies", "of alt in called genotypes"},
    {"common_sites.tsv", "called_copies", "copies", "in called genotypes"},
    {"related.tsv", "sample_a", "", "one sample of the pair"},
    {"related.tsv", "sample_b", "", "the other"},
    {"related.tsv", "kinship", "", "KING-robust kinship at the common sites"},
    {"related.tsv", "relation", "",
     "duplicate, parent_child, full_siblings, second_degree or unrelated, by kinship and ibs0"},
    {"related.tsv", "ibs0", "fraction", "sites where the two are homozygous for different alleles"},
    {"related.tsv", "n_sites", "sites", "called in both"},
    {"related.tsv", "declared", "",
     "what the manifest says: same_participant, parent_child, full_siblings, none"},
    {"related.tsv", "verdict", "",
     "expected, undeclared, conflict; not_compared: n_sites are fewer than kinship_min_sites"},
};

static const char multiqc[] = "multiqc/kuni_call_set_mqc.tsv";

static kuni_status put_measures(kuni_file *file, const char *table, bool watched_only,
                                kuni_error *err)
{
    kuni_status status = KUNI_OK;
    for (size_t m = 0; m < callset_n_measures && !status; m++)
        if (callset_measures[m].watched || !watched_only)
            status =
                kuni_file_printf(file, err, "%s\t%s\t%s\t%s\n", table, callset_measures[m].name,
                                 callset_measures[m].unit, callset_measures[m].definition);
    return status;
}

kuni_status callset_write_dictionary(const char *path, kuni_error *err)
{
    kuni_file *file = NULL;
    kuni_status status = kuni_file_create(&file, path, err);
    if (status) return status;
    status = kuni_file_printf(file, err, "table\tcolumn\tunit\tdefinition\n");
    for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]) && !status; i++)
        status = kuni_file_printf(file, err, "%s\t%s\t%s\t%s\n", columns[i].table,
                                  columns[i].column, columns[i].unit, columns[i].definition);
    if (!status) status = put_measures(file, "samples.tsv", false, err);
    for (int k = 1; k <= CALLSET_COMPONENTS && !status; k++)
        status = kuni_file_printf(file, err,
                                  "samples.tsv\tpc%d\t\tprincipal component of the genotypes at "
                                  "the common sites, of variance 1\n",
                                  k);
    if (!status)
        status = kuni_file_printf(file, err, "%s\tSample\t\tsample_id of samples.tsv\n", multiqc);
    if (!status) status = put_measures(file, multiqc, true, err);
    if (status == KUNI_OK) return kuni_file_commit(file, err);
    kuni_file_discard(file);
    return status;
}
