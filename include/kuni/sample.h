/* SPDX-License-Identifier: MIT */
/*
 * A sample of the cohort, as stages see it. Owned by the cohort; stages only borrow.
 */
#ifndef KUNI_SAMPLE_H
#define KUNI_SAMPLE_H

#include "kuni/genome.h"

typedef struct kuni_sample {
    const char *id;          /* sample_id, unique in the cohort: the column name in the call set */
    const char *participant; /* participant_id */
    kuni_sex sex;            /* as declared in the manifest or PED */
    const char *reads;       /* path of a BAM, CRAM or gVCF */
    const char *index;       /* path of its index, or NULL: beside it by the usual names */
    const char *md5;         /* declared MD5 of `reads`, or NULL */
    const char *site;        /* laboratory or hospital, or NULL */
    const char *father, *mother; /* sample ids from PED, or NULL */
    const char *group; /* declared group for counts ("group" or first groups column), or NULL */
    uint32_t index_in_cohort; /* column in the call set */
} kuni_sample;

#endif
