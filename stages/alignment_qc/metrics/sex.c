/* SPDX-License-Identifier: MIT */
#include "sex.h"

#include <math.h>
#include <string.h>

enum {
    CLASS_BP_LEAST = 10000, /* processed non-gap bp of a class before its mean says anything */
    AUTOSOME_BP_LEAST = 20000,
    X_SITES_LEAST = 8 /* variant-looking sites of X before heterozygosity says anything */
};

/*
 * Copies of X and Y by coverage ratio; the gaps between the ranges are "ambiguous". The margins
 * follow what is published for 30x genomes: XX clusters at 0.95-1.05, XY at 0.45-0.55, and Y, rich
 * in repeats, a little below 0.5.
 */
typedef struct range {
    const char *name;
    double x_least, x_most, y_least, y_most;
    kuni_sex sex;
} range;

static const range ranges[] = {
    {"XX", 0.80, 1.25, -1, 0.12, KUNI_SEX_FEMALE},  {"XY", 0.35, 0.65, 0.25, 0.65, KUNI_SEX_MALE},
    {"X0", 0.35, 0.65, -1, 0.12, KUNI_SEX_FEMALE},  {"XXY", 0.80, 1.25, 0.25, 0.65, KUNI_SEX_MALE},
    {"XYY", 0.35, 0.65, 0.70, 1.30, KUNI_SEX_MALE}, {"XXX", 1.30, 1.75, -1, 0.12, KUNI_SEX_FEMALE}};

static double processed(const kuni_qc_summary *summary, kuni_qc_class class)
{
    return (double)summary->reference[KUNI_QC_AT_DEPTH + class * KUNI_QC_DEPTHS];
}

static double mean(const kuni_qc_summary *summary, kuni_qc_class class)
{
    double bp = processed(summary, class);
    return bp > 0 ? (double)summary->counts[KUNI_QC_AT_DEPTH_SUM + class] / bp : NAN;
}

/*
 * -1: cannot tell; 1: one X; 2: two or more. Two X of unrelated people differ at 3 to 5 sites in 10
 * kb, and where parents are kin still at more than one; a single X shows less than a third of that,
 * from misplaced reads.
 */
static int copies_by_heterozygosity(const kuni_qc_summary *summary)
{
    double bp = kuni_qc_judged_x_bp(summary);
    if (bp < CLASS_BP_LEAST) return -1;
    double density = (double)summary->counts[KUNI_QC_X_HET] / bp;
    return density >= 1e-4 ? 2 : density <= 5e-5 ? 1 : -1;
}

static kuni_qc_karyotype by_heterozygosity(const kuni_qc_summary *summary)
{
    switch (copies_by_heterozygosity(summary)) {
    case 1:
        return (kuni_qc_karyotype){"XY", KUNI_SEX_MALE, false, "heterozygosity"};
    case 2:
        return (kuni_qc_karyotype){"XX", KUNI_SEX_FEMALE, false, "heterozygosity"};
    default:
        return (kuni_qc_karyotype){"unknown", KUNI_SEX_UNKNOWN, false, "none"};
    }
}

kuni_qc_karyotype kuni_qc_infer_karyotype(const kuni_qc_summary *summary)
{
    bool has_x = processed(summary, KUNI_QC_X) >= CLASS_BP_LEAST;
    bool has_y = processed(summary, KUNI_QC_Y) >= CLASS_BP_LEAST;
    double autosomes = mean(summary, KUNI_QC_AUTOSOME);
    if (processed(summary, KUNI_QC_AUTOSOME) < AUTOSOME_BP_LEAST || !(autosomes > 1))
        autosomes = NAN;
    if (!has_x || isnan(autosomes)) return by_heterozygosity(summary);
    double x = mean(summary, KUNI_QC_X) / autosomes;
    double y = has_y ? mean(summary, KUNI_QC_Y) / autosomes : NAN;
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        const range *one = &ranges[i];
        if (x < one->x_least || x > one->x_most) continue;
        if (has_y && (y < one->y_least || y > one->y_most)) continue;
        /*
         * One X by coverage that shows heterozygosity contradicts itself (two without any do not:
         * kin parents).
         */
        if (one->x_most < 0.7 && copies_by_heterozygosity(summary) == 2) break;
        return (kuni_qc_karyotype){one->name, one->sex,
                                   strcmp(one->name, "XX") != 0 && strcmp(one->name, "XY") != 0,
                                   "coverage"};
    }
    return (kuni_qc_karyotype){"ambiguous", KUNI_SEX_UNKNOWN, false, "coverage"};
}

const char *kuni_qc_compare_sex(kuni_sex declared, const kuni_qc_karyotype *karyotype)
{
    if (karyotype->sex == KUNI_SEX_UNKNOWN) return "unknown";
    if (declared == KUNI_SEX_UNKNOWN) return "undeclared";
    return declared == karyotype->sex ? "match" : "mismatch";
}
