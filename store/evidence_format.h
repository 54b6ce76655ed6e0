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
       COL_PL_OTHER_REF, /* of REF and <*> */
       COL_PL_OTHER_ALT, /* of ALT and <*> */
       COL_PL_OTHER,     /* of two <*> */
       COL_PL_MORE,
       COL_PHASE_SET,
       COLS
};

enum { CLASS_HOM_ALT, CLASS_HET, CLASS_OTHER, CLASSES };

/* Streams for which all classes stand together come after those of the classes. */
enum {
    EVENTS_RANKS = EVENTS_COMMON + CLASSES * COLS, /* one for each rank sum */
    EVENTS_STREAMS = EVENTS_RANKS + KUNI_RANKS
};

enum { QUALITY_CONTEXTS = 12 }; /* qualities of blocks lie apart by depth */

enum {                /* streams of the blocks group: sample by sample */
       BLOCKS_HEAD,   /* number of blocks; coding of depth and of quality */
       BLOCKS_COUNTS, /* of every sample */
       BLOCKS_GAPS,   /* distance from where the block was expected to begin */
       BLOCKS_LENGTHS_LOW,
       BLOCKS_LENGTHS_HIGH,
       BLOCKS_LINES, /* grid lines up to the end */
       BLOCKS_KINDS, /* kind, stop, ploidy or BLOCK_EITHER */
       BLOCKS_HOLES, /* of holes: quality, length */
       BLOCKS_HOLE_LENGTHS,
       BLOCKS_DEPTHS,
       BLOCKS_QUALITIES,
       BLOCKS_ONES = BLOCKS_QUALITIES + QUALITY_CONTEXTS, /* since format 4 */
       BLOCKS_STREAMS
};

enum {
    BLOCK_EITHER = 3
}; /* instead of a ploidy: its quality with one copy stands in BLOCKS_ONES */

/* Streams of the blocks group in a file of a version. */
static inline size_t kuni_blocks_streams(uint32_t version)
{
    return version < 4 ? BLOCKS_ONES : BLOCKS_STREAMS;
}

enum {                /* where a block ends */
       STOP_ANYWHERE, /* the length is given */
       STOP_EVENT,    /* where the sample's next event begins, or the chunk ends */
       STOP_LINE,     /* on a multiple of KUNI_BLOCK_LINE_BP: how many lines on is given */
       /* The length is given; a block that differs but in quality follows, then one like this. */
       STOP_HOLE
};

enum { /* codings of block depths and qualities */
       CODING_PLAIN,
       CODING_DELTA, /* from the sample's block before */
       CODING_DEPTH  /* qualities: from min(99, 3 x depth) */
};

/*
 * The context of a block's quality: 1, 4, 7, 10, 13, 16, 20, 24, 28, 32, 40 are where the next
 * begins.
 */
static inline int kuni_quality_context(uint32_t depth)
{
    static const uint8_t contexts[41] = {0, 1, 1, 1, 2,  2,  2,  3,  3,  3,  4,  4,  4, 5,
                                         5, 5, 6, 6, 6,  6,  7,  7,  7,  7,  8,  8,  8, 8,
                                         9, 9, 9, 9, 10, 10, 10, 10, 10, 10, 10, 10, 11};
    return contexts[depth < 40 ? depth : 40];
}

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
 * the reads of each allele, and where all reads of the allele that a genotype lacks lie on one
 * strand, callers doubt them: PL = (ref x AD[0] + alt x AD[1] + rare x min(strands) + one) / 16,
 * with coefficients fitted per chunk, class and target.
 */
enum { LINEAR_SHIFT = 4, LINEAR_COEFFICIENT_MAX = 1 << 20, LINEAR_TERMS = 4, LINEAR_TARGETS = 4 };

typedef struct kuni_linear {
    int32_t ref, alt, rare, one;
} kuni_linear;

typedef struct kuni_linear_table {
    kuni_linear at[CLASSES][LINEAR_TARGETS];
} kuni_linear_table;

/* Places of the two likelihoods that are not 0, by class; the other targets are places 3 and 4. */
static inline void kuni_linear_places(int class_, int *first, int *second, int *zero)
{
    *first = class_ == CLASS_OTHER ? 1 : 0;
    *second = class_ == CLASS_HOM_ALT ? 1 : 2;
    *zero = class_ == CLASS_HOM_ALT ? 2 : class_ == CLASS_HET ? 1 : 0;
}

/* Reads, on the strand that has fewer, of the allele that the homozygote at `place` lacks. */
static inline uint32_t kuni_linear_rare(int place, const uint32_t sb[4])
{
    const uint32_t *strands = place == 0 ? sb + 2 : sb;
    return strands[0] < strands[1] ? strands[0] : strands[1];
}

