/* SPDX-License-Identifier: MIT */
/* Evidence that the command line names: files, and the members of packs, which are files in a file. */
#ifndef KUNI_COMMAND_EVIDENCE_FILES_H
#define KUNI_COMMAND_EVIDENCE_FILES_H

#include "kuni/buffer.h"

typedef struct kuni_evidence_file {
    const char *path;
    uint64_t offset, bytes; /* as kuni_evidence_open_part takes them */
    bool first;             /* of the file at `path` */
} kuni_evidence_file;

/*
 * All that the file at `path`, which is borrowed, holds: appended to files[0..*n), whose room is
 * *capacity; the caller frees it.
 */
KUNI_MUST_CHECK kuni_status kuni_evidence_files_add(kuni_evidence_file **files, size_t *n,
                                                    size_t *capacity, const char *path,
                                                    kuni_error *err);

#endif
