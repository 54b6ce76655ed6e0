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

static inline void record_counts_add(record_counts *counts, const bcf1_t *record)
{
    if (!counts->records++ || record->rid != counts->rid || record->pos != counts->pos)
        counts->places++;
    counts->rid = record->rid;
    counts->pos = record->pos;
}

/*
 * KUNI_BUG: missing, empty (unless it may be) or broken. `label` opens the message; heartbeat may be NULL.
 */
KUNI_MUST_CHECK kuni_status output_check(const char *path, const char *extension, bool may_be_empty,
                                         const char *label, void (*heartbeat)(int64_t),
                                         record_counts *counts, kuni_error *err);

#endif
