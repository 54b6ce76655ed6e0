/* SPDX-License-Identifier: MIT */
/*
 * Depths by a CRAM index (.crai): gzipped text, a line a slice and contig: number of the contig in
 * the file's header, first position, span, offset of the container, offset of the slice in it,
 * bytes of the slice.
 */
#ifndef KUNI_CORE_READS_INDEX_H
#define KUNI_CORE_READS_INDEX_H

#include <stdbool.h>
#include <stdint.h>

#include "kuni/status.h"

/*
 * Whether the index names every container of the CRAM `path` that holds placed reads; `first` is the
 * offset of the first one, behind the header. A container's header is read only where the index
 * leaves room for one that it does not name.
 */
KUNI_MUST_CHECK kuni_status kuni_crai_covers(const char *crai, const char *path, int64_t first,
                                             bool *covers, kuni_error *err);

/* Bytes a base of each of the n contigs of the file; those of slices that hold several contigs do
 * not count. Contigs without any other: NAN. */
KUNI_MUST_CHECK kuni_status kuni_crai_depths(const char *path, double *depths, int32_t n,
                                             kuni_error *err);

#endif
