/* SPDX-License-Identifier: MIT */
/*
 * The files of alignment QC between its steps. One form serves both kinds:
 *
 *   qc-partial  a batch in a shard, or folded in all of them: counts, reference counts, panel pileups
 *   qc-batch    a batch, all shards summed: counts, reference counts, estimates and genotypes made
 *               from the pileups
 *
 * Layout, little-endian: "kuniqc02", u32 kind, u32 contigs, u32 panel sites, u32 samples, u64
 * length of the stored body, CRC-32 of it (u32), u32 0; then the body as folded.h stores it ("kuniqc01": as it is): coded
 * reference counts, then
 * a record a sample: varint length of the record's bytes (0: no data), counts (counters.h),
 * payload. All of it is varints; see docs/qc.md.
 */
#ifndef KUNI_ALIGNMENT_QC_PARTIAL_H
#define KUNI_ALIGNMENT_QC_PARTIAL_H

#include "counters.h"

typedef enum kuni_qc_kind { KUNI_QC_PARTIAL = 1, KUNI_QC_BATCH = 2 } kuni_qc_kind;

typedef struct kuni_qc_shape {
    kuni_qc_kind kind;
    uint32_t n_contigs, n_sites, n_samples;
} kuni_qc_shape;

/*
 * Writes reference counts and the samples' records, already coded one after the other (see
 * kuni_qc_add_record).
 */
KUNI_MUST_CHECK kuni_status kuni_qc_write(const char *path, const kuni_qc_shape *shape,
                                          const uint64_t *reference, const kuni_buffer *records,
                                          kuni_error *err);
/* Appends one sample's record to the buffer of records; NULL content: no data. */
KUNI_MUST_CHECK kuni_status kuni_qc_add_record(kuni_buffer *records, const kuni_buffer *content,
                                               kuni_error *err);

/* A file read into memory. */
typedef struct kuni_qc_file {
    kuni_buffer bytes;
    kuni_qc_shape shape;
    kuni_qc_bytes reference; /* coded reference counts */
    kuni_qc_bytes *records;  /* one a sample; at == end: no data */
} kuni_qc_file;

/*
 * Reads and checks a file; another kind or shape than `expected` (NULL: any) is KUNI_DATA. Free with
 * kuni_qc_close.
 */
KUNI_MUST_CHECK kuni_status kuni_qc_open(kuni_qc_file *file, const char *path,
                                         const kuni_qc_shape *expected, kuni_error *err);
void kuni_qc_close(kuni_qc_file *file);
/*
 * A partial again, as if the flagged samples had no data. `gone`: n_samples flags. KUNI_DATA where
 * the file is damaged, or of another number of samples.
 */
KUNI_MUST_CHECK kuni_status kuni_qc_leave_out(const char *from, const char *to, const uint8_t *gone,
                                              size_t n_samples, kuni_error *err);

/*
 * Partials of several batches, made alike, as of one of n_samples: the records one after the other. KUNI_DATA as
 * above.
 */
KUNI_MUST_CHECK kuni_status kuni_qc_put_together(const char *const *from, size_t n,
                                                 size_t n_samples, const char *to, kuni_error *err);

#endif
