/* SPDX-License-Identifier: MIT */
/*
 * What stages after joint-genotype have made of its records: FILTER, ID, and INFO that it does not
 * write itself. INFO with a value for each allele or genotype is left out: an export may have other
 * alleles ("*" of samples that are not in it).
 */
#ifndef KUNI_JOINT_ADDED_H
#define KUNI_JOINT_ADDED_H

#include <htslib/vcf.h>

#include "kuni/buffer.h"
#include "kuni/genome.h"

typedef struct joint_added joint_added;

/* An INFO field, to be put with bcf_update_info. */
typedef struct joint_added_info {
    const char *tag;
    const void *values;
    int n, type;
} joint_added_info;

typedef struct joint_added_site {
    const char *id;       /* NULL: "." */
    const char **filters; /* NULL: the record is not there */
    bool gone;            /* nor is any other at its position */
    const joint_added_info *infos;
    uint32_t n_filters, n_infos;
} joint_added_site;

/*
 * `index` NULL: the file is read from the front. Only records that start in `span` are looked at.
 */
KUNI_MUST_CHECK kuni_status joint_added_open(joint_added **added, const char *path,
                                             const char *index, const char *contig, kuni_span span,
                                             kuni_error *err);
/* Accepts NULL. */
void joint_added_close(joint_added *added);

/* Records that are not there have FILTER Dropped: for the sparse form, where blocks begin in them. To be called at once. */
void joint_added_tell_dropped(joint_added *added);

/* Appends the FILTER and INFO lines that `to` lacks. */
KUNI_MUST_CHECK kuni_status joint_added_header(const joint_added *added, bcf_hdr_t *to,
                                               kuni_error *err);
/* What was made of `record`, in the arena; records must come in order. */
KUNI_MUST_CHECK kuni_status joint_added_find(joint_added *added, const bcf1_t *record,
                                             kuni_arena *arena, joint_added_site *site,
                                             kuni_error *err);

#endif
