/* SPDX-License-Identifier: MIT */
/*
 * What the modules of call-variants share: constants of the sweep, options, the reference context.
 *
 * The sweep works in cells of the absolute grid, KUNI_CELL_BP long. What is decided at a position
 * uses only reads and reference within KUNI_CALL_HALO_BP of it and rules on absolute coordinates,
 * never the bounds of the shard: the results are the same wherever the genome is cut.
 */
#ifndef KUNI_CALL_H
#define KUNI_CALL_H

#include "kuni/genome.h"

enum {
    KUNI_CELL_BP = 4096,      /* reference blocks are segmented within a cell */
    KUNI_MARGIN_BP = 1536,    /* evidence beyond the cell that its active regions may see */
    KUNI_SPAN_BP = 1024,      /* aligned bases of a read beyond this are ignored */
    KUNI_LEAD_BP = 1344,      /* regions that start this far before a cell may reach into it */
    KUNI_CALL_HALO_BP = 8192, /* > cell + lead + margin + span */
    KUNI_REGION_BP = 256,     /* longest cluster of evidence taken as one active region */
    KUNI_QUAL_TOP = 60        /* qualities are capped here */
};

typedef struct kuni_call_options {
    int min_mapping_quality;
    int min_base_quality;
    int max_depth;
    int mito_max_depth;
    double snp_heterozygosity;
    double indel_heterozygosity;
    double mito_min_fraction;
    bool pcr_free;
    double mixture; /* least fraction of copies worth a call where they mix; 0: genotypes */
    /* Events whose best variant genotype is this much worse than REF are left out. */
    int emit_phred;
} kuni_call_options;

/* How a place is called. */
typedef struct kuni_call_copies {
    int told;   /* copies that genotypes are made of: 1 or 2; 0: not at all */
    int judged; /* copies by which variants are told from noise; 1 where told is 2: see lead.h */
} kuni_call_copies;

/* Phred by which a variant must be likelier than none with two copies to be told of where one is
 * thought of. */
enum { KUNI_CALL_CLEAR_PHRED = 30 };

/* Reference around the shard: sequence and what repeats make of it. Positions are absolute. */
typedef struct kuni_call_reference {
    char *seq;       /* bases of [beg, end) */
    uint16_t *reach; /* see kuni_reference_reach */
    int64_t beg, end;
} kuni_call_reference;

static inline char kuni_reference_base(const kuni_call_reference *reference, int64_t pos)
{
    return pos >= reference->beg && pos < reference->end ? reference->seq[pos - reference->beg]
                                                         : 'N';
}

/*
 * How many bases from `pos` a read must cover to tell an indel at `pos` from none: one more than
 * the longest self-match of the reference from `pos` on under a shift of 1..10 bases.
 */
static inline int kuni_reference_reach(const kuni_call_reference *reference, int64_t pos)
{
    return pos >= reference->beg && pos < reference->end ? reference->reach[pos - reference->beg]
                                                         : 1;
}

/* A, C, G, T as 0..3; anything else 4. */
static inline unsigned kuni_base_code(char base)
{
    switch (base) {
    case 'A':
        return 0;
    case 'C':
        return 1;
    case 'G':
        return 2;
    case 'T':
        return 3;
    default:
        return 4;
    }
}

#endif
