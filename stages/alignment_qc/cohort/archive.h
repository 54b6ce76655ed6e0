/* SPDX-License-Identifier: MIT */
/* A compressed tar archive with the same bytes every time. */
#ifndef KUNI_ALIGNMENT_QC_ARCHIVE_H
#define KUNI_ALIGNMENT_QC_ARCHIVE_H

#include "kuni/file.h"

typedef struct kuni_qc_archive kuni_qc_archive;

/* A gzip-compressed ustar archive; no times, owners or host in it. */
KUNI_MUST_CHECK kuni_status kuni_qc_archive_create(kuni_qc_archive **archive, const char *path,
                                                   kuni_error *err);
KUNI_MUST_CHECK kuni_status kuni_qc_archive_add(kuni_qc_archive *archive, const char *name,
                                                const void *bytes, size_t length, kuni_error *err);
/* Frees the archive also on failure. */
KUNI_MUST_CHECK kuni_status kuni_qc_archive_commit(kuni_qc_archive *archive, kuni_error *err);
void kuni_qc_archive_discard(kuni_qc_archive *archive);

#endif
