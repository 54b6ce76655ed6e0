/* SPDX-License-Identifier: MIT */
/*
 * Takes from a record of exported calls what the recipient is not to see, and gives the columns their new
 * names in their new order.
 *
 * Of a record stay: place, the ALTs that one of the people has (and REF no longer than those need),
 * FILTER, an ID, what INFO counts of these people (AC, AN, AF; with genotypes also NS, nhet, nhomalt,
 * nhemi), and the FORMAT fields. QUAL and the frequencies of the whole cohort (EAF, EAN) stay where they are
 * granted. Of the header stay contigs, filters, the fields that remain, and ##source. Nothing else: what
 * is not known to be harmless is not written.
 *
 * In sites without genotypes an ALT of which nothing may be told goes as if nobody had it.
 */
#ifndef KUNI_RELEASE_REWRITER_H
#define KUNI_RELEASE_REWRITER_H

#include <htslib/vcf.h>

#include "kuni/status.h"

typedef struct kuni_rewriting {
    size_t n;                 /* columns; 0: sites */
    const char *const *names; /* of the new columns */
    const int32_t *from;      /* new column -> old one */
    bool all_sites;           /* ALTs and records that nobody has stay */
    bool cohort_frequencies;  /* EAF, EAN and QUAL stay */
    bool text;                /* the file is VCF */
    /* Of sites: whether an ALT (from 1) of the record under way may be told; NULL: all may. */
    bool (*tells)(const void *context, int alt);
    const void *context;
    /* FORMAT fields that are in the record for others to read, and go; ended by NULL; or NULL */
    const char *const *dropped;
} kuni_rewriting;

typedef struct kuni_rewriter kuni_rewriter;

/* Borrows what `what` points to. */
KUNI_MUST_CHECK kuni_status kuni_rewriter_new(kuni_rewriter **rewriter, const kuni_rewriting *what,
                                              kuni_error *err);
/* Accepts NULL. */
void kuni_rewriter_free(kuni_rewriter *rewriter);

/* Of a kuni_rewriter: see joint_pass of joint_genotype, which calls these. */
KUNI_MUST_CHECK kuni_status kuni_rewriter_header(void *rewriter, const bcf_hdr_t *made,
                                                 bcf_hdr_t **written, kuni_error *err);
KUNI_MUST_CHECK kuni_status kuni_rewriter_record(void *rewriter, bcf_hdr_t *made,
                                                 bcf_hdr_t *written, bcf1_t *record,
                                                 bcf1_t **passed, kuni_error *err);

#endif
