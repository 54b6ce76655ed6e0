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

static const kuni_table_column freq_columns[] = {
    {"contig", "text", "", "contig of the reference", ""},
    {"pos", "integer", "base", "of the first base of ref, from 1", ""},
    {"ref", "text", "", "bases of the reference, as few as there can be", ""},
    {"alt", "text", "", "bases instead of them", ""},
    {"vrs_id", "text", "", "computed identifier of GA4GH VRS 2.0", ""},
    {"filter", "text", "", "FILTER of the site: what the whole cohort showed", ""},
    {"group", "text", "", "group of the manifest, or all", ".: the group of those who have none"},
    {"sex", "text", "", "female, male or unknown as declared, or all", ""},
    COUNTS_OF("adj", "genotypes with GQ >= 20, DP >= 10 (one copy: 5), allele balance >= 0.2"),
    COUNTS_OF("raw", "all called genotypes"),
    {NULL, NULL, NULL, NULL, NULL}};

const kuni_table_kind kuni_table_freq = {
    "freq.tsv.gz", "frequencies: a row an allele, group and sex", freq_columns};

const kuni_table_kind *const kuni_table_kinds[] = {&kuni_table_freq, NULL};

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
