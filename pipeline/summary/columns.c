/* SPDX-License-Identifier: MIT */
#include "columns.h"

#include <string.h>

#define HIDDEN                                                                                     \
    "hidden: not told, for it, or what follows from it, is of fewer people than the threshold"

/* --- freq.tsv.gz --- */

#define COUNTS_OF(QUALITY, OF)                                                                     \
    {"AC_" QUALITY, "integer", "copies", "copies of the allele in " OF, HIDDEN},                   \
        {"AN_" QUALITY, "integer", "copies", "copies of the place in " OF, ""},                    \
        {"AF_" QUALITY, "number", "share", "AC / AN", HIDDEN "; .: AN is 0"},                      \
        {"hom_" QUALITY, "integer", "participants", "with the allele on both copies, in " OF,      \
         HIDDEN},                                                                                  \
        {"hemi_" QUALITY, "integer", "participants",                                               \
         "with the allele where they have one copy (X and Y of males, mitochondria), in " OF,      \
         HIDDEN},                                                                                  \
    {                                                                                              \
        "carriers_" QUALITY, "integer", "participants", "with the allele at all, in " OF, HIDDEN   \
    }

#define ALLELE                                                                                     \
    {"contig", "text", "", "contig of the reference", ""},                                         \
        {"pos", "integer", "base", "of the first base of ref, from 1", ""},                        \
        {"ref", "text", "", "bases of the reference, as few as there can be", ""},                 \
        {"alt", "text", "", "bases instead of them", ""},                                          \
        {"vrs_id", "text", "", "computed identifier of GA4GH VRS 2.0", ""},                        \
        {"filter", "text", "", "FILTER of the site: what the whole cohort showed", ""}

static const kuni_table_column freq_columns[] = {
    ALLELE,
    {"group", "text", "", "group of the manifest, or all", ".: the group of those who have none"},
    {"sex", "text", "", "female, male or unknown as declared, or all", ""},
    COUNTS_OF("adj", "genotypes with GQ >= 20, DP >= 10 (one copy: 5), allele balance >= 0.2"),
    COUNTS_OF("raw", "all called genotypes"),
    {"datasets", "integer", "",
     "datasets whose people are in AN: 1, or more where tables are merged", ""},
    {NULL, NULL, NULL, NULL, NULL}};

const kuni_table_kind kuni_table_freq = {
    "freq.tsv.gz", "frequencies: a row an allele, group and sex", freq_columns};

/* --- cases_controls.tsv.gz --- */

#define SIDE_OF(SIDE)                                                                              \
    {"carriers_" SIDE, "integer", "participants", SIDE " who carry the allele", ""},               \
        {"called_" SIDE, "integer", "participants", SIDE " with a genotype here", ""},             \
        {"AC_" SIDE, "integer", "copies", "copies of the allele in " SIDE, ""},                    \
        {"AN_" SIDE, "integer", "copies", "copies of the place in " SIDE, ""},                     \
        {"AF_" SIDE, "number", "share", "AC / AN", ".: AN is 0"}

static const kuni_table_column cases_columns[] = {
    ALLELE,
    SIDE_OF("cases"),
    SIDE_OF("controls"),
    {"fisher_p", "number", "", "Fisher's exact test, two-sided, of carriers among those called",
     ""},
    {NULL, NULL, NULL, NULL, NULL}};

const kuni_table_kind kuni_table_cases = {
    "cases_controls.tsv.gz", "alleles that cases carry, beside the controls", cases_columns};

/* --- by feature --- */

#define FEATURE                                                                                    \
    {"feature", "text", "", "name of the feature", ""},                                            \
        {"feature_id", "text", "", "ID in the file of features", ""},                              \
        {"contig", "text", "", "contig of the reference", ""},                                     \
        {"beg", "integer", "base", "its first base, from 1", ""},                                  \
        {"end", "integer", "base", "its last base", ""}

#define UNSEEN "not_assessed: cannot be seen, which is not 0; " HIDDEN

static const kuni_table_column gene_columns[] = {
    FEATURE,
    {"class", "text", "", "class of variants", ""},
    {"group", "text", "", "group of the manifest, or all", ".: the group of those who have none"},
    {"sex", "text", "", "female, male or unknown as declared, or all", ""},
    {"role", "text", "", "case or control, or all", ""},
    {"people", "integer", "participants", "of the row", ""},
    {"carriers", "integer", "participants", "with any allele: het, hom, hemi and two_hits", UNSEEN},
    {"het", "integer", "participants", "with one allele, on one of two copies", UNSEEN},
    {"hom", "integer", "participants", "with an allele on both copies", UNSEEN},
    {"hemi", "integer", "participants", "with an allele on the only copy, and none on both",
     UNSEEN},
    {"two_hits", "integer", "participants",
     "with two alleles or more and none on both copies: on different copies or not", UNSEEN},
    {NULL, NULL, NULL, NULL, NULL}};

