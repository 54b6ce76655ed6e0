/* SPDX-License-Identifier: MIT */
/*
 * The reference genome: contigs, sequence, spans, ploidy.
 *
 * Spans are 0-based and half-open. `tid` is an index into the reference's contigs, in FASTA index
 * order, everywhere in kuni; input files with another order are translated at the border.
 */
#ifndef KUNI_GENOME_H
#define KUNI_GENOME_H

#include "kuni/api.h"
#include "kuni/buffer.h"

KUNI_API_BEGIN

typedef struct kuni_span {
    int32_t tid; /* contig, or -1: reads without a place */
    int64_t beg, end;
} kuni_span;

typedef struct kuni_contig {
    const char *name;
    int64_t length_bp;
} kuni_contig;

typedef struct kuni_genome kuni_genome;

/*
 * Opens a FASTA file, plain or bgzipped; makes the .fai (and .gzi) where missing. Not thread-safe;
 * after fork() the child must call kuni_genome_reopen before it fetches sequence.
 */
KUNI_MUST_CHECK kuni_status kuni_genome_open(kuni_genome **genome, const char *fasta_path,
                                             kuni_error *err);
KUNI_MUST_CHECK kuni_status kuni_genome_reopen(kuni_genome *genome, kuni_error *err);
void kuni_genome_close(kuni_genome *genome);

const char *kuni_genome_path(const kuni_genome *genome);
int32_t kuni_genome_contig_count(const kuni_genome *genome);
const kuni_contig *kuni_genome_contig(const kuni_genome *genome, int32_t tid);
/* tid of a contig name, or -1. */
int32_t kuni_genome_find(const kuni_genome *genome, const char *name);

/*
 * Sequence of a span, clipped to the contig, as upper-case ACGTN (other IUPAC codes become N),
 * NUL-terminated. The caller owns *sequence. Spans may be long (a whole chromosome is 250 MB).
 */
KUNI_MUST_CHECK kuni_status kuni_genome_fetch(kuni_genome *genome, kuni_span span, char **sequence,
                                              int64_t *length_bp, kuni_error *err);

/* MD5 of a contig by the SAM rules (@SQ M5), 32 hex digits; computed on first use. */
KUNI_MUST_CHECK kuni_status kuni_genome_md5(kuni_genome *genome, int32_t tid, char hex[33],
                                            kuni_error *err);
/*
 * Appends the contig's header line of VCF, with its length, MD5 and, where kuni_genome_assembly knows it, the
 * assembly: "##contig=<...>", no newline.
 */
KUNI_MUST_CHECK kuni_status kuni_genome_vcf_contig(kuni_genome *genome, int32_t tid,
                                                   kuni_buffer *text, kuni_error *err);
/* Tells the genome a contig's MD5 that was computed before (a cache kept by the caller). */
void kuni_genome_set_md5(kuni_genome *genome, int32_t tid, const char *hex);

/* --- human chromosomes --- */

enum { KUNI_HUMAN_X = 23, KUNI_HUMAN_Y = 24, KUNI_HUMAN_M = 25 };

/*
 * 1 to 22, or X, Y, M, of a contig by its name: chr1, 1, X, 23, M, MT, and the accessions of RefSeq
 * and GenBank with or without a version (NC_000023.11). 0: another.
 */
int kuni_human_chromosome(const char *contig_name);
/* True for contigs known as mitochondrial. */
bool kuni_is_mitochondrial(const char *contig_name);
/* GRCh37, GRCh38 or CHM13 where X or Y has the length that it has there, else NULL. */
const char *kuni_genome_assembly(const kuni_genome *genome);

/* --- ploidy --- */

/* A byte: there may be millions of samples. */
typedef enum __attribute__((packed)) kuni_sex {
    KUNI_SEX_UNKNOWN = 0,
    KUNI_SEX_MALE = 1,
    KUNI_SEX_FEMALE = 2
} kuni_sex;

/* What is known of a person's sex chromosomes. */
typedef struct kuni_karyotype {
    kuni_sex sex;
    int8_t x, y; /* copies; -1: as the sex has them */
} kuni_karyotype;

typedef struct kuni_ploidy kuni_ploidy;

enum { KUNI_COPIES_EITHER = 3 }; /* it depends on the sex */

/*
 * `name` is GRCh38, GRCh37 or CHM13, "diploid" (2 everywhere), or the path of a BED file: contig,
 * beg, end, copies in males, copies in females. What no line covers is diploid. Unknown sex counts
 * as female on X and as male on Y (copies are then 2 and 1). Mitochondrial contigs have 1 copy.
 * KUNI_USAGE where the table does not fit the genome: its X or Y is that of another assembly, or
 * the table has nothing to do with any of its contigs.
 */
KUNI_MUST_CHECK kuni_status kuni_ploidy_open(kuni_ploidy **ploidy, const char *name,
                                             const kuni_genome *genome, kuni_error *err);
void kuni_ploidy_close(kuni_ploidy *ploidy);
/*
 * Copies (0, 1 or 2) at a position; *until becomes the first position after it where that may
 * change.
 */
int kuni_ploidy_at(const kuni_ploidy *ploidy, int32_t tid, int64_t pos, kuni_sex sex,
                   int64_t *until);
/*
 * The same in a person of a karyotype: where males have one copy and females two, those of X; where
 * females have none, those of Y; more than two count as two. Elsewhere the sex alone decides.
 */
int kuni_ploidy_of(const kuni_ploidy *ploidy, int32_t tid, int64_t pos, kuni_karyotype karyotype,
                   int64_t *until);
/* What evidence has to hold at a position, whoever's it is: copies (0, 1, 2) where the sexes have
 * the same, KUNI_COPIES_EITHER where not. */
int kuni_ploidy_evidence(const kuni_ploidy *ploidy, int32_t tid, int64_t pos, int64_t *until);

KUNI_API_END

#endif
