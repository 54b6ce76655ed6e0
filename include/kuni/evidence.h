/* SPDX-License-Identifier: MIT */
/*
 * The evidence store: what calling found for a batch of samples in a shard.
 *
 * One immutable file per (batch, shard) holds variant events with genotype likelihoods and
 * reference blocks, in self-contained chunks of a fixed genomic grid. Each chunk opens with its
 * allele dictionary, which counts copies and samples per allele: the census. Format:
 * docs/evidence-format.md. Samples are numbered within the batch.
 *
 * Canonical content: a position's event or block values must not depend on where shards are cut. An
 * event that starts before the shard and reaches into it (a deletion) is stored again with
 * KUNI_EVENT_CARRIED, so that nothing has to be looked up elsewhere. A position with neither event
 * nor block has no data.
 *
 * Nothing in it depends on a person's sex, which is a fact that gets corrected. Where the sexes
 * differ in copies of a contig (X and Y outside the pseudo-autosomal regions) events and blocks
 * hold for one copy and for two: KUNI_EVENT_EITHER, kuni_block.either. Whoever makes genotypes of
 * them decides.
 */
#ifndef KUNI_EVIDENCE_H
#define KUNI_EVIDENCE_H

#include "kuni/api.h"
#include "kuni/buffer.h"
#include "kuni/genome.h"

KUNI_API_BEGIN

enum {
    KUNI_EVIDENCE_FORMAT = 4,         /* that is written */
    KUNI_EVIDENCE_FORMAT_LEAST = 3,   /* that is read */
    KUNI_EVIDENCE_CHUNK_BP = 1 << 16, /* chunk grid: absolute multiples on the contig */
    KUNI_EVENT_ALLELES_MAX = 64,      /* local alleles of one event, REF and <*> included */
    KUNI_PL_MAX = 65535,
    KUNI_PL_MISSING = 65534 /* an event without likelihoods has pl == NULL instead */
};

/* Depth of an event (UINT32_MAX) and of a block (UINT16_MAX) whose producer tells none. */
#define KUNI_DP_MISSING     UINT32_MAX
#define KUNI_MIN_DP_MISSING UINT16_MAX

/*
 * How precise likelihoods need be. Up to 127 they decide genotypes and their qualities; beyond, a
 * part in 64 (a part in 16 for genotypes with <*>) is far below their own noise. Producers that
 * round with kuni_pl_round, and take GQ and QUAL from what they rounded, get files half as large.
 * The store itself keeps every value as it is given.
 */
enum {
    KUNI_PL_EXACT_BITS = 7,
    KUNI_PL_EXACT = 1 << KUNI_PL_EXACT_BITS,
    KUNI_PL_BITS = 5,       /* kept after the first, of genotypes of known alleles */
    KUNI_PL_BITS_OTHER = 3, /* of genotypes with <*> */
    KUNI_BLOCK_LINE_BP = 16 /* blocks that may end anywhere should end on a multiple of this */
};

/*
 * The nearest number with `bits` binary digits after the first; small numbers stay. `pl` is at most
 * KUNI_PL_MAX.
 */
static inline uint16_t kuni_pl_round(uint32_t pl, int bits)
{
    if (pl < KUNI_PL_EXACT) return (uint16_t)pl;
    int drop = 31 - __builtin_clz(pl) - bits;
    uint32_t rounded = (pl + (1u << drop >> 1)) >> drop << drop;
    return (uint16_t)(rounded > KUNI_PL_MAX ? pl >> drop << drop : rounded);
}

/*
 * How precise blocks need be: GQ and least depth are lower bounds, and rounding them down to these
 * steps halves the bytes that they take. The steps hold what people filter by.
 */
static inline uint8_t kuni_block_floor_gq(uint8_t gq)
{
    static const uint8_t steps[] = {1,  3,  5,  8,  10, 12, 15, 17, 20, 23,
                                    26, 30, 35, 40, 45, 50, 60, 70, 80, 99};
    uint8_t down = 0;
    for (size_t i = 0; i < sizeof(steps) && steps[i] <= gq; i++) down = steps[i];
    return down;
}

/*
 * Whether one block may have depths from `least` to `most`, of which it tells the least: they differ by at most three
 * quarters of it, and some.
 */
static inline bool kuni_block_depths_alike(uint16_t least, uint16_t most)
{
    enum { STEP = 6 };
    return most <= least + 3 * least / 4 + STEP;
}

