/* SPDX-License-Identifier: MIT */
#include "lead.h"

#include <math.h>
#include <stdlib.h>

#include "call.h"
#include "kuni/reads.h"

/* Depth of X over that of the autosomes in males: 0.5, and what libraries and genomes make of it. */
static const double one_least = 0.3, one_most = 0.7;

/* Copies in males and females at the first place of the shard, and around, where they differ. */
static bool find_difference(const kuni_task *task, int *male, int *female)
{
    kuni_span shard = task->shards[task->shard];
    int64_t pos = shard.beg > KUNI_CALL_HALO_BP ? shard.beg - KUNI_CALL_HALO_BP : 0, until;
    for (; pos < shard.end; pos = until) {
        if (kuni_ploidy_evidence(task->ploidy, shard.tid, pos, &until) != KUNI_COPIES_EITHER)
            continue;
        *male = kuni_ploidy_at(task->ploidy, shard.tid, pos, KUNI_SEX_MALE, NULL);
        *female = kuni_ploidy_at(task->ploidy, shard.tid, pos, KUNI_SEX_FEMALE, NULL);
        return true;
    }
    return false;
}

/* Mean depth of the autosomes that the index tells of; NAN: none. */
static double depth_of_autosomes(const kuni_genome *genome, const double *depths)
{
    double sum = 0, bases = 0;
    for (int32_t tid = 0; tid < kuni_genome_contig_count(genome); tid++) {
        const kuni_contig *contig = kuni_genome_contig(genome, tid);
        int chromosome = kuni_human_chromosome(contig->name);
        if (chromosome < 1 || chromosome >= KUNI_HUMAN_X || isnan(depths[tid])) continue;
        sum += depths[tid] * (double)contig->length_bp;
        bases += (double)contig->length_bp;
    }
    return bases > 0 ? sum / bases : NAN;
}

kuni_status kuni_lead_find(const kuni_task *task, const kuni_sample *sample, int *lead,
                           kuni_error *err)
{
    int male = 2, female = 2;
    *lead = 2;
    if (!find_difference(task, &male, &female)) return KUNI_OK;
    if (male == 1 && female == 0) *lead = 1;
    if (male != 1 || female != 2) return KUNI_OK;
    kuni_reads *reads = NULL;
    int32_t tid = task->shards[task->shard].tid;
    double *depths =
        kuni_alloc((size_t)kuni_genome_contig_count(task->genome), sizeof(*depths), err);
    if (!depths) return KUNI_MEMORY;
    kuni_status status = kuni_reads_open(&reads, sample, task->genome, NULL, 0, 0, err);
    if (!status) status = kuni_reads_index_depths(reads, task->genome, depths, err);
    if (!status) {
        double share = depths[tid] / depth_of_autosomes(task->genome, depths);
        if (share >= one_least && share <= one_most) *lead = 1;
    }
    kuni_reads_close(reads);
    free(depths);
    return status;
}
