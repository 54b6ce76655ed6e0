/* SPDX-License-Identifier: MIT */
/*
 * A sample's evidence as a gVCF: what GATK GenotypeGVCFs, GLnexus and bcftools merge -g read.
 *
 * Events are records with <NON_REF> last; reference blocks are records with ALT <NON_REF> and END.
 * An event that evidence repeats in later chunks and shards is written once, at its own position.
 * What holds for one copy or two is written for as many as the person has. Where there are no data a
 * block of depth, quality and likelihoods 0 says so, as HaplotypeCaller does: every base of the files
 * that are added has a record, but where the person has no copy.
 */
#ifndef KUNI_COMMAND_GVCF_WRITER_H
#define KUNI_COMMAND_GVCF_WRITER_H

#include "evidence_files.h"
#include "kuni/evidence.h"

typedef struct kuni_gvcf_writer kuni_gvcf_writer;

/* Whose copies of X and Y are written. */
typedef struct kuni_gvcf_person {
    const kuni_ploidy *ploidy; /* NULL: two copies of everything */
    kuni_karyotype karyotype;
    bool undecided; /* nobody knows: no call where the sexes differ */
    bool diploid; /* single copies are written as two of the same, for tools that know no others */
} kuni_gvcf_person;

/* `path` "-" is standard output as plain text; else bgzipped text, with a .tbi beside it. `ploidy`
 * is borrowed. */
KUNI_MUST_CHECK kuni_status kuni_gvcf_create(kuni_gvcf_writer **writer, const char *path,
                                             kuni_genome *genome, const char *sample,
                                             kuni_gvcf_person person, kuni_error *err);
/* Appends the sample's records of one evidence file; files in the order of the reference. */
KUNI_MUST_CHECK kuni_status kuni_gvcf_add(kuni_gvcf_writer *writer, const kuni_evidence_file *file,
                                          kuni_error *err);
/* As that, of what lies in [beg, end) only: events that start there, blocks cut to it. */
KUNI_MUST_CHECK kuni_status kuni_gvcf_add_part(kuni_gvcf_writer *writer,
                                               const kuni_evidence_file *file, int64_t beg,
                                               int64_t end, kuni_error *err);
/* Closes, and frees the writer also on failure. */
KUNI_MUST_CHECK kuni_status kuni_gvcf_finish(kuni_gvcf_writer *writer, kuni_error *err);
void kuni_gvcf_discard(kuni_gvcf_writer *writer);

#endif
