/* SPDX-License-Identifier: MIT */
/*
 * The counters of alignment QC: one flat vector of 64-bit integers a sample.
 *
 * Everything that a shard contributes to a sample's metrics is an integer that adds up: partials of
 * any cut into shards, in any order, sum to the same vector. Means, medians, rates and fits are
 * made from the sum, once. A second vector of the same shape, the "reference" vector, holds what
 * depends on the processed regions alone (non-gap lengths, GC of reference windows).
 *
 * The vector is sections, one after the other, at the offsets below; the contig section comes last
 * because its length depends on the reference. Most entries are 0: the coded form stores the others
 * only.
 */
#ifndef KUNI_ALIGNMENT_QC_COUNTERS_H
#define KUNI_ALIGNMENT_QC_COUNTERS_H

#include "kuni/buffer.h"

enum {
    KUNI_QC_CYCLES = 512,        /* later cycles of longer reads are not profiled */
    KUNI_QC_QUALITIES = 64,      /* higher ones count as the last */
    KUNI_QC_READ_LENGTHS = 1024, /* the last bin holds longer reads */
    KUNI_QC_INSERT_BP = 8000,    /* the last bin holds larger ones (samtools stats: 8000) */
    KUNI_QC_DEPTHS = 1024,       /* the last bin holds deeper positions */
    KUNI_QC_INDEL_BP = 128,
    KUNI_QC_HET_DEPTH = 10, /* a site of X is judged from this depth on */
    KUNI_QC_GC_BINS = 101,  /* per cent */
    KUNI_QC_GC_WINDOW_BP = 100
};

/*
 * Single counts. "reads" are primary records unless said otherwise; PF: without the QC-fail flag.
 */
typedef enum kuni_qc_count {
    KUNI_QC_READS,
    KUNI_QC_READS_FIRST, /* first of pair, or unpaired */
    KUNI_QC_READS_LAST,
    KUNI_QC_READS_MAPPED,
    KUNI_QC_READS_PAIRED,
    KUNI_QC_READS_PROPER,
    KUNI_QC_READS_BOTH_MAPPED,
    KUNI_QC_READS_DUPLICATE,
    KUNI_QC_READS_MAPQ0,
    KUNI_QC_READS_QCFAIL,
    KUNI_QC_READS_NO_MAPQ,      /* mapped ones; KUNI_READ_MAPQ_ASSUMED stands for it */
    KUNI_QC_READS_TOO_LONG,     /* mapped ones that calling does not take */
    KUNI_QC_READS_OTHER_CONTIG, /* paired, both mapped, mate elsewhere */
    KUNI_QC_READS_PF,
    KUNI_QC_READS_PF_MAPPED,
    KUNI_QC_READS_PF_PROPER,
    KUNI_QC_MAPPED_PF_DUPLICATE,
    KUNI_QC_CHIMERIC,    /* of the next: mate on another contig or further than 100 kb */
    KUNI_QC_CHIMERIC_OF, /* mapped pairs' reads with MAPQ >= 20, PF, not duplicate */
    KUNI_QC_SECONDARY,
    KUNI_QC_SUPPLEMENTARY,
    KUNI_QC_BASES,
    KUNI_QC_BASES_FIRST,
    KUNI_QC_BASES_LAST,
    KUNI_QC_BASES_MAPPED,
    KUNI_QC_BASES_CIGAR, /* M, =, X and I of mapped records, supplementary included */
    KUNI_QC_BASES_DUPLICATE,
    KUNI_QC_BASES_PF,
    KUNI_QC_BASES_PF_Q20,
    KUNI_QC_BASES_PF_Q30,
    KUNI_QC_BASES_N,
    KUNI_QC_BASES_NO_QUALITY, /* KUNI_READ_QUALITY_ASSUMED stands for it */
    KUNI_QC_BASES_TOO_LONG,   /* of KUNI_QC_READS_TOO_LONG */
    KUNI_QC_SUM_QUALITY,
    KUNI_QC_SOFT_CLIPPED,
    KUNI_QC_HARD_CLIPPED,
    KUNI_QC_EDITS, /* as the NM tag: mismatches, inserted and deleted bases of mapped records */
    KUNI_QC_MISMATCHES, /* ACGT against another ACGT, primary non-duplicate mapped reads */
    KUNI_QC_COMPARED,   /* aligned bases of the same reads */
    /* Aligned bases kept out of the coverage, by the first reason that holds. */
    KUNI_QC_EXCLUDED_DUPLICATE,
    KUNI_QC_EXCLUDED_MAPQ,
    KUNI_QC_EXCLUDED_BASEQ,
    KUNI_QC_EXCLUDED_OVERLAP,
    KUNI_QC_COUNTED_BASES,
    KUNI_QC_X_HET, /* sites of haploid-in-males X that look heterozygous, homozygous alternate */
    KUNI_QC_X_HOM,
    /* variants of the autosomes, from calling */
    KUNI_QC_VARIANTS_SEEN, /* 1 a shard with evidence of the sample */
    KUNI_QC_SNVS,
    KUNI_QC_SNVS_HET,
    KUNI_QC_SNVS_HOM,
    KUNI_QC_TRANSITIONS,
    KUNI_QC_TRANSVERSIONS,
    KUNI_QC_INSERTIONS,
    KUNI_QC_DELETIONS,
    KUNI_QC_INDELS_HET,
    KUNI_QC_INDELS_HOM,
    KUNI_QC_SINGLE_COUNTS
} kuni_qc_count;

