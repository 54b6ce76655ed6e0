/* SPDX-License-Identifier: MIT */
/*
 * The header of a call set: every tag with what it means, in one place.
 */
#ifndef KUNI_JOINT_HEADER_H
#define KUNI_JOINT_HEADER_H

#include <htslib/vcf.h>

#include "added.h"
#include "filters.h"
#include "joint.h"

typedef enum joint_render_kind {
    JOINT_RENDER_DENSE, /* a genotype column per sample */
    JOINT_RENDER_SITES, /* none */
    JOINT_RENDER_SPARSE /* columns as sparse.h has them; mode "wz" only */
} joint_render_kind;

enum { JOINT_TAG_BYTES = 96 };

/* Counts by declared group or by sex: five INFO tags. */
typedef struct joint_stratum {
    char ac[JOINT_TAG_BYTES], an[JOINT_TAG_BYTES], af[JOINT_TAG_BYTES];
    char nhomalt[JOINT_TAG_BYTES], nhemi[JOINT_TAG_BYTES];
    uint32_t group; /* 0: by sex */
    int sex;
} joint_stratum;

typedef struct joint_header {
    bcf_hdr_t *header;
    joint_stratum *strata;
    size_t n_strata;
    joint_render_kind kind;
    const joint_cohort *cohort;   /* borrowed */
    const joint_filters *filters; /* likewise */
    const joint_added *added;     /* likewise, or NULL */
    kuni_buffer text;             /* the line under way */
} joint_header;

/* Options that are looked at: source, and which fields columns have. To be freed also on failure. */
KUNI_MUST_CHECK kuni_status joint_header_make(joint_header *header, joint_render_kind kind,
                                              const joint_options *options, const kuni_task *task,
                                              const joint_cohort *cohort,
                                              const joint_filters *filters,
                                              const joint_added *added, kuni_error *err);
/* Accepts a zeroed one. */
void joint_header_fini(joint_header *header);

#endif
