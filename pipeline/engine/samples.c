/* SPDX-License-Identifier: MIT */
#include "samples.h"

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "content.h"
#include "reads_pass.h"

/* The arrays lie in pages of their own: see kuni_samples_keep_from_tasks. */
static kuni_status make_room(kuni_samples *samples, kuni_error *err)
{
    size_t n = samples->cohort->n_samples ? samples->cohort->n_samples : 1;
    samples->bytes = n * (2 * sizeof(kuni_hash) + sizeof(kuni_signature) + 3);
    void *pages =
        mmap(NULL, samples->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) return kuni_fail_memory(err, n, samples->bytes / n);
    samples->pages = pages;
    samples->digests = pages;
    samples->contents = samples->digests + n;
    samples->signatures = (kuni_signature *)(void *)(samples->contents + n);
    samples->gone = (uint8_t *)(samples->signatures + n);
    samples->skip = samples->gone + n;
    samples->old_digests = samples->skip + n;
    return KUNI_OK;
}

void kuni_samples_keep_from_tasks(const kuni_samples *samples)
{
    (void)madvise(samples->pages, samples->bytes, MADV_DONTFORK);
}

kuni_status kuni_samples_init(kuni_samples *samples, const kuni_cohort *cohort, kuni_error *err)
{
    *samples = (kuni_samples){.cohort = cohort};
    kuni_status status = make_room(samples, err);
    if (status) return status;
    for (size_t i = 0; i < cohort->n_samples && !status; i++) {
        samples->signatures[i].bytes = -1;
        samples->skip[i] = cohort->samples[i].reads == NULL;
        const kuni_person *person = cohort->people ? &cohort->people[i] : NULL;
        if (person && person->state == KUNI_PERSON_QUARANTINED)
            status = kuni_samples_quarantine(samples, i, KUNI_VERDICT_LASTS,
                                             person->where ? person->where : ".",
                                             person->reason ? person->reason : ".", err);
    }
    if (status) kuni_samples_fini(samples);
    return status;
}

void kuni_samples_fini(kuni_samples *samples)
{
    for (size_t i = 0; i < samples->n_quarantined; i++) {
        free(samples->list[i].reason);
        free(samples->list[i].where);
    }
    free(samples->list);
    if (samples->pages) (void)munmap(samples->pages, samples->bytes);
    *samples = (kuni_samples){.cohort = NULL};
}

/* --- files --- */

typedef struct survey {
    kuni_samples *samples;
    uint8_t *wanted; /* flags: not of a sealed batch */
} survey;

