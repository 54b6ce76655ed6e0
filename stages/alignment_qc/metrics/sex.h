/* SPDX-License-Identifier: MIT */
/*
 * Sex-chromosome karyotype from coverage, and from X heterozygosity where coverage cannot tell.
 *
 * Mean coverage of X outside the pseudo-autosomal regions and of Y, each over that of the
 * autosomes, count the copies: 0.5 a copy. Where autosomes (or Y) were not processed, X
 * heterozygosity alone tells one X from more. What is X and Y comes from the ploidy table, so
 * boundaries are data.
 */
#ifndef KUNI_ALIGNMENT_QC_SEX_H
#define KUNI_ALIGNMENT_QC_SEX_H

#include "kuni/genome.h"
#include "metrics.h"

typedef struct kuni_qc_karyotype {
    /* XX, XY, X0, XXY, XYY, XXX, ambiguous; unknown: not enough of X was processed. */
    const char *name;
    kuni_sex sex;      /* male where there is a Y (or one X, and Y was not looked at) */
    bool unusual;      /* neither XX nor XY */
    const char *basis; /* coverage, heterozygosity, none */
} kuni_qc_karyotype;

kuni_qc_karyotype kuni_qc_infer_karyotype(const kuni_qc_summary *summary);

/* "match", "mismatch", "undeclared" or "unknown" of a declared sex and an inferred karyotype. */
const char *kuni_qc_compare_sex(kuni_sex declared, const kuni_qc_karyotype *karyotype);

#endif
