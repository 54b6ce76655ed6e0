/* SPDX-License-Identifier: MIT */
/*
 * Erasing people from sealed batches: their files are made again without them, by the stages
 * themselves (kuni_step.without), under new keys, and the seals with them. Places in batches stay,
 * as nobody's, so that no other file changes and everybody keeps their number.
 *
 * A batch and step at a time: all new files, then the new seal in their stead. After a crash both
 * the old and the new state of each is whole, and the same call goes on: files made by this erasure
 * are known by their keys, which follow from its token. Old files stay: see forget.h.
 */
#ifndef KUNI_ENGINE_ERASE_H
#define KUNI_ENGINE_ERASE_H

#include "erasure.h"
#include "names.h"
#include "run.h"

typedef struct kuni_erase {
    const kuni_run *run; /* workflow, cohort, genome, ploidy, plan */
    const kuni_erasure *erasure;
    uint8_t *gone;      /* flags by sample */
    uint8_t *batches;   /* flags: holds one of them */
    kuni_sample *after; /* the cohort's samples with nobody in these places */
    kuni_names shard_names, node_names;
    kuni_arena *arena;
    size_t n_batches;  /* that hold one of them */
    size_t n_files;    /* of sealed batches, to be made again */
    size_t n_unsealed; /* seals that are given up: the next run makes the files from the reads */
    const char *unsealable; /* id of the stage of the first of them */
    int64_t bytes;          /* of those files */
} kuni_erase;

/* `run` and `erasure` are borrowed. To be closed with kuni_erase_fini also after a failure. */
KUNI_MUST_CHECK kuni_status kuni_erase_init(kuni_erase *erase, const kuni_run *run,
                                            const kuni_erasure *erasure, kuni_error *err);
void kuni_erase_fini(kuni_erase *erase);
/*
 * Whether all that is needed is there, before anything is changed. KUNI_USAGE: a step knows not how
 * and the reads are not there, or a sealed step is not of this workflow. KUNI_IO: a file is damaged,
 * or the disk is too full. Counts what will be done.
 */
KUNI_MUST_CHECK kuni_status kuni_erase_check(kuni_erase *erase, kuni_error *err);
/* Makes the files and seals anew; goes on where it stopped. */
KUNI_MUST_CHECK kuni_status kuni_erase_seals(kuni_erase *erase, kuni_error *err);
/* Clears the rows of those who go, and their ids from those of their children. In memory. */
void kuni_erase_people(const kuni_erase *erase, kuni_cohort *cohort);

#endif