/* Multiples of 5 are steps up to 100: histograms of depth count in fives. */
static inline uint16_t kuni_block_floor_depth(uint16_t depth)
{
    enum { BITS = 4 }; /* kept after the first of great depths */
    if (depth < 10) return depth;
    uint16_t fives = (uint16_t)(depth / 5 * 5);
    if (depth < 30) return (uint16_t)(depth - fives >= 2 ? fives + 2 : fives);
    if (depth < 100) return fives;
    int drop = 31 - __builtin_clz(depth) - BITS;
    return (uint16_t)(depth >> drop << drop);
}

enum { /* kuni_event.flags */
       KUNI_EVENT_CARRIED =
           1, /* starts before the chunk; the writer sets and clears it by position */
       KUNI_EVENT_PHASED = 2, /* gt is ordered; phase_set tells with what */
       KUNI_EVENT_FILTERED =
           4, /* the producer's own filter failed it: genotype is a no-call for cause */
       KUNI_EVENT_FORCED = 8,  /* genotyped because the allele was given */
       KUNI_EVENT_OTHER = 16,  /* the last allele is <*>: likelihoods of any allele not listed */
       KUNI_EVENT_EITHER = 32, /* one copy or two, as the reader knows (kuni_event_of_copies): pl is
                                  there, of two copies, which holds that of one; ploidy is 2 */
       KUNI_EVENT_ONE =
           64, /* of these: gt (an allele twice), gq and qual are of one copy, not two */
       KUNI_EVENT_UNLISTED =
           128 /* the genotype has an allele that the input does not list: a no-call
                                    without gt and pl */
};

/*
 * How the reads of the ALTs differ from those of REF: z of the Wilcoxon rank-sum test, negative
 * where the ALTs' values are the lower ones, in half units.
 */
enum {
    KUNI_RANK_MAPQ,     /* mapping quality */
    KUNI_RANK_POSITION, /* distance from the nearer end of the read */
    KUNI_RANK_BASEQ,    /* base quality */
    KUNI_RANKS
};
enum {
    KUNI_RANK_UNKNOWN = 0, /* no reads of one of them */
    KUNI_RANK_EQUAL = 128, /* z = 0; other values are this and 2 z, rounded */
    KUNI_RANK_REACH = 32   /* greatest difference from KUNI_RANK_EQUAL; further z are cut off */
};

/* The code of a z, which is no NAN. */
static inline uint8_t kuni_rank_code(double z)
{
    if (z <= -(double)KUNI_RANK_REACH / 2) return KUNI_RANK_EQUAL - KUNI_RANK_REACH;
    if (z >= (double)KUNI_RANK_REACH / 2) return KUNI_RANK_EQUAL + KUNI_RANK_REACH;
    return (uint8_t)(KUNI_RANK_EQUAL + (int)(2 * z + (z < 0 ? -0.5 : 0.5)));
}

static inline bool kuni_rank_is_code(uint8_t code)
{
    return code == KUNI_RANK_UNKNOWN ||
           (code >= KUNI_RANK_EQUAL - KUNI_RANK_REACH && code <= KUNI_RANK_EQUAL + KUNI_RANK_REACH);
}

/*
 * A variant event of one sample. alleles[0] is REF; ALTs are minimal and left-aligned as a set (no
 * common prefix beyond the anchor base, no common suffix), upper-case ACGTN, "*" or last "<*>".
 * Likelihoods: phred-scaled, normalised to 0, in VCF order over `n_alleles` alleles and `ploidy`
 * copies: n for ploidy 1, n(n+1)/2 for ploidy 2. `sb` are read counts REF+, REF-, ALT+, ALT-.
 */
typedef struct kuni_event {
    int64_t pos;
    uint32_t sample;
    uint8_t flags;
    uint8_t ploidy; /* 1 or 2 */
    uint8_t n_alleles;
    int8_t gt[2];      /* allele index, -1: not called; gt[1] = -1 where ploidy is 1 */
    uint8_t gq;        /* 0..99 */
    uint8_t mq;        /* root mean square of the mapping quality, 1..255; 0 unknown */
    uint16_t qual;     /* phred of "any ALT here", capped at 65535 */
    uint32_t dp;       /* KUNI_DP_MISSING: not known */
    uint32_t set;      /* reading: index into the chunk's `sets`; not looked at when writing */
    int64_t phase_set; /* 0-based position, or -1 */
    const char *const *alleles;
    const uint16_t *pl; /* NULL: none known */
    const uint32_t *ad; /* n_alleles values, NULL: unknown */
    uint32_t sb[4];
    uint8_t rank[KUNI_RANKS]; /* KUNI_RANK_UNKNOWN or as kuni_rank_code */
} kuni_event;