static void look(void *context, size_t i)
{
    static const kuni_hash unknown = {{0}};
    const survey *s = context;
    kuni_samples *samples = s->samples;
    const kuni_sample *sample = &samples->cohort->samples[i];
    struct stat st;
    if (!s->wanted[i]) return;
    if (!sample->reads || stat(sample->reads, &st) != 0) {
        samples->gone[i] = 1;
        return;
    }
    const kuni_signature now = {.bytes = st.st_size,
                                .mtime_ns =
                                    (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec};
    bool same = now.bytes == samples->signatures[i].bytes &&
                now.mtime_ns == samples->signatures[i].mtime_ns;
    samples->gone[i] = 0;
    samples->signatures[i] = now;
    if (same && (samples->old_digests[i] || !kuni_hash_equal(&samples->contents[i], &unknown)))
        return;
    kuni_error ignored = KUNI_ERROR_INIT;
    samples->old_digests[i] = 0;
    /* What cannot be read now is found out by the preflight, which says why. */
    if (kuni_content_of(sample->reads, &samples->contents[i], &ignored))
        samples->contents[i] = unknown;
}

static kuni_status digest_sample(kuni_samples *samples, size_t i, kuni_error *err)
{
    const kuni_sample *sample = &samples->cohort->samples[i];
    kuni_digest *digest = kuni_digest_new(err);
    if (!digest) return KUNI_MEMORY;
    kuni_digest_add_text(digest, "sample 2");
    kuni_digest_add_text(digest, sample->id);
    kuni_digest_add_int(digest, samples->signatures[i].bytes);
    kuni_digest_add_hash(digest, &samples->contents[i]);
    kuni_digest_finish_hash(digest, &samples->digests[i]);
    return KUNI_OK;
}

kuni_status kuni_samples_survey(kuni_samples *samples, const uint8_t *sealed, kuni_error *err)
{
    static const kuni_hash unknown = {{0}};
    const kuni_cohort *cohort = samples->cohort;
    survey s = {.samples = samples, .wanted = kuni_alloc(cohort->n_samples + 1, 1, err)};
    if (!s.wanted) return KUNI_MEMORY;
    for (size_t b = 0; b < cohort->n_batches; b++)
        memset(s.wanted + cohort->batches[b].first, !sealed || !sealed[b],
               cohort->batches[b].n_samples);
    kuni_parallel(cohort->n_samples, look, &s);
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < cohort->n_samples && !status; i++) {
        bool known = !kuni_hash_equal(&samples->digests[i], &unknown);
        if (!s.wanted[i] || (known && (samples->gone[i] || samples->old_digests[i]))) continue;
        status = digest_sample(samples, i, err);
    }
    free(s.wanted);
    return status;
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
    samples->n_gated += verdict == KUNI_VERDICT_GATE;
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

void kuni_samples_digest(const kuni_samples *samples, size_t first, size_t n, bool all,
                         kuni_hash *hash)
{
    *hash = (kuni_hash){{0}};
    for (size_t i = first; i < first + n; i++)
        if (all || !samples->skip[i]) kuni_hash_add(hash, &samples->digests[i]);
}

void kuni_samples_facts(const kuni_sample *sample, kuni_hash *hash)
{
    kuni_digest *digest = kuni_digest_new(NULL);
    *hash = (kuni_hash){{0}};
    if (!digest) return;
    kuni_digest_add_text(digest, "facts");
    kuni_digest_add_text(digest, sample->id);
    kuni_digest_add_text(digest, sample->participant);
    kuni_digest_add_int(digest, sample->sex);
    kuni_digest_finish_hash(digest, hash);
}

static void add_column(kuni_digest *digest, const kuni_samples *samples, size_t i, bool with_sex)
{
    const kuni_sample *sample = &samples->cohort->samples[i];
    const kuni_person *person = samples->cohort->people ? &samples->cohort->people[i] : NULL;
    /* As if they had never been in: what is published tells nothing of them. */
    if (person && person->state == KUNI_PERSON_ERASED) return;
    kuni_digest_add_text(digest, sample->id);
    kuni_digest_add_text(digest, sample->participant);
    if (with_sex) kuni_digest_add_int(digest, sample->sex);
    kuni_digest_add_text(digest, sample->site);
    kuni_digest_add_text(digest, sample->father);
    kuni_digest_add_text(digest, sample->mother);
    kuni_digest_add_text(digest, sample->group);
    kuni_digest_add_int(digest, samples->skip[i] != 0);
}

kuni_status kuni_samples_column_digest(const kuni_samples *samples, size_t first, size_t count,
                                       bool with_sex, kuni_hash *hash, kuni_error *err)
{
    kuni_digest *digest = kuni_digest_new(err);
    if (!digest) return KUNI_MEMORY;
    kuni_digest_add_text(digest, "columns");
    for (size_t i = first; i < first + count; i++) add_column(digest, samples, i, with_sex);
    kuni_digest_finish_hash(digest, hash);
    return KUNI_OK;
}

kuni_status kuni_samples_people_digest(const kuni_samples *samples, kuni_hash *hash,
                                       kuni_error *err)
{
    kuni_digest *digest = kuni_digest_new(err);
    if (!digest) return KUNI_MEMORY;
    kuni_digest_add_text(digest, "columns");
    for (size_t i = 0; i < samples->cohort->n_samples; i++)
        if (!samples->skip[i]) add_column(digest, samples, i, true);
    kuni_digest_finish_hash(digest, hash);
    return KUNI_OK;
}

bool kuni_samples_feed(const kuni_cohort *cohort, size_t first, size_t n, kuni_feed feed)
{
    for (size_t i = first; i < first + n; i++)
        if (cohort->samples[i].reads && kuni_sample_feeds(&cohort->samples[i], feed)) return true;
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
