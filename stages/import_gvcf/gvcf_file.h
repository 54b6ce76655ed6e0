/* SPDX-License-Identifier: MIT */
/*
 * A gVCF as a stream of lines of one contig from a position on: VCF (plain, gzip, BGZF) or BCF,
 * with a tabix or CSI index or, where the file is small, without one.
 *
 * Lines are given as they stand in the file, without the newline, in a buffer that has a NUL after
 * them. BGZF blocks are inflated by htslib; the text is split here, because a record as a struct
 * costs more than everything else of an import.
 */
#ifndef KUNI_IMPORT_GVCF_FILE_H
#define KUNI_IMPORT_GVCF_FILE_H

#include "kuni/buffer.h"
#include "kuni/genome.h"

typedef struct kuni_gvcf_file kuni_gvcf_file;

typedef struct kuni_gvcf_open_options {
    const char *path;
    const char *index;     /* or NULL: by the usual names beside it */
    const char *sample_id; /* the wanted column, where the file has several */
    bool by_name;          /* the column must have this name, though it be the only one */
    kuni_genome *genome;   /* contigs are checked against it */
    int32_t tid;           /* the contig that will be read */
} kuni_gvcf_open_options;

/*
 * Opens and checks: a header, a column for the sample, contig lengths and MD5 as in the reference.
 * KUNI_DATA or KUNI_IO say what is wrong with the file.
 */
KUNI_MUST_CHECK kuni_status kuni_gvcf_open(kuni_gvcf_file **file,
                                           const kuni_gvcf_open_options *options, kuni_error *err);
void kuni_gvcf_close(kuni_gvcf_file *file);

/* Field number of the sample's column (9: the first), and how many samples the file has. */
int kuni_gvcf_column(const kuni_gvcf_file *file);
int kuni_gvcf_sample_count(const kuni_gvcf_file *file);
/* True where the file's own name of the sample is another than the wanted. */
bool kuni_gvcf_renamed(const kuni_gvcf_file *file);

/*
 * True where the file leaves genotypes to the likelihoods: it has several samples (then some do), or
 * none of its first records calls a genotype.
 */
bool kuni_gvcf_leaves_genotypes(const kuni_gvcf_file *file);

/*
 * True where blocks of reference are joined by more bands of GQ than `most`, as the header tells (GATK's GVCFBlock lines), or, where it
 * does not, by so many that the first ones (200 and more) are shorter than 32 bp on average. kuni's own bands stay.
 */
bool kuni_gvcf_is_banded_finer(const kuni_gvcf_file *file, size_t most);

/* True where kuni wrote it. */
bool kuni_gvcf_is_own(const kuni_gvcf_file *file);

/* Goes to the first line that may overlap [beg, end) of the contig; may also give lines before. */
KUNI_MUST_CHECK kuni_status kuni_gvcf_seek(kuni_gvcf_file *file, int64_t beg, int64_t end,
                                           kuni_error *err);
/* After a seek: true where the index tells of records on the contig; false also without index. */
bool kuni_gvcf_indexed_contig(const kuni_gvcf_file *file);
/*
 * The next line, or *line NULL at the end. Lines of other contigs may come. Valid until the next
 * call.
 */
KUNI_MUST_CHECK kuni_status kuni_gvcf_next(kuni_gvcf_file *file, char **line, size_t *length,
                                           kuni_error *err);

#endif