/* Why a block is what it is. */
typedef enum kuni_block_kind {
    KUNI_BLOCK_REFERENCE = 0, /* homozygous reference with confidence gq */
    KUNI_BLOCK_CONFLICT = 1,  /* the input contradicts itself here: a no-call */
    KUNI_BLOCK_FILTERED = 2,  /* the input calls it but its own filter rejects it: a no-call */
    KUNI_BLOCK_UNLISTED = 3,  /* the input calls an allele that it does not list: a no-call */
    KUNI_BLOCK_STATED = 4,    /* homozygous reference, without a number that says how sure */
    KUNI_BLOCK_LOW = 5        /* the input calls nothing, or its likelihoods do not: a no-call */
} kuni_block_kind;

typedef struct kuni_block {
    int64_t beg, end;
    uint32_t sample;
    uint8_t kind; /* kuni_block_kind */
    uint8_t ploidy;
    uint8_t gq;      /* 0..99 */
    uint16_t min_dp; /* KUNI_MIN_DP_MISSING: not known */
    uint8_t gq_one;  /* where `either`: gq, were there one copy */
    bool either;     /* one copy or two, as the reader knows; ploidy is 2 */
} kuni_block;

/* The confidence of a block in a sample with so many copies. */
static inline uint8_t kuni_block_gq(const kuni_block *block, int copies)
{
    return block->either && copies == 1 ? block->gq_one : block->gq;
}

/*
 * What the event is in a sample with so many copies of the contig, 1 or 2. Likelihoods of one copy
 * are those of the homozygous genotypes; the call, GQ and QUAL that the event does not tell follow
 * from the likelihoods and from the prior that its QUAL tells of. *out borrows what `event` points
 * to; `pl` (n_alleles values) holds likelihoods of one copy. Other events than KUNI_EVENT_EITHER
 * are copied as they are. In integers, so that it is the same everywhere.
 */
void kuni_event_of_copies(const kuni_event *event, int copies, uint16_t *pl, kuni_event *out);

/* An allele of the chunk's dictionary, minimal against its own position, with its census. */
typedef struct kuni_census {
    int64_t pos; /* of the minimal REF */
    const char *ref, *alt;
    uint32_t n_samples; /* samples whose called genotype has it */
    uint32_t n_copies;  /* called copies */
    uint64_t sum_qual;  /* over those samples */
    uint16_t max_qual;
} kuni_census;

enum { KUNI_CENSUS_NONE = -1 };

/*
 * The alleles of one or more events of a chunk. Events with equal position and alleles share a set,
 * so what is worked out for a set (its place among the unified sites, say) holds for all its
 * events.
 */
typedef struct kuni_allele_set {
    int64_t pos;
    uint32_t n_alleles;
    const char *const *alleles; /* as in kuni_event */
    /* Of each allele: index into the chunk's `alleles`, KUNI_CENSUS_NONE for REF, "*", "<*>". */
    const int32_t *census;
} kuni_allele_set;

typedef struct kuni_evidence_header {
    kuni_span shard;
    const char *contig;
    const char *reference_md5;  /* of the contig, 32 hex digits */
    const char *producer;       /* stage name and version */
    const char *params;         /* as kuni_params_print */
    const char *const *samples; /* ids, batch order */
    uint32_t n_samples;
} kuni_evidence_header;

/* --- writing: bounded memory; a sample's events and blocks by position, samples in any order --- */

typedef struct kuni_evidence_writer kuni_evidence_writer;

KUNI_MUST_CHECK kuni_status kuni_evidence_create(kuni_evidence_writer **writer, const char *path,
                                                 const kuni_evidence_header *header,
                                                 kuni_error *err);
/*
 * For a READS task with an output of kind "evidence": shard, samples and parameters are the task's.
 */
struct kuni_task;
KUNI_MUST_CHECK kuni_status kuni_evidence_create_for_task(kuni_evidence_writer **writer,
                                                          const struct kuni_task *task,
                                                          const char *stage, int version,
                                                          kuni_error *err);
/* The event is copied. It must overlap the shard; the writer cuts blocks at chunk edges itself. */
KUNI_MUST_CHECK kuni_status kuni_evidence_add_event(kuni_evidence_writer *writer,
                                                    const kuni_event *event, kuni_error *err);
KUNI_MUST_CHECK kuni_status kuni_evidence_add_block(kuni_evidence_writer *writer,
                                                    const kuni_block *block, kuni_error *err);
/* Forgets all that was added for a sample. */
void kuni_evidence_drop_sample(kuni_evidence_writer *writer, uint32_t sample);
/* Writes, syncs and closes; frees the writer also on failure. */
KUNI_MUST_CHECK kuni_status kuni_evidence_finish(kuni_evidence_writer *writer, kuni_error *err);
void kuni_evidence_abandon(kuni_evidence_writer *writer);