/* Classes of reference positions. */
typedef enum kuni_qc_class {
    KUNI_QC_AUTOSOME,
    KUNI_QC_X, /* two copies in females, one in males */
    KUNI_QC_Y, /* one copy in males only */
    KUNI_QC_MITO,
    KUNI_QC_ELSEWHERE,
    KUNI_QC_CLASSES
} kuni_qc_class;

/* Columns of the contig section. */
typedef enum kuni_qc_contig_count {
    KUNI_QC_CONTIG_LENGTH,  /* reference vector: processed bp; sample vector: unused */
    KUNI_QC_CONTIG_NONGAP,  /* reference vector: processed non-N bp */
    KUNI_QC_CONTIG_READS,   /* mapped primary */
    KUNI_QC_CONTIG_DEPTH,   /* sum of the coverage over non-N positions */
    KUNI_QC_CONTIG_COVERED, /* positions with coverage >= 1 */
    KUNI_QC_CONTIG_15X,
    KUNI_QC_CONTIG_COUNTS
} kuni_qc_contig_count;

/* Offsets of the sections. Two-fold sections hold first-of-pair reads, then last-of-pair. */
enum {
    KUNI_QC_AT_MAPQ = KUNI_QC_SINGLE_COUNTS,
    KUNI_QC_AT_LENGTH = KUNI_QC_AT_MAPQ + 256,
    KUNI_QC_AT_INSERT_IN = KUNI_QC_AT_LENGTH + KUNI_QC_READ_LENGTHS + 1,
    KUNI_QC_AT_INSERT_OUT = KUNI_QC_AT_INSERT_IN + KUNI_QC_INSERT_BP,
    KUNI_QC_AT_INSERT_OTHER = KUNI_QC_AT_INSERT_OUT + KUNI_QC_INSERT_BP,
    KUNI_QC_AT_QUALITY = KUNI_QC_AT_INSERT_OTHER + KUNI_QC_INSERT_BP, /* [2][cycle][quality] */
    KUNI_QC_AT_ALIGNED =
        KUNI_QC_AT_QUALITY + 2 * KUNI_QC_CYCLES * KUNI_QC_QUALITIES, /* [2][cycle] */
    KUNI_QC_AT_MISMATCH = KUNI_QC_AT_ALIGNED + 2 * KUNI_QC_CYCLES,
    KUNI_QC_AT_CLIPPED = KUNI_QC_AT_MISMATCH + 2 * KUNI_QC_CYCLES,
    KUNI_QC_AT_READ_GC = KUNI_QC_AT_CLIPPED + 2 * KUNI_QC_CYCLES, /* [2][per cent] */
    KUNI_QC_AT_WINDOW_GC =
        KUNI_QC_AT_READ_GC + 2 * KUNI_QC_GC_BINS,                 /* reads, or reference windows */
    KUNI_QC_AT_INSERTED = KUNI_QC_AT_WINDOW_GC + KUNI_QC_GC_BINS, /* by length */
    KUNI_QC_AT_DELETED = KUNI_QC_AT_INSERTED + KUNI_QC_INDEL_BP,
    KUNI_QC_AT_DEPTH =
        KUNI_QC_AT_DELETED + KUNI_QC_INDEL_BP, /* [class][depth]; reference: bp in [class][0] */
    KUNI_QC_AT_DEPTH_SUM =
        KUNI_QC_AT_DEPTH + KUNI_QC_CLASSES * KUNI_QC_DEPTHS, /* [class], uncapped */
    KUNI_QC_AT_CONTIGS =
        KUNI_QC_AT_DEPTH_SUM + KUNI_QC_CLASSES /* [contig][KUNI_QC_CONTIG_COUNTS] */
};

/* Length of the vector for a reference of n contigs. */
static inline size_t kuni_qc_length(int32_t n_contigs)
{
    return KUNI_QC_AT_CONTIGS + (size_t)n_contigs * KUNI_QC_CONTIG_COUNTS;
}

/* Appends the non-zero entries: their number, then (gap, value), all as LEB128 varints. */
KUNI_MUST_CHECK kuni_status kuni_qc_encode(kuni_buffer *out, const uint64_t *counts, size_t length,
                                           kuni_error *err);

/* A cursor over coded bytes; reads past the end or malformed numbers set `bad` and give 0. */
typedef struct kuni_qc_bytes {
    const unsigned char *at, *end;
    bool bad;
} kuni_qc_bytes;

/* Numbers of so many bytes, little-endian. */
void kuni_qc_put_le(unsigned char *to, uint64_t value, int n_bytes);
uint64_t kuni_qc_get_le(const unsigned char *from, int n_bytes);
KUNI_MUST_CHECK kuni_status kuni_qc_put_varint(kuni_buffer *out, uint64_t value, kuni_error *err);
uint64_t kuni_qc_get_varint(kuni_qc_bytes *bytes);
/* Signed numbers as zigzag varints. */
KUNI_MUST_CHECK kuni_status kuni_qc_put_signed(kuni_buffer *out, int64_t value, kuni_error *err);
int64_t kuni_qc_get_signed(kuni_qc_bytes *bytes);
/* Adds coded counts to the vector; false where the bytes are damaged. */
KUNI_MUST_CHECK bool kuni_qc_decode_add(kuni_qc_bytes *bytes, uint64_t *counts, size_t length);

#endif