const kuni_table_kind kuni_table_genes = {"gene_counts.tsv", "participants by feature",
                                          gene_columns};

static const kuni_table_column capability_columns[] = {
    FEATURE,
    {"class", "text", "", "class of variants", ""},
    {"status", "text", "", "assessed, partly or not", ""},
    {"share", "number", "share", "bases of the feature, over all people, with good coverage", ""},
    {"why", "text", "", "what the status follows from", ""},
    {NULL, NULL, NULL, NULL, NULL}};

const kuni_table_kind kuni_table_capability = {
    "feature_capability.tsv", "what could be seen in a feature", capability_columns};

/* --- the rest --- */

#define NOT_KNOWN ".: not known"

static const kuni_table_column sample_columns[] = {
    {"pseudonym", "text", "", "column of the calls", ""},
    {"sex", "text", "", "female, male or unknown as declared", ""},
    {"role", "text", "", "case or control", ".: the request tells of neither"},
    {"outcome", "text", "", "of quality control", NOT_KNOWN},
    {"mean_autosome_coverage", "integer", "reads", "GA4GH WGS-QC, rounded", NOT_KNOWN},
    {"pct_autosomes_15x", "integer", "%", "GA4GH WGS-QC, rounded", NOT_KNOWN},
    {"pct_reads_mapped", "integer", "%", "GA4GH WGS-QC, rounded", NOT_KNOWN},
    {NULL, NULL, NULL, NULL, NULL}};

const kuni_table_kind kuni_table_samples = {"samples.tsv", "quality of the people's data",
                                            sample_columns};

static const kuni_table_column distribution_columns[] = {
    {"metric", "text", "", "as in samples.tsv", ""},
    {"people", "integer", "participants", "of whom it is known", ""},
    {"q25", "integer", "", "a quarter of people have no more", HIDDEN},
    {"median", "integer", "", "half of people have no more", HIDDEN},
    {"q75", "integer", "", "three quarters of people have no more", HIDDEN},
    {NULL, NULL, NULL, NULL, NULL}};

const kuni_table_kind kuni_table_distribution = {
    "sample_summary.tsv", "quality of the people's data, all together", distribution_columns};

static const kuni_table_column failure_columns[] = {
    {"what", "text", "", "people, regions or features", ""},
    {"reason", "text", "", "why they are not in the release", ""},
    {"count", "integer", "", "of participants, bases or features", HIDDEN},
    {"meaning", "text", "", "the reason in words", ""},
    {NULL, NULL, NULL, NULL, NULL}};

const kuni_table_kind kuni_table_failures = {"failures.tsv", "what is not in the release",
                                             failure_columns};

const kuni_table_kind *const kuni_table_kinds[] = {
    &kuni_table_freq,    &kuni_table_cases,        &kuni_table_genes,    &kuni_table_capability,
    &kuni_table_samples, &kuni_table_distribution, &kuni_table_failures, NULL};

/* --- text of them --- */

kuni_status kuni_table_head(const kuni_table_kind *kind, kuni_buffer *text, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    for (const kuni_table_column *c = kind->columns; c->name && !status; c++)
        status = kuni_buffer_printf(text, err, "%s%s", c == kind->columns ? "#" : "\t", c->name);
    return status ? status : kuni_buffer_append(text, "\n", 1, err);
}

static bool is_among(const char *const *files, const char *file)
{
    for (; *files; files++)
        if (strcmp(*files, file) == 0) return true;
    return false;
}

kuni_status kuni_table_dictionary(const char *const *files, kuni_buffer *text, kuni_error *err)
{
    kuni_status status =
        kuni_buffer_printf(text, err, "#file\tcolumn\ttype\tunit\tmeaning\tmissing\n");
    for (const kuni_table_kind *const *kind = kuni_table_kinds; *kind && !status; kind++) {
        if (!is_among(files, (*kind)->file)) continue;
        for (const kuni_table_column *c = (*kind)->columns; c->name && !status; c++)
            status = kuni_buffer_printf(text, err, "%s\t%s\t%s\t%s\t%s\t%s\n", (*kind)->file,
                                        c->name, c->type, c->unit, c->meaning, c->missing);
    }
    return status;
}
