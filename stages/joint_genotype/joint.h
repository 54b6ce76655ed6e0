/* SPDX-License-Identifier: MIT */
/*
 * What the parts of joint genotyping share.
 *
 * A shard is worked through chunk by chunk (the 64 kb grid of the evidence), and a chunk in two or
 * three passes over the files of all batches, one file after the other, so that memory holds sites
 * and never samples x sites:
 *
 *   unify      dictionaries of all files  -> sites: alleles of one position stand in one record
 *   frequency  events and blocks          -> counts of likelihood classes a site -> EM -> allele
 *                                            frequencies, QUAL
 *   tally      events                     -> every sample's genotype from its posterior -> integer
 *                                            counters a site
 *              (of what the pass before found, where memory holds it: kept.h)
 *   render     the counters               -> INFO, filters and, where a dense call set is asked
 *                                            for, the columns
 *
 * Everything that is summed over samples is an integer, or is summed over classes in sorted order,
 * so that no byte depends on how samples lie in batches or positions in shards.
 *
 * A site's alleles are numbered 0: REF, 1..n_alts: its ALTs, n_alts + 1: "*", which every site has
 * until the record is written; there it stands only where a sample is called with it.
 */
#ifndef KUNI_JOINT_H
#define KUNI_JOINT_H

#include "kuni/evidence.h"
#include "kuni/stage.h"

enum {
    JOINT_OTHER =
        0xFFFF, /* <*>: any of the site's alleles that the sample's evidence does not list */
    JOINT_FOREIGN = 0xFFFE,  /* an allele that the sample's evidence lists and the site does not */
    JOINT_ALTS_MAX = 0xFFF0, /* of one position */
    JOINT_LOCAL_MAX =
        72, /* alleles of one sample at a site: those of an event, and some of others */
    JOINT_EVENTS_MAX = 8, /* events of one sample that cover one position */
    JOINT_SEXES = 3,
    JOINT_WHO_MAX = 24, /* different answers to "who has how many copies of X and Y" */
    JOINT_BANDS_MAX = 32
};

/* Why a genotype is not called; also the letter in FORMAT/RNC. */
typedef enum joint_reason {
    JOINT_CALLED,
    JOINT_NO_COVERAGE, /* D: neither event nor block, or a block without depth and confidence */
    JOINT_LOW,         /* L: the likelihoods do not decide */
    JOINT_CONFLICT,    /* C: the sample's evidence contradicts itself */
    JOINT_FILTERED,    /* F: the producer's own filter rejected it */
    JOINT_UNLISTED,    /* A: the likeliest genotype has an allele that the site does not list */
    JOINT_ABSENT,      /* P: no copy of this contig in this sex */
    JOINT_SEX,         /* S: declared and inferred sex give different copies */
    JOINT_HAPLOID,     /* H: the evidence holds for one copy, and there are two */
    JOINT_REASONS
} joint_reason;

extern const char joint_reason_letters[JOINT_REASONS + 1];

/* --- sites --- */

typedef struct joint_alt {
    const char *ref, *alt; /* minimal */
    uint32_t ref_length, alt_length;
    uint32_t samples;
    uint64_t copies;
    uint16_t max_qual;
    int32_t number; /* among the site's alleles; -1: dropped for want of quality */
} joint_alt;

typedef struct joint_site {
    int64_t pos;
    uint32_t first_alt; /* in joint_sites.alts, dropped ones included, sorted */
    uint32_t all_alts;  /* dropped ones included */
    uint32_t n_alts;    /* kept */
    /* Of REF in arrays that run over all alleles of all sites; "*" is slot + n_alts + 1. */
    uint32_t slot;
    uint32_t longest; /* the ALT in joint_sites.alts with the longest REF */
    uint32_t dropped_alts;
    uint64_t dropped_copies;
} joint_site;

/* Which of 64 positions are sites, and how many sites lie before them. In all, a chunk's fit into the nearest cache. */
typedef struct joint_sites_rank {
    uint64_t sites;
    uint32_t before;
} joint_sites_rank;

typedef struct joint_sites {
    int64_t beg, end;
    joint_site *sites;
    uint32_t n_sites;
    joint_alt *alts;
    uint32_t n_alts;
    uint32_t n_slots;
    joint_sites_rank *ranks; /* of each 64 positions from beg on */
} joint_sites;

/* Bits that are set; processors of before 2008 have no instruction for it. */
static inline uint32_t joint_count_bits(uint64_t x)
{
    x -= x >> 1 & 0x5555555555555555u;
    x = (x & 0x3333333333333333u) + (x >> 2 & 0x3333333333333333u);
    x = (x + (x >> 4)) & 0x0F0F0F0F0F0F0F0Fu;
    return (uint32_t)(x * 0x0101010101010101u >> 56);
}

