/* SPDX-License-Identifier: MIT */
/*
 * Small variants as the aligner shows them in the reads of an active region: the candidates.
 *
 * A variant is minimal and left-aligned, in VCF's spelling: an indel stands on the base before it.
 */
#ifndef KUNI_CALL_VARIANTS_H
#define KUNI_CALL_VARIANTS_H

#include "kuni/buffer.h"
#include "reads/pileup.h"

enum {
    KUNI_READ_VARIANTS_MAX = 24,
    KUNI_VARIANTS_MAX = 400,
    KUNI_VARIANT_REF_MAX = 1001 /* longest REF: with a region's length less than KUNI_LEAD_BP */
};

typedef struct kuni_variant {
    int64_t pos;
    int32_t ref_length, alt_length;
    const char *alt;
    uint32_t n_reads; /* fragments that show it */
    double quality;   /* summed phred of these being errors */
    bool given;
    const uint8_t *qual; /* insertions: qualities of the first read that shows it, in the window */
    int32_t rotated;     /* bases by which the inserted ones were turned on the way left */
} kuni_variant;

static inline bool kuni_variant_is_snp(const kuni_variant *v)
{
    return v->ref_length == 1 && v->alt_length == 1;
}

/* What one read shows: indices of variants, in order of position. */
typedef struct kuni_read_variants {
    const kuni_call_read *read;
    uint16_t n, list[KUNI_READ_VARIANTS_MAX];
} kuni_read_variants;

typedef struct kuni_variants {
    kuni_variant *list;
    size_t n, capacity;
    kuni_read_variants *reads;
    size_t n_reads, reads_capacity;
} kuni_variants;

/* Lists the variants with pos in [beg, end), and what each read that overlaps it shows of them. */
KUNI_MUST_CHECK kuni_status kuni_variants_collect(kuni_variants *variants,
                                                  const kuni_read_window *window,
                                                  const kuni_call_reference *reference, int64_t beg,
                                                  int64_t end, const kuni_call_options *options,
                                                  kuni_arena *arena, kuni_error *err);
/* Adds a variant unless it is there; *index becomes its place, or stays where the table is full. */
KUNI_MUST_CHECK kuni_status kuni_variants_add(kuni_variants *variants, kuni_variant variant,
                                              size_t *index, kuni_arena *arena, kuni_error *err);
/* Drops variants that the pileup or their support make unlikely; the rest is sorted by position. */
void kuni_variants_select(kuni_variants *variants, const kuni_pileup *pileup,
                          const kuni_call_reference *reference, const kuni_call_options *options);
/*
 * [a, b) is missing (deletion) or comes twice (insertion before b), left-aligned into VCF's form, at
 * most `left_bp` before a; `variant` gets what that says, its alt from `arena`.
 */
KUNI_MUST_CHECK kuni_status kuni_variants_spell(const kuni_call_reference *reference, int64_t a,
                                                int64_t b, bool deletion, int64_t left_bp,
                                                kuni_variant *variant, kuni_arena *arena,
                                                kuni_error *err);
/* How far an indel can be moved to the right and spell the same, in bp; 0 for others. */
int kuni_variant_roll(const kuni_variant *variant, const kuni_call_reference *reference);
/* Bases from its place on that a read has to cover to tell of it: an indel's repeat counts. */
int kuni_variant_reach(const kuni_variant *variant, const kuni_call_reference *reference);
/* True where two variants cannot stand on one molecule. */
bool kuni_variant_clash(const kuni_variant *a, const kuni_variant *b);
void kuni_variants_fini(kuni_variants *variants);

#endif
