/* SPDX-License-Identifier: MIT */
#include "cohort_map.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "names.h"

/* Far from where programs, heaps and stacks lie, and from what sanitizers use. */
static const uint64_t base = 0x200000000000;
static const char magic[16] = "kuni cohort 1\n";

typedef struct head {
    char magic[16];
    uint64_t base, bytes, sample_bytes, batch_bytes; /* as the writer has them */
    uint64_t n_samples, n_batches, n_new, n_withdrawn, n_erased, n_without, n_absent, n_twins;
} head;

/* --- writing --- */

typedef struct writing {
    kuni_file *file;
    uint64_t texts; /* where the next text will stand in the file */
    kuni_buffer text;
    const char *last[8]; /* by field: the text that was put last, and where: many are the same */
    uint64_t last_at[8];
} writing;

/* As a pointer will be; the text is put behind those that are there. */
static kuni_status place(writing *w, int field, const char *text, const char **to, kuni_error *err)
{
    *to = NULL;
    if (!text) return KUNI_OK;
    if (!w->last[field] || strcmp(w->last[field], text) != 0) {
        size_t bytes = strlen(text) + 1;
        kuni_status status = kuni_buffer_append(&w->text, text, bytes, err);
        if (status) return status;
        w->last[field] = text;
        w->last_at[field] = w->texts;
        w->texts += bytes;
    }
    *to =
        (const char *)(uintptr_t)(base + w->last_at[field]); /* NOLINT(performance-no-int-to-ptr) */
    return KUNI_OK;
}

static kuni_status put_sample(writing *w, const kuni_sample *sample, kuni_error *err)
{
    kuni_sample s;
    memset(&s, 0, sizeof(s)); /* also what lies between the fields */
    s.sex = sample->sex;
    s.shares_reads = sample->shares_reads;
    s.index_in_cohort = sample->index_in_cohort;
    const struct {
        const char *text, **to;
    } texts[] = {{sample->id, &s.id},         {sample->reads, &s.reads},  {sample->index, &s.index},
                 {sample->md5, &s.md5},       {sample->site, &s.site},    {sample->group, &s.group},
                 {sample->father, &s.father}, {sample->mother, &s.mother}};
    kuni_status status = KUNI_OK;
    for (int i = 0; i < (int)(sizeof(texts) / sizeof(texts[0])) && !status; i++)
        status = place(w, i, texts[i].text, texts[i].to, err);
    s.participant = s.id;
    if (!status && strcmp(sample->participant, sample->id) != 0)
        status = place(w, 0, sample->participant, &s.participant, err);
    if (!status && sample->name_in_file)
        status = place(w, 0, sample->name_in_file, &s.name_in_file, err);
    return status ? status : kuni_file_write(w->file, &s, sizeof(s), err);
}

static kuni_status put_all(writing *w, const kuni_cohort *cohort, kuni_error *err)
{
    head h = {.base = base,
              .sample_bytes = sizeof(kuni_sample),
              .batch_bytes = sizeof(kuni_batch),
              .n_samples = cohort->n_samples,
              .n_batches = cohort->n_batches,
              .n_new = cohort->n_new,
              .n_withdrawn = cohort->n_withdrawn,
              .n_erased = cohort->n_erased,
              .n_without = cohort->n_without,
              .n_absent = cohort->n_absent,
              .n_twins = cohort->n_twins};
    memcpy(h.magic, magic, sizeof(magic));
    w->texts = sizeof(h) + h.n_samples * sizeof(kuni_sample) + h.n_batches * sizeof(kuni_batch);
    kuni_status status = kuni_file_write(w->file, &h, sizeof(h), err);
    for (size_t i = 0; i < cohort->n_samples && !status; i++)
        status = put_sample(w, &cohort->samples[i], err);
    for (size_t i = 0; i < cohort->n_batches && !status; i++) {
        kuni_batch b;
        memset(&b, 0, sizeof(b));
        b.first = cohort->batches[i].first;
        b.n_samples = cohort->batches[i].n_samples;
        status = place(w, 0, cohort->batches[i].id, &b.id, err);
        if (!status) status = kuni_file_write(w->file, &b, sizeof(b), err);
    }
    return status ? status : kuni_file_write(w->file, w->text.data, w->text.length, err);
}

kuni_status kuni_cohort_map_write(const kuni_cohort *cohort, const char *path, kuni_error *err)
{
    writing w = {.file = NULL};
    kuni_status status = kuni_file_create(&w.file, path, err);
    if (status) return status;
    status = put_all(&w, cohort, err);
    kuni_buffer_fini(&w.text);
    if (!status) return kuni_file_commit(w.file, err);
    kuni_file_discard(w.file);
    return status;
}

/* --- mapping --- */

static bool fits(const head *h, uint64_t bytes)
{
    return memcmp(h->magic, magic, sizeof(magic)) == 0 && h->base == base &&
           h->sample_bytes == sizeof(kuni_sample) && h->batch_bytes == sizeof(kuni_batch) &&
           h->n_samples <= bytes / sizeof(kuni_sample) &&
           h->n_batches <= bytes / sizeof(kuni_batch) &&
           sizeof(*h) + h->n_samples * sizeof(kuni_sample) + h->n_batches * sizeof(kuni_batch) <=
               bytes;
}

/* The file at the address that its pointers are for; NULL: it cannot be. */
static char *map_there(const char *path, size_t *bytes)
{
    struct stat st;
    head h;
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return NULL;
    char *at = NULL;
    if (fstat(fd, &st) == 0 && st.st_size > (off_t)sizeof(h) &&
        read(fd, &h, sizeof(h)) == (ssize_t)sizeof(h) && fits(&h, (uint64_t)st.st_size)) {
        void *wanted = (void *)(uintptr_t)base; /* NOLINT(performance-no-int-to-ptr) */
        *bytes = (size_t)st.st_size;
        /* Private: who writes to it changes it for nobody else. A kernel that does not know the flag may map elsewhere. */
        at = mmap(wanted, *bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED_NOREPLACE, fd, 0);
        if (at != MAP_FAILED && at != wanted) (void)munmap(at, *bytes);
        if (at != wanted) at = NULL;
    }
    (void)close(fd);
    return at;
}

kuni_status kuni_cohort_map(kuni_cohort *cohort, const char *path, bool *mapped, kuni_error *err)
{
    *cohort = (kuni_cohort){.notes = ""};
    size_t bytes = 0;
    char *at = map_there(path, &bytes);
    *mapped = at != NULL;
    if (!at) return KUNI_OK;
    const head *h = (const head *)(const void *)at;
    cohort->map = at;
    cohort->map_bytes = bytes;
    cohort->samples = (kuni_sample *)(void *)(at + sizeof(*h));
    cohort->n_samples = h->n_samples;
    cohort->batches = (kuni_batch *)(void *)(cohort->samples + h->n_samples);
    cohort->n_batches = h->n_batches;
    cohort->n_new = h->n_new;
    cohort->n_withdrawn = h->n_withdrawn;
    cohort->n_erased = h->n_erased;
    cohort->n_without = h->n_without;
    cohort->n_absent = h->n_absent;
    cohort->n_twins = h->n_twins;
    cohort->arena = kuni_arena_new(err);
    return cohort->arena ? KUNI_OK : KUNI_MEMORY;
}
