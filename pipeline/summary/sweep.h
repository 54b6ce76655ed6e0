/* SPDX-License-Identifier: MIT */
/*
 * Who has what in which feature, over a piece of the genome: a byte a person of the features that records lie
 * in, kept until the piece has passed them, then written to a file of the piece. Bytes of a feature that
 * several pieces reach add up.
 *
 * An allele is in a feature where one of the bases that it changes is; an insertion, where it lies between two
 * bases of a span. Alleles of good genotypes (adj) count, in records whose FILTER is PASS or nothing.
 */
#ifndef KUNI_SUMMARY_SWEEP_H
#define KUNI_SUMMARY_SWEEP_H

#include <stdio.h>

#include "feature_list.h"
#include "freq.h"

enum {
    KUNI_HITS_HETS = 3, /* of a person's byte: alleles that they are heterozygous for, 2 for more */
    KUNI_HITS_HOM = 4,
    KUNI_HITS_HEMI = 8
};

typedef struct kuni_sweep kuni_sweep;

/* Starts the file at `path`. Borrows features and strata. */
KUNI_MUST_CHECK kuni_status kuni_sweep_begin(kuni_sweep **sweep, const kuni_features *features,
                                             const kuni_strata *strata, const char *path,
                                             kuni_error *err);
/* An allele of a record; records come in order. `allele` is trimmed. */
KUNI_MUST_CHECK kuni_status kuni_sweep_allele(kuni_sweep *sweep, int32_t tid, int64_t record_pos,
                                              const kuni_freq_allele *allele,
                                              const kuni_tally *tally, int alt, kuni_error *err);
/* A stretch in which somebody is well covered; all of a chunk before the next kuni_sweep_flush. */
void kuni_sweep_covered(kuni_sweep *sweep, kuni_span span);
KUNI_MUST_CHECK kuni_status kuni_sweep_flush(kuni_sweep *sweep, kuni_error *err);
/* Frees also on failure. */
KUNI_MUST_CHECK kuni_status kuni_sweep_end(kuni_sweep *sweep, kuni_error *err);
/* Accepts NULL. */
void kuni_sweep_abandon(kuni_sweep *sweep);

/* --- the files --- */

/* Adds a person's byte to another one of the same feature. */
static inline uint8_t kuni_hits_add(uint8_t a, uint8_t b)
{
    int hets = (a & KUNI_HITS_HETS) + (b & KUNI_HITS_HETS);
    return (uint8_t)(((a | b) & (KUNI_HITS_HOM | KUNI_HITS_HEMI)) | (hets > 2 ? 2 : hets));
}

typedef struct kuni_sweeps {
    FILE **files;
    size_t n, n_people;
    int64_t *covered; /* by feature: people well covered, summed over its bases */
    struct kuni_sweep_place {
        uint32_t feature, file;
        int64_t offset;
    } *places; /* by feature */
    size_t n_places, places_capacity;
} kuni_sweeps;

/* Looks through the files of n pieces. To be given to _close in any case. */
KUNI_MUST_CHECK kuni_status kuni_sweeps_open(kuni_sweeps *sweeps, const char *const *paths,
                                             size_t n, const kuni_features *features,
                                             size_t n_people, kuni_error *err);
/* The bytes of all people in a feature: `hits` has n_people. */
KUNI_MUST_CHECK kuni_status kuni_sweeps_take(kuni_sweeps *sweeps, uint32_t feature, uint8_t *hits,
                                             kuni_error *err);
void kuni_sweeps_close(kuni_sweeps *sweeps);

#endif
