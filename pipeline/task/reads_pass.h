/* SPDX-License-Identifier: MIT */
/*
 * The reads pass: one decode of each sample feeds all stages that want its reads.
 *
 * For every sample of the batch: the file is opened with the fields that any part needs and, for one
 * shard after another, sought to the shard widened by the greatest halo, and each record goes to
 * those parts whose own widened shard it overlaps. A part cannot see what the others asked for. Runs
 * in the job's child; knows no processes and no MPI.
 *
 * A sample whose input is bad (cannot be opened, truncated, unsorted, foreign contigs, damaged) is
 * forgotten in all parts alike and reported; the pass goes on with the next.
 */
#ifndef KUNI_TASK_READS_PASS_H
#define KUNI_TASK_READS_PASS_H

#include "kuni/stage.h"

typedef struct kuni_reads_pass_part {
    const kuni_step *step; /* of KUNI_SCATTER_READS */
    const kuni_task *task; /* the same batch in all parts; parts of a shard stand together */
} kuni_reads_pass_part;

typedef struct kuni_reads_pass {
    const kuni_reads_pass_part *parts;
    size_t n_parts;
    const uint8_t *skip; /* flags over task->samples, or NULL */
    /*
     * All may be NULL. `at` is told where the pass stands before a stage function or the decoder
     * runs: the sample (index into task->samples, -1: none) and, for a stage function, its part.
     */
    void (*at)(void *context, int64_t sample, size_t part);
    void (*beat)(void *context, int64_t records);
    /* A sample was dropped. Returns an error to end the pass. */
    kuni_status (*bad)(void *context, int64_t sample, const kuni_error *why, kuni_error *err);
    void *context;
} kuni_reads_pass;

/*
 * Runs the pass to the end: all parts have finished and closed. err->sample is the sample at fault,
 * or -1.
 */
KUNI_MUST_CHECK kuni_status kuni_reads_pass_run(const kuni_reads_pass *pass, kuni_error *err);

/*
 * What a sample's `reads` brings, by its name: .vcf .vcf.gz .vcf.bgz .gvcf.gz .g.vcf.gz .bcf are
 * gVCF, else reads.
 */
kuni_feed kuni_sample_feed(const kuni_sample *sample);
bool kuni_sample_feeds(const kuni_sample *sample, kuni_feed feed);

#endif
