/* SPDX-License-Identifier: MIT */
/*
 * Is what a command wrote whole? By what its name promises: variant files are read to their end,
 * gzip to its checksum.
 */
#ifndef KUNI_STAGES_EXTERNAL_OUTPUT_CHECK_H
#define KUNI_STAGES_EXTERNAL_OUTPUT_CHECK_H

#include <htslib/vcf.h>

#include "kuni/status.h"

/* Of a variant file. */
typedef struct record_counts {
    int64_t records; /* -1: it is none */
    int64_t places;  /* contigs and positions: those that differ from the record's before */
    int32_t rid;     /* of the last record */
    hts_pos_t pos;
} record_counts;

/* Adds the records up to the file's end. What bcf_read says of that, -1 if all is well; heartbeat may be NULL. */
int record_counts_read(record_counts *counts, htsFile *file, const bcf_hdr_t *header,
                       bcf1_t *record, void (*heartbeat)(int64_t));

/*
 * KUNI_BUG: missing, empty (unless it may be) or broken. `label` opens the message; heartbeat may be NULL.
 */
KUNI_MUST_CHECK kuni_status output_check(const char *path, const char *extension, bool may_be_empty,
                                         const char *label, void (*heartbeat)(int64_t),
                                         record_counts *counts, kuni_error *err);

#endif
