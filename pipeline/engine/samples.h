/* SPDX-License-Identifier: MIT */
/*
 * What the coordinator knows of the samples: the state of their files, and who is quarantined and
 * why.
 *
 * A sample's signature is size and time of its reads; it tells only whether their content need be
 * looked at again. Keys go by the content: by bytes, neither path nor time. A batch's digest is the
 * sum of its samples' digests, so that a quarantined sample can be taken out of it. Reads that have
 * been moved to an archive keep the signature and digest last seen; those of sealed batches are not
 * looked at.
 */
#ifndef KUNI_ENGINE_SAMPLES_H
#define KUNI_ENGINE_SAMPLES_H

#include "cohort.h"
#include "hash.h"

typedef struct kuni_signature {
    int64_t bytes; /* -1: no such file */
    int64_t mtime_ns;
} kuni_signature;

/*
 * A verdict that lasts is about the bytes of a sample's file: it holds until they change. What
 * could not be opened or read, a crash or a memory limit are none: the sample is left out of this
 * run, and tried again by the next.
 */
typedef enum kuni_verdict {
    KUNI_VERDICT_LASTS,
    KUNI_VERDICT_THIS_RUN,
    KUNI_VERDICT_GATE /* not bad: the gate does not let it in, see gate.h */
} kuni_verdict;

typedef struct kuni_quarantined {
    uint32_t sample;
    kuni_verdict verdict;
    char *reason;
    char *where; /* "call chr1-0-5000000": stage and shard, or "preflight" */
} kuni_quarantined;

typedef struct kuni_samples {
    const kuni_cohort *cohort;
    kuni_signature *signatures; /* of the reads */
    kuni_hash *contents;        /* of the reads: see kuni_content_of; zero where not known */
    kuni_hash *digests;         /* of each sample as a reads task sees it: id, content */
    uint8_t *old_digests;       /* flags: the digest is of a version that digested path and time */
    uint8_t *gone; /* flags: the signature is that last seen, the file is no longer there */
    uint8_t *skip; /* flags: quarantined or withdrawn */
    kuni_quarantined *list;         /* in the order of discovery */
    size_t n_quarantined, capacity; /* of the list */
    size_t n_gated;                 /* of these: by the gate */
    void *pages;                    /* hold the arrays, one after another */
    size_t bytes;
} kuni_samples;

KUNI_MUST_CHECK kuni_status kuni_samples_init(kuni_samples *samples, const kuni_cohort *cohort,
                                              kuni_error *err);
void kuni_samples_fini(kuni_samples *samples);
/* No process that is forked from here on has them: so that a fork need not copy what tells of everybody. */
void kuni_samples_keep_from_tasks(const kuni_samples *samples);

/*
 * Looks at the files of all batches but those flagged in `sealed` (NULL: none), on several threads,
 * and digests. Where a file is gone, what was known stays (see `gone`).
 */
KUNI_MUST_CHECK kuni_status kuni_samples_survey(kuni_samples *samples, const uint8_t *sealed,
                                                kuni_error *err);

/* Copies reason and where. No effect on a sample that is quarantined already. */
KUNI_MUST_CHECK kuni_status kuni_samples_quarantine(kuni_samples *samples, size_t sample,
                                                    kuni_verdict verdict, const char *where,
                                                    const char *reason, kuni_error *err);
/* Sorts the list by sample, so that reports do not depend on the order of discovery. */
void kuni_samples_sort(kuni_samples *samples);

/* Digest of the samples first .. first + n - 1; without those who are skipped unless `all`. */
void kuni_samples_digest(const kuni_samples *samples, size_t first, size_t n, bool all,
                         kuni_hash *hash);
/* Of what is told of one sample to a step with sees_facts. */
void kuni_samples_facts(const kuni_sample *sample, kuni_hash *hash);
/*
 * Digest of what joint tasks see of the samples first .. first + count - 1: ids, groups, kin, sex,
 * columns. Batch tasks do not see the sex.
 */
KUNI_MUST_CHECK kuni_status kuni_samples_column_digest(const kuni_samples *samples, size_t first,
                                                       size_t count, bool with_sex, kuni_hash *hash,
                                                       kuni_error *err);
/*
 * Digest of who has a column, with all that is declared of them: what a generation tells of its
 * people. As if the others had never been there.
 */
KUNI_MUST_CHECK kuni_status kuni_samples_people_digest(const kuni_samples *samples, kuni_hash *hash,
                                                       kuni_error *err);
/* True where one of these samples, quarantined or not, brings what the feed wants. */
bool kuni_samples_feed(const kuni_cohort *cohort, size_t first, size_t n, kuni_feed feed);

/*
 * Runs body(context, i) for i in 0..count-1 on some threads: for calls that wait for a file system.
 */
void kuni_parallel(size_t count, void (*body)(void *context, size_t i), void *context);

#endif