/*
 * The evidence of `from` again at `to`, as if the flagged samples had brought nothing; their ids
 * become KUNI_SAMPLE_NOBODY, all others keep number and content. `gone`: n_samples flags. KUNI_DATA
 * where the file is damaged, or of another number of samples.
 */
KUNI_MUST_CHECK kuni_status kuni_evidence_leave_out(const char *from, const char *to,
                                                    const uint8_t *gone, size_t n_samples,
                                                    kuni_error *err);
/* The same for a task's input and output of kind "evidence": see kuni_step.without. */
KUNI_MUST_CHECK kuni_status kuni_evidence_without(const struct kuni_task *task, const uint8_t *gone,
                                                  kuni_error *err);

/*
 * The evidence of several batches in one shard, made alike, as that of one batch: people keep their
 * order. For a task's inputs and output of kind "evidence": see kuni_step.combine.
 */
KUNI_MUST_CHECK kuni_status kuni_evidence_combine(const struct kuni_task *task, kuni_error *err);

/* --- reading --- */

typedef struct kuni_evidence_reader kuni_evidence_reader;

/*
 * A decoded chunk: events by (pos, sample), blocks by (beg, sample), dictionary by (pos, ref, alt).
 */
typedef struct kuni_evidence_chunk {
    int64_t beg, end;
    const kuni_event *events;
    size_t n_events;
    const kuni_block *blocks; /* with KUNI_READ_BY_SAMPLE by (sample, beg) */
    size_t n_blocks;
    const kuni_census *alleles; /* decoded with KUNI_READ_CENSUS and with KUNI_READ_EVENTS */
    size_t n_alleles;
    const kuni_allele_set *sets; /* by (pos, alleles); decoded whenever `alleles` are */
    size_t n_sets;
} kuni_evidence_chunk;

/* What the footer tells of a chunk without decoding it. */
typedef struct kuni_evidence_extent {
    int64_t beg, end;
    uint32_t n_alleles, n_sets, n_events, n_blocks;
    uint64_t offset;
    uint32_t census_bytes, events_bytes, blocks_bytes; /* as stored */
} kuni_evidence_extent;

enum { /* what of a chunk to decode */
       KUNI_READ_CENSUS = 1,
       KUNI_READ_EVENTS = 2,
       KUNI_READ_BLOCKS = 4,
       KUNI_READ_ALL = 7,
       KUNI_READ_BY_SAMPLE =
           8 /* blocks by (sample, beg) instead, as they are stored: it costs less */
};

KUNI_MUST_CHECK kuni_status kuni_evidence_open(kuni_evidence_reader **reader, const char *path,
                                               kuni_error *err);
/* The same of `bytes` of the file from `offset` on (a member of a pack); both 0: all of it. */
KUNI_MUST_CHECK kuni_status kuni_evidence_open_part(kuni_evidence_reader **reader, const char *path,
                                                    uint64_t offset, uint64_t bytes,
                                                    kuni_error *err);
const kuni_evidence_header *kuni_evidence_get_header(const kuni_evidence_reader *reader);
/* Bytes of the file, or of the part of it. */
uint64_t kuni_evidence_size(const kuni_evidence_reader *reader);
/* Of all chunks of the evidence; they count from 0. */
size_t kuni_evidence_chunk_count(const kuni_evidence_reader *reader);
void kuni_evidence_get_extent(const kuni_evidence_reader *reader, size_t index,
                              kuni_evidence_extent *extent);
/*
 * Forgets where the chunks but for n from number `first` on lie, which cannot be read any more: for a
 * shard within the evidence of a wider one, of thousands of batches.
 */
void kuni_evidence_keep(kuni_evidence_reader *reader, size_t first, size_t n);
/*
 * Lets `reader` decode into the memory of `with`, for runs with thousands of batches: a read of one
 * then ends the validity of what was read from the other. Either may be closed first.
 */
void kuni_evidence_share(kuni_evidence_reader *reader, kuni_evidence_reader *with);
/* Decodes chunk number `index` into memory owned by the reader, valid until its next read. */
KUNI_MUST_CHECK kuni_status kuni_evidence_read(kuni_evidence_reader *reader, size_t index, int what,
                                               kuni_evidence_chunk *chunk, kuni_error *err);
/*
 * Gives the file descriptor back between reads, for runs with thousands of batches; reads reopen
 * it.
 */
void kuni_evidence_rest(kuni_evidence_reader *reader);
void kuni_evidence_close(kuni_evidence_reader *reader);

KUNI_API_END

#endif
