/* SPDX-License-Identifier: MIT */
/*
 * What differs between two call sets of one dataset, each difference with one cause; so that the
 * causes of a kind add up to the differences, and the differences to what is in the two.
 *
 *   site      contig, position, REF, ALT: see calls_reader.h. Gained: in the second alone; lost: in
 *             the first alone. Of those in both: other counts (AC or AN), another FILTER.
 *   genotype  a call (no allele missing) of a sample that is in both, at a site. Gained: a call in the
 *             second alone; lost: in the first alone; changed: calls in both with another number of
 *             copies of the site's ALT, or of copies altogether. Phase, GQ and DP do not count.
 *
 * Both files are read once, side by side. Memory: a few bytes a sample, and the records of one position.
 *
 * Causes, by what is seen where that decides, else by what happened in between. The first that holds:
 *
 *   site gained, lost   none of the samples in both carries it: by those who came (went) and do;
 *                       several kinds of them: the first in the order of kuni_diff_cause
 *   counts              the samples in both count the same: by those who came and went; else the first
 *                       cause, in that order, of their genotypes that differ
 *   FILTER              a filter of a name that differs has another expression: filter
 *   genotype            the number of copies differs, or the reason of the no call is one of copies
 *                       (RNC S, P, H): copies
 *   all others          recall, settings, others (people came or went), facts, repair, version;
 *                       unknown: nothing is known that could be it
 *
 * Without genotypes carriers are not known: sites are gained by those who came, lost by those who
 * went. Where several things happened that could have done it the cause is "several".
 */
#ifndef KUNI_COMMAND_DIFF_H
#define KUNI_COMMAND_DIFF_H

#include "kuni/file.h"

typedef enum kuni_diff_cause {
    KUNI_CAUSE_NEW, /* people: who came or went, why */
    KUNI_CAUSE_REINSTATEMENT,
    KUNI_CAUSE_WITHDRAWAL,
    KUNI_CAUSE_QUARANTINE,
    KUNI_CAUSE_GATE,
    KUNI_CAUSE_FILTER,   /* the expression of a filter */
    KUNI_CAUSE_COPIES,   /* copies of X and Y: a sex corrected, or otherwise decided */
    KUNI_CAUSE_RECALL,   /* evidence was made again, with other settings or by another version */
    KUNI_CAUSE_SETTINGS, /* other settings, or another version, of what follows the evidence */
    KUNI_CAUSE_OTHERS,   /* joint genotyping with other people, seen in samples that are in both */
    KUNI_CAUSE_FACTS,    /* what is told of the people: sex, kin, group, site */
    KUNI_CAUSE_REPAIR,   /* the dataset was repaired */
    KUNI_CAUSE_VERSION,  /* another kuni, of the same stages' versions */
    KUNI_CAUSE_SEVERAL,  /* without genotypes: more than one of these could be it */
    KUNI_CAUSE_UNKNOWN,
    KUNI_DIFF_CAUSES
} kuni_diff_cause;

typedef enum kuni_diff_kind {
    KUNI_SITES_GAINED,
    KUNI_SITES_LOST,
    KUNI_SITES_COUNTS,
    KUNI_SITES_FILTER,
    KUNI_GENOTYPES_GAINED,
    KUNI_GENOTYPES_LOST,
    KUNI_GENOTYPES_CHANGED,
    KUNI_DIFF_KINDS
} kuni_diff_kind;

/* What happened between the two. */
typedef struct kuni_diff_between {
    bool recall, settings, facts, repair, version;
    uint32_t came,
        went; /* bits 1 << cause: what is known of people where the files have no samples */
    const char *const *filters; /* names with another expression */
    size_t n_filters;
} kuni_diff_between;

typedef struct kuni_diff_request {
    const char *path[2];
    const kuni_diff_between *between;
    /* Why a sample is in one of them alone: `second` tells in which. */
    kuni_diff_cause (*person)(void *context, const char *sample, bool second);
    void *context;
    kuni_file *list; /* a row for each site that differs and each of its causes; or NULL */
} kuni_diff_request;

typedef struct kuni_diff_result {
    bool dense;                 /* genotypes were compared */
    bool samples_known;         /* both files have samples; else those below are 0 */
    int64_t samples[2], common; /* columns; of them in both */
    int64_t came[KUNI_DIFF_CAUSES], went[KUNI_DIFF_CAUSES];
    int64_t records[2];
    int64_t sites[2], sites_both;
    int64_t genotypes[2], genotypes_both; /* of samples in both */
    int64_t alone[2];                     /* calls of the others */
    int64_t total[KUNI_DIFF_KINDS];       /* differences, counted for themselves */
    int64_t causes[KUNI_DIFF_KINDS][KUNI_DIFF_CAUSES];
} kuni_diff_result;

/*
 * KUNI_USAGE: the files are of two references. KUNI_DATA, KUNI_IO: see calls_reader.h. KUNI_BUG: the
 * causes or differences do not add up.
 */
KUNI_MUST_CHECK kuni_status kuni_diff_calls(const kuni_diff_request *request,
                                            kuni_diff_result *result, kuni_error *err);
/* Whether all adds up; KUNI_BUG tells what does not. kuni_diff_calls has asked. */
KUNI_MUST_CHECK kuni_status kuni_diff_check(const kuni_diff_result *result, kuni_error *err);
/* "withdrawal", "sites_gained": as in the list and in JSON. */
const char *kuni_diff_cause_name(kuni_diff_cause cause);
const char *kuni_diff_kind_name(kuni_diff_kind kind);

#endif