/* The first site at or after pos (clipped to the chunk). */
static inline uint32_t joint_site_index(const joint_sites *sites, int64_t pos)
{
    if (pos <= sites->beg) return 0;
    if (pos >= sites->end) return sites->n_sites;
    uint64_t at = (uint64_t)(pos - sites->beg);
    const joint_sites_rank *rank = &sites->ranks[at / 64];
    return rank->before + joint_count_bits(rank->sites & (((uint64_t)1 << at % 64) - 1));
}

/* --- the cohort --- */

/* What decides on copies of X and Y. Where there are two answers, and they differ, there is none. */
typedef struct joint_who {
    kuni_karyotype karyotype, other;
    bool undecided; /* `other` counts */
} joint_who;

typedef struct joint_cohort {
    uint32_t n_columns;
    uint8_t *sex;                  /* of each column: kuni_sex, as decided */
    uint16_t *cell;                /* of each column: group * JOINT_SEXES + sex */
    uint8_t *who;                  /* of each column: index of whos */
    joint_who whos[JOINT_WHO_MAX]; /* the first three are the sexes */
    uint32_t n_whos, who_columns[JOINT_WHO_MAX];
    uint32_t n_cells;
    char **groups;          /* names in sorted order; group 0 is "no group" and has no name */
    uint32_t n_groups;      /* 1 + named groups */
    uint32_t *cell_columns; /* columns of each cell */
} joint_cohort;

KUNI_MUST_CHECK kuni_status joint_cohort_init(joint_cohort *cohort, const kuni_task *task,
                                              kuni_error *err);
void joint_cohort_fini(joint_cohort *cohort);

/* --- copies --- */

/* Copies along a chunk. */
typedef struct joint_copies {
    const kuni_ploidy *ploidy;
    const joint_cohort *cohort;
    int32_t tid;
    bool diploid; /* throughout the chunk, for all */
} joint_copies;

/* How a place is to be genotyped in a sample. */
typedef struct joint_ploidy {
    int copies;           /* 0, 1 or 2 */
    joint_reason refused; /* not JOINT_CALLED: it is not; JOINT_SEX or JOINT_HAPLOID */
} joint_ploidy;

void joint_copies_init(joint_copies *copies, const joint_cohort *cohort, const kuni_ploidy *ploidy,
                       kuni_span chunk);

/* By who it is alone, index of cohort->whos. *until as in kuni_ploidy_at. */
joint_ploidy joint_copies_expected(const joint_copies *copies, int64_t pos, uint32_t who,
                                   int64_t *until);
/* The fewest copies of the answers there are. */
int joint_copies_least(const joint_copies *copies, int64_t pos, uint32_t who);
/* By who it is and what the evidence was made for: `ploidy` copies, or `either`. */
joint_ploidy joint_copies_of_sample(const joint_copies *copies, int64_t pos, uint32_t who,
                                    int ploidy, bool either, int64_t *until);

static inline joint_ploidy joint_copies_at(const joint_copies *copies, int64_t pos, uint32_t who,
                                           int ploidy, bool either, int64_t *until)
{
    if (!copies->diploid) return joint_copies_of_sample(copies, pos, who, ploidy, either, until);
    *until = INT64_MAX;
    return (joint_ploidy){.copies = ploidy};
}

/* --- parameters --- */

/* Lower edges of bands, rising; below the first: 0. None: values stand for themselves. */
typedef struct joint_bands {
    size_t n;
    uint16_t edges[JOINT_BANDS_MAX];
} joint_bands;

typedef struct joint_options {
    bool dense;                    /* the call set has a genotype column per sample */
    bool sites, sparse;            /* further call sets to write */
    bool named;                    /* records have CONTIG:POS as ID */
    const char *source;            /* of the header's ##source; NULL: kuni and its version */
    const struct joint_pass *pass; /* see pass.h; NULL: records are written as they are */
    bool with_ad, with_pl, with_dp, with_gq, with_rnc, with_ps;
    uint32_t local_over; /* more ALTs than this: local alleles */
    int min_allele_quality;
    int min_gq;
    int prior_cap; /* phred */
    double snp_heterozygosity, indel_heterozygosity;
    int64_t memory_bytes;
    joint_bands gq_bands, dp_bands; /* of reference blocks in sparse call sets */
    bool exact_cells;               /* reference blocks in dense ones are not banded */
} joint_options;

#endif
