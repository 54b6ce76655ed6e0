/* SPDX-License-Identifier: MIT */
/*
 * What the encoder and the decoder of evidence chunks share: stream numbers, event shapes,
 * predictions. The bytes are described in docs/evidence-format.md; keep both in step.
 *
 * Events are stored position by position. Their numbers lie in columns, one set of columns for each
 * of three classes of genotype, because the same number (the depth of REF, say) is distributed
 * differently in each. A number that others foretell is stored as what the foretelling missed,
 * which is mostly 0 or small.
 */
#ifndef KUNI_STORE_EVIDENCE_FORMAT_H
#define KUNI_STORE_EVIDENCE_FORMAT_H

#include "kuni/evidence.h"
#include "stream.h"

#define KUNI_EVIDENCE_MAGIC   "KUNIEVID"
#define KUNI_EVIDENCE_TRAILER "KUNIEVIE"

enum {
    KUNI_EVIDENCE_MAGIC_BYTES = 8,
    KUNI_EVIDENCE_TRAILER_BYTES =
        32, /* footer offset 8, length 8, crc 4, crc of these 20: 4, magic 8 */
    KUNI_EVIDENCE_EXTENT_BYTES = 48,
    KUNI_EVIDENCE_SAMPLES_MAX = 1 << 16,
    KUNI_EVIDENCE_EVENTS_MAX = 1 << 28 /* of a chunk */
};

/* The groups of a chunk, in file order. */
enum { KUNI_GROUP_CENSUS, KUNI_GROUP_EVENTS, KUNI_GROUP_BLOCKS, KUNI_GROUPS };

enum {                 /* streams of the census group */
       CENSUS_HEAD,    /* numbers of alleles, sets, text bytes */
       CENSUS_POS,     /* first: position; then: distance from the one before */
       CENSUS_LENGTHS, /* of REF, of ALT */
       CENSUS_BASES,   /* REF and ALT */
       CENSUS_COUNTS,  /* samples, copies */
       CENSUS_QUALS,   /* sum, max */
       CENSUS_SET_POS,
       CENSUS_SET_KIND,
       CENSUS_SET_LINKS,
       CENSUS_SET_TEXT,
       CENSUS_STREAMS
};

enum {                      /* CENSUS_SET_KIND: n_alleles << 2, and: */
       SET_GIVEN = 0,       /* all alleles spelled out */
       SET_SIMPLE = 1,      /* REF and ALT of one dictionary allele */
       SET_SIMPLE_OTHER = 2 /* the same and <*> */
};

enum {                /* streams of the events group that all events share */
       EVENTS_HEAD,   /* number of events, PLs, ADs; the table of shapes; the coefficients */
       EVENTS_COUNTS, /* of every position: events << 1, 1: as a bitmap of samples */
       EVENTS_GAPS,   /* samples as distances */
       EVENTS_BITS,   /* samples as bitmaps */
       EVENTS_SETS,   /* which set of the position, where it has several */
       EVENTS_SHAPES,
       EVENTS_COMMON
};

enum { /* streams of the events group that each class has */
       COL_AD_REF,
       COL_AD_ALT,
       COL_AD_MORE,
       COL_DP,
       COL_SB_REF,
       COL_SB_ALT,
       COL_SB_REST,
       COL_GQ,
       COL_MQ,
       COL_QUAL,
       COL_PL_FIRST,
       COL_PL_SECOND,
       COL_PL_MORE,
       COL_PHASE_SET,
       COLS
};

enum { CLASS_HOM_ALT, CLASS_HET, CLASS_OTHER, CLASSES };

/* Streams for which all classes stand together come after those of the classes. */
enum {
    EVENTS_RANKS = EVENTS_COMMON + CLASSES * COLS, /* one for each rank sum */
    EVENTS_STREAMS = EVENTS_RANKS + KUNI_RANKS,
    EVENTS_STREAMS_V1 = EVENTS_RANKS
};

enum { KUNI_EVIDENCE_FORMAT_LEAST = 1 };

enum {                /* streams of the blocks group: sample by sample */
       BLOCKS_HEAD,   /* number of blocks; coding of depth and of quality */
       BLOCKS_COUNTS, /* of every sample */
       BLOCKS_GAPS,   /* distance from the end of the block before, or from the chunk's begin */
       BLOCKS_LENGTHS_LOW,
       BLOCKS_LENGTHS_HIGH,
       BLOCKS_KINDS,
       BLOCKS_DEPTHS,
       BLOCKS_QUALITIES,
       BLOCKS_STREAMS
};

