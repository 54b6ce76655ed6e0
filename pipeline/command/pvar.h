/* SPDX-License-Identifier: MIT */
/*
 * Lines of a .pvar, as plink2 --make-pgen pvar-cols=-info writes them of a BCF: contigs by PLINK's names, and the
 * pseudoautosomal regions of X as PAR1 and PAR2 (--split-par), where the ploidy table has them.
 */
#ifndef KUNI_COMMAND_PVAR_H
#define KUNI_COMMAND_PVAR_H

#include <htslib/vcf.h>

#include "kuni/buffer.h"
#include "kuni/genome.h"

typedef struct kuni_pvar {
    const kuni_genome *genome; /* borrowed */
    int32_t x_tid;             /* -1: no X */
    kuni_span single;          /* of X in males; empty: no part */
    kstring_t line;
} kuni_pvar;

void kuni_pvar_init(kuni_pvar *pvar, const kuni_genome *genome, const kuni_ploidy *ploidy);
void kuni_pvar_fini(kuni_pvar *pvar);

/* Appends the header: contigs and filters of that of the calls. */
KUNI_MUST_CHECK kuni_status kuni_pvar_put_header(const bcf_hdr_t *header, kuni_buffer *out,
                                                 kuni_error *err);
/* The line of an unpacked record, with its end; valid until the next call. NULL: memory ran out. */
KUNI_MUST_CHECK const char *kuni_pvar_line(kuni_pvar *pvar, const bcf_hdr_t *header,
                                           const bcf1_t *record);

#endif
