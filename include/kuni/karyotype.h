/* SPDX-License-Identifier: MIT */
/*
 * What was found of samples' sex chromosomes: files of kind "karyotypes", from whoever looks at
 * reads to whoever decides on copies.
 *
 * Tab-separated text, a header line, then a line a sample in the order of its batch:
 *
 *     sample_id  karyotype  basis
 *
 * Samples of which nothing is known may be left out.
 */
#ifndef KUNI_KARYOTYPE_H
#define KUNI_KARYOTYPE_H

#include "kuni/api.h"
#include "kuni/genome.h"

KUNI_API_BEGIN

#define KUNI_KARYOTYPES_HEADER "sample_id\tkaryotype\tbasis\n"

typedef struct kuni_karyotype_line {
    const char *sample;
    const char *name;         /* XX, XY, X0, XXY, XYY, XXX; anything else: cannot be told */
    const char *basis;        /* "coverage": copies were counted; anything else is weaker */
    kuni_karyotype karyotype; /* of the name; sex unknown and -1 where it cannot be told */
} kuni_karyotype_line;

/* Calls visit for each line, in order, until it fails. The line lives as long as the call. */
KUNI_MUST_CHECK kuni_status kuni_karyotypes_read(
    const char *path,
    kuni_status (*visit)(void *context, const kuni_karyotype_line *line, kuni_error *err),
    void *context, kuni_error *err);

KUNI_API_END

#endif
