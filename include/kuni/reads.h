/* SPDX-License-Identifier: MIT */
/*
 * Reads of one sample over a span: opening, checking against the reference, iterating.
 *
 * htslib does the formats. Records come with tid and mate tid translated to the reference's contigs
 * (a mate on a contig that the reference lacks has mtid -2). kuni opens no network connection here:
 * see kuni_htslib_setup.
 */
#ifndef KUNI_READS_H
#define KUNI_READS_H

#include <htslib/sam.h>

#include "kuni/api.h"
#include "kuni/sample.h"

KUNI_API_BEGIN

enum {
    KUNI_READ_BASES_MOST = 1024, /* calling takes no longer reads */
    /* What stands for a mapping quality and a base quality that the file does not tell. */
    KUNI_READ_MAPQ_ASSUMED = 30,
    KUNI_READ_QUALITY_ASSUMED = 20
};

/* Once per process, before any other use of htslib: never fetch references; quiet library log. */
void kuni_htslib_setup(void);

typedef struct kuni_reads kuni_reads;

/*
 * Opens a sample's BAM or CRAM with its index and checks it: coordinate-sorted, contigs named in
 * `spans` (or, n_spans 0, all that the reference shares) present with equal lengths and, where both
 * are known, equal M5. A file without a record needs no index. `fields` is the OR of htslib's SAM_*
 * required fields (CRAM decodes only those). Errors are KUNI_DATA or KUNI_IO and name the sample and
 * the file; err->sample is left to the caller.
 */
KUNI_MUST_CHECK kuni_status kuni_reads_open(kuni_reads **reads, const kuni_sample *sample,
                                            kuni_genome *genome, const kuni_span *spans,
                                            size_t n_spans, int fields, kuni_error *err);
/* Starts over at the records that overlap `span`; tid -1: the reads without a place. */
KUNI_MUST_CHECK kuni_status kuni_reads_seek(kuni_reads *reads, kuni_span span, kuni_error *err);
/*
 * The next record, or NULL in *record at the end. Borrowed until the next call. Out-of-order
 * records are KUNI_DATA. Rare forms are made plain: no operation of the CIGAR has length 0, bases
 * given as "=" are the reference's, a mapping quality that is not known (255) is
 * KUNI_READ_MAPQ_ASSUMED, and so are qualities (255, or none at all) KUNI_READ_QUALITY_ASSUMED; what
 * was not known is told by the two functions below.
 */
KUNI_MUST_CHECK kuni_status kuni_reads_next(kuni_reads *reads, bam1_t **record, kuni_error *err);
/* Whether the file tells no mapping quality of a record that kuni_reads_next gave. */
static inline bool kuni_read_lacks_mapq(const bam1_t *record)
{
    return record->id & 1;
}
/* Bases of such a record without a quality; 0 where qualities were not asked for. */
static inline uint64_t kuni_read_lacks_qualities(const bam1_t *record)
{
    return record->id >> 1;
}
sam_hdr_t *kuni_reads_header(kuni_reads *reads);
/*
 * What the index tells of the depth of contigs, in units that differ from file to file: reads a
 * base (BAM), or compressed bytes a base that reads cover (CRAM). depths[tid] for each contig of
 * the reference; NAN where it does not tell. No record is read.
 */
KUNI_MUST_CHECK kuni_status kuni_reads_index_depths(const kuni_reads *reads,
                                                    const kuni_genome *genome, double *depths,
                                                    kuni_error *err);
/*
 * Whether the index fits the file and names all that it holds: KUNI_DATA where it does not. Reads
 * the whole index, and of a BAM some records that it leads to. To be called before kuni_reads_seek.
 */
KUNI_MUST_CHECK kuni_status kuni_reads_check_index(const kuni_reads *reads, kuni_error *err);
/* A 64-bit hash of a record's read name, the same on every machine: mates share it. */
uint64_t kuni_read_name_hash(const bam1_t *record);
void kuni_reads_close(kuni_reads *reads);

KUNI_API_END

#endif
