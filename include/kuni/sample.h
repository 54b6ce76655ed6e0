/* SPDX-License-Identifier: MIT */
/*
 * A sample of the cohort, as stages see it. Owned by the cohort; stages only borrow.
 */
#ifndef KUNI_SAMPLE_H
#define KUNI_SAMPLE_H

#include <string.h>

#include "kuni/api.h"
#include "kuni/genome.h"

KUNI_API_BEGIN

/*
 * Id of samples whose person was erased: their places in a batch stay, so that nobody else's number
 * changes. No manifest can have it, and no output has a column for it.
 */
#define KUNI_SAMPLE_NOBODY "."

/* A VCF or BCF of this size may come without an index: each shard reads it from the front. */
enum { KUNI_UNINDEXED_BYTES_MAX = 64 << 20 };

typedef struct kuni_sample {
    const char *id;          /* sample_id, unique in the cohort: the column name in the call set */
    const char *participant; /* participant_id */
    const char *reads;       /* path of a BAM, CRAM or gVCF */
    const char *index;       /* path of its index, or NULL: beside it by the usual names */
    const char *md5;         /* declared MD5 of `reads`, or NULL */
    const char *site;        /* laboratory or hospital, or NULL */
    const char *father, *mother; /* sample ids from PED, or NULL */
    const char *group; /* declared group for counts ("group" or first groups column), or NULL */
    const char *name_in_file; /* what `reads` must call the sample, or NULL: see the manifest */
    uint32_t index_in_cohort; /* column in the call set */
    kuni_sex sex;             /* as declared in the manifest or PED; hidden from READS and BATCH */
    bool shares_reads;        /* other samples have the same VCF: this one's column goes by `id` */
} kuni_sample;

/*
 * Whether a path of `reads` is a VCF or BCF, by its name: .vcf .gvcf (.gz .bgz) .bcf; else reads.
 */
static inline bool kuni_is_variants_path(const char *path)
{
    static const char *const endings[] = {".vcf",     ".vcf.gz",   ".vcf.bgz", ".gvcf",
                                          ".gvcf.gz", ".gvcf.bgz", ".bcf"};
    size_t length = path ? strlen(path) : 0;
    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
        size_t tail = strlen(endings[i]);
        if (length >= tail && memcmp(path + length - tail, endings[i], tail) == 0) return true;
    }
    return false;
}

KUNI_API_END

#endif