enum { /* codings of block depths and qualities */
       CODING_PLAIN,
       CODING_DELTA, /* from the sample's block before */
       CODING_DEPTH  /* qualities: from min(99, 3 x depth) */
};

enum { /* kuni_shape.bits */
       SHAPE_PL = 1,
       SHAPE_AD = 2,
       SHAPE_SB = 4,
       SHAPE_PHASE_SET = 8,
       SHAPE_LINEAR = 16, /* PLs of a diploid event with one ALT are foretold from AD */
       SHAPE_RANKS = 32
};

/* What many events have in common. */
typedef struct kuni_shape {
    uint8_t flags, ploidy, bits;
    int8_t gt[2];
} kuni_shape;

static inline int kuni_shape_class(const kuni_shape *shape)
{
    if (shape->gt[0] > 0 && (shape->ploidy == 1 || shape->gt[0] == shape->gt[1]))
        return CLASS_HOM_ALT;
    if (shape->ploidy == 2 && shape->gt[0] >= 0 && shape->gt[1] >= 0 &&
        shape->gt[0] != shape->gt[1])
        return CLASS_HET;
    return CLASS_OTHER;
}

/* Likelihoods of an event with n alleles. */
static inline uint32_t kuni_pl_count(uint32_t n_alleles, uint32_t ploidy)
{
    return ploidy == 1 ? n_alleles : n_alleles * (n_alleles + 1) / 2;
}

/*
 * Linear likelihoods. For a biallelic genotype the likelihoods beside the called one's 0 grow with
 * the reads of each allele: PL = (ref x AD[0] + alt x AD[1]) / 16, with coefficients fitted per
 * chunk, class and place.
 */
enum { LINEAR_SHIFT = 4, LINEAR_COEFFICIENT_MAX = 16383, LINEAR_TARGETS = 2 };

typedef struct kuni_linear {
    int32_t ref, alt;
} kuni_linear;

typedef struct kuni_linear_table {
    kuni_linear at[CLASSES][LINEAR_TARGETS];
} kuni_linear_table;

/* Places of the two likelihoods that are not 0, by class. */
static inline void kuni_linear_places(int class_, int *first, int *second, int *zero)
{
    *first = class_ == CLASS_OTHER ? 1 : 0;
    *second = class_ == CLASS_HOM_ALT ? 1 : 2;
    *zero = class_ == CLASS_HOM_ALT ? 2 : class_ == CLASS_HET ? 1 : 0;
}

static inline int64_t kuni_linear_predict(kuni_linear line, uint32_t ref, uint32_t alt)
{
    int64_t sum = (int64_t)line.ref * ref + (int64_t)line.alt * alt;
    int64_t pl = sum < 0 ? 0 : sum >> LINEAR_SHIFT;
    return pl > KUNI_PL_MAX ? KUNI_PL_MAX : pl;
}

/* The genotype quality that likelihoods suggest: the second smallest less the smallest, at most 99.
 */
static inline int kuni_gq_from_pl(const uint16_t *pl, uint32_t n)
{
    uint32_t least = UINT32_MAX, second = UINT32_MAX;
    for (uint32_t i = 0; i < n; i++) {
        if (pl[i] < least) {
            second = least;
            least = pl[i];
        } else if (pl[i] < second)
            second = pl[i];
    }
    return n < 2 || second - least > 99 ? 99 : (int)(second - least);
}

static inline int kuni_gq_from_depth(uint32_t depth)
{
    return depth >= 33 ? 99 : (int)(3 * depth);
}

/* The third to fifth likelihood of REF, ALT, <*> from the first three: what an unseen allele costs.
 */
static inline int64_t kuni_pl_other_predict(int class_, const uint16_t *pl, int which,
                                            const uint32_t *ad)
{
    int64_t guess;
    if (which == 3)
        guess = class_ == CLASS_HET       ? pl[0] + 3 * (int64_t)ad[0]
                : class_ == CLASS_HOM_ALT ? pl[0]
                                          : pl[1];
    else if (which == 4)
        guess = class_ == CLASS_HET       ? pl[2] + 3 * (int64_t)ad[1]
                : class_ == CLASS_HOM_ALT ? pl[1]
                                          : pl[2];
    else
        guess = class_ == CLASS_HET       ? (int64_t)pl[3] + pl[4]
                : class_ == CLASS_HOM_ALT ? pl[3]
                                          : pl[4];
    return guess > KUNI_PL_MAX ? KUNI_PL_MAX : guess;
}

#endif
