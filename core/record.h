/* SPDX-License-Identifier: MIT */
/*
 * Records in legal but rare forms, made plain where they are read, so that nothing behind need know
 * of them: SAM 1.6, sections 1.4 and 4.2.
 */
#ifndef KUNI_CORE_RECORD_H
#define KUNI_CORE_RECORD_H

#include <htslib/sam.h>

#include "kuni/genome.h"

/* Bases of the reference, for reads that leave theirs out. Zeroed: empty. */
typedef struct kuni_record_bases {
    kuni_span span;
    char *sequence;
} kuni_record_bases;

/*
 * Takes operations of length 0 out of the CIGAR and joins what they parted; writes the reference's
 * base for "=" in SEQ where it is aligned, N where it is not; gives a MAPQ and qualities where none
 * are known and tells of it in record->id (kuni/reads.h). `tid` of the record must be the genome's;
 * `fields` are those that were decoded. KUNI_IO, KUNI_DATA: of the reference.
 */
KUNI_MUST_CHECK kuni_status kuni_record_make_plain(bam1_t *record, int fields, kuni_genome *genome,
                                                   kuni_record_bases *bases, kuni_error *err);
void kuni_record_bases_fini(kuni_record_bases *bases);

#endif
