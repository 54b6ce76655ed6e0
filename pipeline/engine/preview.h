/* SPDX-License-Identifier: MIT */
/*
 * What a run would do, without doing it: for `kuni plan`; or, with `published`, what stands behind
 * the current generation, whatever has happened to the reads since: for `kuni export`. One process,
 * no lock, nothing is written.
 */
#ifndef KUNI_ENGINE_PREVIEW_H
#define KUNI_ENGINE_PREVIEW_H

#include "past.h"

typedef struct kuni_preview_step {
    const char *name; /* "call", "joint.sites" */
    kuni_scatter scatter;
    size_t tasks, done, files; /* files: outputs of all tasks, optional ones too */
    double task_cpu_s;         /* mean of a task of the past, -1: none yet */
    double task_bytes;         /* likewise */
    int64_t max_rss_bytes;     /* likewise, 0: none yet */
} kuni_preview_step;

typedef struct kuni_preview {
    kuni_run run;
    kuni_ledger ledger;
    kuni_past past;
    uint8_t forced[KUNI_PLAN_NODES_MAX]; /* see wanted.h */
    uint32_t *shard_order;               /* the reads' shards, heaviest first */
    kuni_preview_step *steps;
    size_t n_steps;
    int64_t genome_bp;   /* chosen */
    int64_t reads_bytes; /* of all samples' files */
    size_t missing_files;
    bool knows_keys;           /* there was a journal to hold them against */
    bool reference_damaged;    /* the list of its MD5; of kuni_preview_open, which goes on */
    int64_t coordinator_bytes; /* memory of rank 0 for its tables */
    int64_t rank_bytes;        /* memory of any rank for manifest and plan */
    int64_t free_bytes;        /* on the dataset's file system, -1: not known */
} kuni_preview;

KUNI_MUST_CHECK kuni_status kuni_preview_make(kuni_preview *preview,
                                              const kuni_run_options *options, bool published,
                                              kuni_buffer *faults, kuni_error *err);
/* The first part of it: run, ledger and past, without looking at anything on disk but the journal. */
KUNI_MUST_CHECK kuni_status kuni_preview_open(kuni_preview *preview,
                                              const kuni_run_options *options, kuni_buffer *faults,
                                              kuni_error *err);
void kuni_preview_fini(kuni_preview *preview);

#endif
