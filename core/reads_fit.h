/* SPDX-License-Identifier: MIT */
/*
 * Whether the index of a BAM (.bai, .csi) is this file's: its chunks must follow one another from
 * the first record to the last with a place, and what they lead to must be records of their contigs.
 * htslib looks at nothing of this: an index of another state of the file leads it past reads.
 */
#ifndef KUNI_CORE_READS_FIT_H
#define KUNI_CORE_READS_FIT_H

#include <htslib/sam.h>

#include "kuni/status.h"

typedef enum kuni_index_fit {
    KUNI_INDEX_FITS,
    KUNI_INDEX_IS_ANOTHERS,
    KUNI_INDEX_LEADS_BEYOND /* the file's end: of a longer file, or this one was cut off */
} kuni_index_fit;

/*
 * `first`: virtual offset of the first record; `bytes`: of the file. A few hundred records are read, and those that stand
 * between two chunks; the file is left somewhere.
 */
KUNI_MUST_CHECK kuni_status kuni_index_fits(samFile *file, const sam_hdr_t *header,
                                            const hts_idx_t *index, int64_t first, int64_t bytes,
                                            kuni_index_fit *fit, kuni_error *err);

#endif