static inline int64_t kuni_linear_clip(int64_t sum)
{
    int64_t pl = sum < 0 ? 0 : sum >> LINEAR_SHIFT;
    return pl > KUNI_PL_MAX ? KUNI_PL_MAX : pl;
}

/* With all four terms, for homozygotes. */
static inline int64_t kuni_linear_predict(kuni_linear line, uint32_t ref, uint32_t alt,
                                          uint32_t rare)
{
    return kuni_linear_clip((int64_t)line.ref * ref + (int64_t)line.alt * alt +
                            (int64_t)line.rare * rare + line.one);
}

/*
 * Ladders: where all likelihoods of a chunk lie on the ladder of their kind (kuni_pl_round), their
 * places on it are coded, not their values.
 */
enum { LADDER_KNOWN = 1, LADDER_OTHER = 2 }; /* bits: of genotypes without and with <*> */

typedef struct kuni_ladder {
    int bits;      /* kept after the first; 16: every number is a step */
    uint32_t last; /* step: that of KUNI_PL_MAX */
} kuni_ladder;

/* The step at or below a value. */
static inline uint32_t kuni_ladder_down(kuni_ladder ladder, uint32_t value)
{
    if (value < KUNI_PL_EXACT || ladder.bits == 16) return value;
    int top = 31 - __builtin_clz(value);
    uint32_t part = value >> (top - ladder.bits) & ((1u << ladder.bits) - 1);
    return KUNI_PL_EXACT + ((uint32_t)(top - KUNI_PL_EXACT_BITS) << ladder.bits) + part;
}

static inline kuni_ladder kuni_ladder_of(int ladders, int which)
{
    kuni_ladder ladder = {.bits = 16};
    if (ladders & which) ladder.bits = which == LADDER_OTHER ? KUNI_PL_BITS_OTHER : KUNI_PL_BITS;
    ladder.last = kuni_ladder_down(ladder, KUNI_PL_MAX);
    return ladder;
}

static inline uint32_t kuni_ladder_value(kuni_ladder ladder, uint32_t step)
{
    if (step < KUNI_PL_EXACT || ladder.bits == 16) return step;
    uint32_t above = step - KUNI_PL_EXACT;
    int top = KUNI_PL_EXACT_BITS + (int)(above >> ladder.bits);
    return (1u << ladder.bits | (above & ((1u << ladder.bits) - 1))) << (top - ladder.bits);
}

/*
 * The genotype quality that likelihoods suggest: the second smallest less the smallest, at most 99.
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

/* The likelihood of two <*> from those before it. */
static inline int64_t kuni_pl_other_predict(int class_, const uint16_t *pl)
{
    int64_t guess = class_ == CLASS_HET       ? (int64_t)pl[3] + pl[4]
                    : class_ == CLASS_HOM_ALT ? pl[3]
                                              : pl[4];
    return guess > KUNI_PL_MAX ? KUNI_PL_MAX : guess;
}

/* --- what a sample's events say about where its blocks lie --- */

/* An event's bases within the chunk, counted from its begin. */
typedef struct kuni_event_span {
    uint32_t beg, end;
} kuni_event_span;

static inline kuni_event_span kuni_event_span_of(int64_t pos, size_t length, int64_t beg,
                                                 int64_t end)
{
    int64_t stop = pos + (int64_t)length;
    return (kuni_event_span){.beg = pos > beg ? (uint32_t)(pos - beg) : 0,
                             .end = (uint32_t)((stop < end ? stop : end) - beg)};
}

/* The events of one sample by position, and the first that is not passed. */
typedef struct kuni_event_walk {
    const kuni_event_span *spans;
    size_t n, next;
} kuni_event_walk;

/*
 * Where a block is expected to begin that follows `end`: there, or behind the events that touch it.
 */
static inline uint32_t kuni_event_walk_begin(kuni_event_walk *walk, uint32_t end)
{
    for (; walk->next < walk->n && walk->spans[walk->next].beg <= end; walk->next++)
        if (walk->spans[walk->next].end > end) end = walk->spans[walk->next].end;
    return end;
}

/* Where a block from `beg` on is expected to end at the latest. */
static inline uint32_t kuni_event_walk_end(kuni_event_walk *walk, uint32_t beg, uint32_t width)
{
    while (walk->next < walk->n && walk->spans[walk->next].beg <= beg) walk->next++;
    return walk->next < walk->n ? walk->spans[walk->next].beg : width;
}

#endif
