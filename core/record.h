/* SPDX-License-Identifier: MIT */
/*
 * Records in legal but rare forms, made plain where they are read, so that nothing behind need know
 * of them: SAM 1.6, sections 1.4 and 4.2.
 */
#ifndef KUNI_CORE_RECORD_H
#define KUNI_CORE_RECORD_H

#include <htslib/sam.h>

#include "kuni/genome.h"

/* MAPQ 255 means that none is known; what stands for it: no better than one error in a thousand. */
enum { KUNI_MAPQ_NOT_KNOWN = 255, KUNI_MAPQ_ASSUMED = 30 };

/* Bases of the reference, for reads that leave theirs out. Zeroed: empty. */
typedef struct kuni_record_bases {
    kuni_span span;
    char *sequence;
} kuni_record_bases;

/*
 * Takes operations of length 0 out of the CIGAR and joins what they parted; writes the reference's
 * base for "=" in SEQ where it is aligned, N where it is not; gives a MAPQ where none is known. `tid`
 * of the record must be the genome's. KUNI_IO, KUNI_DATA: of the reference.
 */
KUNI_MUST_CHECK kuni_status kuni_record_make_plain(bam1_t *record, kuni_genome *genome,
                                                   kuni_record_bases *bases, kuni_error *err);
void kuni_record_bases_fini(kuni_record_bases *bases);

#endif
