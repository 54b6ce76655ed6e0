/* SPDX-License-Identifier: MIT */
/*
 * Who is related to whom by fingerprints, against what the manifest declares.
 *
 * Two samples of a participant must be duplicates, and samples of two must not (identical twins look
 * like that); a declared parent or full sibling must be a relative of the first degree. Anything else
 * that is found is news, not a conflict.
 */
#ifndef KUNI_STAGES_COMMON_KIN_H
#define KUNI_STAGES_COMMON_KIN_H

#include "fingerprints.h"
#include "kuni/file.h"
#include "kuni/sample.h"

/* A relation found or declared, and what the manifest says of it. */
typedef struct kuni_kin {
    kuni_relation relation; /* a, b: numbers of the samples */
    const char *declared;   /* same_participant, parent_child, full_siblings, none */
    const char *verdict;    /* expected, undeclared, conflict, not_compared */
} kuni_kin;

typedef struct kuni_kin_options {
    bool all;           /* pairs; else those only that are declared */
    double least;       /* kinship that is told of where nothing is declared */
    uint32_t min_sites; /* called in both; a declared pair with fewer is not_compared */
    /*
     * The sites are of so little of a genome that siblings may share all of it or nothing, as may
     * strangers: siblings are not compared, parent and child are judged by the sites where they
     * could share nothing, and of what is not declared duplicates alone are told.
     */
    bool narrow;
} kuni_kin_options;

/*
 * Pairs in order of (a, b). `prints` is sealed and numbered as `samples`; `heartbeat` may be NULL.
 * The caller frees *kin.
 */
KUNI_MUST_CHECK kuni_status kuni_kin_find(const kuni_sample *const *samples, size_t n_samples,
                                          const kuni_fingerprints *prints,
                                          const kuni_kin_options *options,
                                          void (*heartbeat)(int64_t done), kuni_kin **kin,
                                          size_t *n_kin, kuni_error *err);

/* A line of related.tsv; NA for what rests on too few sites. */
#define KUNI_KIN_HEADER "sample_a\tsample_b\tkinship\trelation\tibs0\tn_sites\tdeclared\tverdict\n"
KUNI_MUST_CHECK kuni_status kuni_kin_print(const kuni_kin *kin, const kuni_sample *const *samples,
                                           kuni_file *file, kuni_error *err);

#endif
