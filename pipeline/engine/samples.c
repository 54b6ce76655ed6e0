/* SPDX-License-Identifier: MIT */
#include "samples.h"

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "reads_pass.h"

kuni_status kuni_samples_init(kuni_samples *samples, const kuni_cohort *cohort, kuni_error *err)
{
    size_t n = cohort->n_samples ? cohort->n_samples : 1;
    *samples = (kuni_samples){.cohort = cohort};
    samples->signatures = kuni_alloc(n, sizeof(kuni_signature), err);
    samples->gone = kuni_alloc(n, 1, err);
    samples->skip = kuni_alloc(n, 1, err);
    samples->digests = kuni_alloc(n, sizeof(kuni_hash), err);
    if (!samples->signatures || !samples->gone || !samples->skip || !samples->digests) {
        kuni_samples_fini(samples);
        return KUNI_MEMORY;
    }
    for (size_t i = 0; i < cohort->n_samples; i++) {
        samples->signatures[i].bytes = -1;
        samples->skip[i] = cohort->samples[i].reads == NULL;
    }
    return KUNI_OK;
}

void kuni_samples_fini(kuni_samples *samples)
{
    for (size_t i = 0; i < samples->n_quarantined; i++) {
        free(samples->list[i].reason);
        free(samples->list[i].where);
    }
    free(samples->list);
    free(samples->signatures);
    free(samples->digests);
    free(samples->gone);
    free(samples->skip);
    *samples = (kuni_samples){.cohort = NULL};
}

/* --- files --- */

static void look(void *context, size_t i)
{
    kuni_samples *samples = context;
    const kuni_sample *sample = &samples->cohort->samples[i];
    struct stat st;
    if (!sample->reads || stat(sample->reads, &st) != 0) {
        samples->gone[i] = 1;
        return;
    }
    samples->gone[i] = 0;
    samples->signatures[i] =
        (kuni_signature){.bytes = st.st_size,
                         .mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec};
}

static kuni_status digest_sample(kuni_samples *samples, size_t i, kuni_error *err)
{
    const kuni_sample *sample = &samples->cohort->samples[i];
    kuni_digest *digest = kuni_digest_new(err);
    if (!digest) return KUNI_MEMORY;
    kuni_digest_add_text(digest, "sample");
    kuni_digest_add_text(digest, sample->id);
    kuni_digest_add_text(digest, sample->reads);
    kuni_digest_add_int(digest, samples->signatures[i].bytes);
    kuni_digest_add_int(digest, samples->signatures[i].mtime_ns);
    kuni_digest_add_text(digest, sample->md5);
    kuni_digest_finish_hash(digest, &samples->digests[i]);
    return KUNI_OK;
}

kuni_status kuni_samples_survey(kuni_samples *samples, kuni_error *err)
{
    static const kuni_hash unknown = {{0}};
    kuni_parallel(samples->cohort->n_samples, look, samples);
    for (size_t i = 0; i < samples->cohort->n_samples; i++) {
        if (samples->gone[i] && !kuni_hash_equal(&samples->digests[i], &unknown)) continue;
        kuni_status status = digest_sample(samples, i, err);
        if (status) return status;
    }
    return KUNI_OK;
}

/* --- quarantine --- */

/* A reason may quote a damaged file: one line, no tabs, and valid UTF-8 or else ASCII. */
static void clean(char *text)
{
    json_t *valid = json_string(text);
    for (char *p = text; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 127 || (!valid && (unsigned char)*p > 127)) *p = '?';
    json_decref(valid);
}

kuni_status kuni_samples_quarantine(kuni_samples *samples, size_t sample, kuni_verdict verdict,
                                    const char *where, const char *reason, kuni_error *err)
{
    if (samples->skip[sample]) return KUNI_OK;
    kuni_status status = kuni_grow((void **)&samples->list, &samples->capacity,
                                   samples->n_quarantined + 1, sizeof(kuni_quarantined), err);
    if (status) return status;
    kuni_quarantined entry = {.sample = (uint32_t)sample,
                              .verdict = verdict,
                              .reason = kuni_strdup(reason, err),
                              .where = kuni_strdup(where, err)};
    if (!entry.reason || !entry.where) {
        free(entry.reason);
        free(entry.where);
        return KUNI_MEMORY;
    }
    clean(entry.reason);
    samples->list[samples->n_quarantined++] = entry;
    samples->skip[sample] = 1;
    return KUNI_OK;
}

static int by_sample(const void *a, const void *b)
{
    const kuni_quarantined *x = a, *y = b;
    return x->sample < y->sample ? -1 : x->sample > y->sample;
}

void kuni_samples_sort(kuni_samples *samples)
{
    if (samples->n_quarantined)
        qsort(samples->list, samples->n_quarantined, sizeof(kuni_quarantined), by_sample);
}

/* --- digests --- */

void kuni_samples_batch_digest(const kuni_samples *samples, size_t batch, bool all, kuni_hash *hash)
{
    const kuni_batch *b = &samples->cohort->batches[batch];
    *hash = (kuni_hash){{0}};
    for (size_t i = b->first; i < b->first + b->n_samples; i++)
        if (all || !samples->skip[i]) kuni_hash_add(hash, &samples->digests[i]);
}

kuni_status kuni_samples_column_digest(const kuni_samples *samples, size_t first, size_t count,
                                       bool with_sex, kuni_hash *hash, kuni_error *err)
{
    kuni_digest *digest = kuni_digest_new(err);
    if (!digest) return KUNI_MEMORY;
    kuni_digest_add_text(digest, "columns");
    for (size_t i = first; i < first + count; i++) {
        const kuni_sample *sample = &samples->cohort->samples[i];
        kuni_digest_add_text(digest, sample->id);
        kuni_digest_add_text(digest, sample->participant);
        if (with_sex) kuni_digest_add_int(digest, sample->sex);
        kuni_digest_add_text(digest, sample->site);
        kuni_digest_add_text(digest, sample->father);
        kuni_digest_add_text(digest, sample->mother);
        kuni_digest_add_text(digest, sample->group);
        kuni_digest_add_int(digest, samples->skip[i] != 0);
    }
    kuni_digest_finish_hash(digest, hash);
    return KUNI_OK;
}

bool kuni_samples_batch_feeds(const kuni_cohort *cohort, size_t batch, kuni_feed feed)
{
    const kuni_batch *b = &cohort->batches[batch];
    for (size_t i = b->first; i < b->first + b->n_samples; i++)
        if (cohort->samples[i].reads && kuni_sample_feed(&cohort->samples[i]) == feed) return true;
    return false;
}

/* --- threads --- */

enum { THREADS = 16, PER_THREAD_LEAST = 64 };

typedef struct crew {
    size_t count;
    atomic_size_t next;
    void (*body)(void *context, size_t i);
    void *context;
} crew;

static void *labour(void *argument)
{
    crew *c = argument;
    for (size_t i; (i = atomic_fetch_add(&c->next, 1)) < c->count;) c->body(c->context, i);
    return NULL;
}

void kuni_parallel(size_t count, void (*body)(void *context, size_t i), void *context)
{
    crew c = {.count = count, .body = body, .context = context};
    pthread_t threads[THREADS];
    size_t n = 0, want = count / PER_THREAD_LEAST;
    while (n < THREADS && n < want && pthread_create(&threads[n], NULL, labour, &c) == 0) n++;
    labour(&c);
    while (n > 0) pthread_join(threads[--n], NULL);
}
