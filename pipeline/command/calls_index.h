/* SPDX-License-Identifier: MIT */
/* The index of a variant file that others read, which is there whole or not at all. */
#ifndef KUNI_COMMAND_CALLS_INDEX_H
#define KUNI_COMMAND_CALLS_INDEX_H

#include "kuni/status.h"

typedef enum kuni_calls_index_kind {
    KUNI_CALLS_CSI,       /* PATH.csi */
    KUNI_CALLS_TBI_OF_VCF /* PATH.tbi, of bgzipped text */
} kuni_calls_index_kind;

/* Made beside `path` under another name, and then given its own. */
KUNI_MUST_CHECK kuni_status kuni_calls_index(const char *path, kuni_calls_index_kind kind,
                                             int threads, kuni_error *err);

#endif
