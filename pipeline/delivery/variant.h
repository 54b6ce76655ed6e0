/* SPDX-License-Identifier: MIT */
/*
 * A variant as people write it, CHR-POS-REF-ALT, and whether an allele of a record is the same one, however it is
 * written: both are trimmed and left-aligned (Tan, Abecasis, Kang 2015, doi:10.1093/bioinformatics/btv112).
 */
#ifndef KUNI_DELIVERY_VARIANT_H
#define KUNI_DELIVERY_VARIANT_H

#include "kuni/buffer.h"
#include "kuni/genome.h"

typedef struct kuni_variant {
    int32_t tid;
    int64_t pos; /* 0-based, of the first letter of ref */
    kuni_buffer ref, alt;
} kuni_variant;

void kuni_variant_fini(kuni_variant *variant);
/*
 * Sets a variant from its parts and normalises it; its buffers are used again. KUNI_USAGE: REF and ALT are
 * the same.
 */
KUNI_MUST_CHECK kuni_status kuni_variant_set(kuni_variant *variant, kuni_genome *genome,
                                             int32_t tid, int64_t pos, const char *ref,
                                             const char *alt, kuni_error *err);
/* Likewise from text. KUNI_USAGE: it is none, or the reference has other letters there than REF. */
KUNI_MUST_CHECK kuni_status kuni_variant_parse(kuni_variant *variant, kuni_genome *genome,
                                               const char *text, kuni_error *err);
bool kuni_variants_equal(const kuni_variant *a, const kuni_variant *b);
/* The bases that it changes, without those that REF and ALT share; empty where it inserts. */
kuni_span kuni_variant_changes(const kuni_variant *variant);

#endif
