/* SPDX-License-Identifier: MIT */
/* What each column of an evidence file takes. For looking into files, not for reading them. */
#ifndef KUNI_STORE_EVIDENCE_COLUMNS_H
#define KUNI_STORE_EVIDENCE_COLUMNS_H

#include "kuni/evidence.h"

enum { KUNI_EVIDENCE_COLUMNS = 48 };

typedef struct kuni_evidence_column {
    const char *group, *name;
    uint64_t raw, stored; /* bytes, before and after compression */
} kuni_evidence_column;

/*
 * Fills the columns with the bytes of all chunks together, the classes of genotypes summed. Columns
 * that are compressed together share by their raw bytes; heads of packs stand in no column.
 */
KUNI_MUST_CHECK kuni_status
kuni_evidence_measure(kuni_evidence_reader *reader,
                      kuni_evidence_column columns[KUNI_EVIDENCE_COLUMNS], kuni_error *err);

#endif
