/* SPDX-License-Identifier: MIT */
#include "cohort_map.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "names.h"

/* Far from where programs, heaps and stacks lie, and from what sanitizers use. */
static const uint64_t base = 0x200000000000;
static const char magic[16] = "kuni cohort 2\n";

typedef struct head {
    char magic[16];
    uint64_t base, bytes, sample_bytes, batch_bytes; /* as the writer has them */
    uint64_t n_samples, n_batches, n_new, n_withdrawn, n_erased, n_without, n_absent, n_twins;
} head;

/* --- writing --- */

/* Texts of one kind stand together: what joint tasks read of everybody first, what few ask for last. */
enum { IDS, GROUPS, SITES, FATHERS, MOTHERS, DIGESTS, INDICES, READS, SECTIONS };
enum { SAMPLE_TEXTS = 10 };

typedef struct section {
    uint64_t at;      /* where the next text will stand in the file */
    const char *last; /* the text that was put last, and where: many are the same */
    uint64_t last_at;
} section;

typedef struct writing {
    kuni_file *file; /* or else: */
    FILE *memory;
    const kuni_cohort *cohort;
    section sections[SECTIONS];
} writing;

static kuni_status put(writing *w, const void *bytes, size_t length, kuni_error *err)
{
    if (w->file) return kuni_file_write(w->file, bytes, length, err);
    return fwrite(bytes, 1, length, w->memory) == length
               ? KUNI_OK
               : kuni_fail_errno(err, "cannot hold the cohort in memory");
}

/* Where the text stands, as a pointer will be; *fresh: it was not there yet, and has to be put. */
static const char *place(section *to, const char *text, bool *fresh)
{
    *fresh = !to->last || strcmp(to->last, text) != 0;
    if (*fresh) {
        to->last = text;
        to->last_at = to->at;
        to->at += strlen(text) + 1;
    }
    return (const char *)(uintptr_t)(base + to->last_at); /* NOLINT(performance-no-int-to-ptr) */
}

typedef struct sample_text {
    int section;
    const char *text, **to;
} sample_text;

/* The texts of a sample, and where `copy` has them; it is as that otherwise. */
static void list_texts(const kuni_sample *sample, kuni_sample *copy, sample_text list[SAMPLE_TEXTS])
{
    memset(copy, 0, sizeof(*copy)); /* also what lies between the fields */
    copy->sex = sample->sex;
    copy->shares_reads = sample->shares_reads;
    copy->index_in_cohort = sample->index_in_cohort;
    bool same = strcmp(sample->participant, sample->id) == 0;
    const sample_text texts[SAMPLE_TEXTS] = {
        {IDS, sample->id, &copy->id},
        {IDS, same ? sample->id : sample->participant, &copy->participant},
        {IDS, sample->name_in_file, &copy->name_in_file},
        {GROUPS, sample->group, &copy->group},
        {SITES, sample->site, &copy->site},
        {FATHERS, sample->father, &copy->father},
        {MOTHERS, sample->mother, &copy->mother},
        {DIGESTS, sample->md5, &copy->md5},
        {INDICES, sample->index, &copy->index},
        {READS, sample->reads, &copy->reads}};
    memcpy(list, texts, sizeof(texts));
}

/* Goes over all samples, and puts them where `records`; else the new texts of `texts`, -1: nothing. */
static kuni_status walk_samples(writing *w, bool records, int texts, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < w->cohort->n_samples && !status; i++) {
        kuni_sample copy;
        sample_text list[SAMPLE_TEXTS];
        list_texts(&w->cohort->samples[i], &copy, list);
        for (size_t k = 0; k < SAMPLE_TEXTS && !status; k++) {
            bool fresh;
            if (!list[k].text || (texts >= 0 && list[k].section != texts)) continue;
            *list[k].to = place(&w->sections[list[k].section], list[k].text, &fresh);
            if (fresh && list[k].section == texts)
                status = put(w, list[k].text, strlen(list[k].text) + 1, err);
        }
        if (records && !status) status = put(w, &copy, sizeof(copy), err);
    }
    return status;
}

/* The same of batches, whose names stand behind the ids. */
static kuni_status walk_batches(writing *w, bool records, bool texts, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < w->cohort->n_batches && !status; i++) {
        kuni_batch copy;
        bool fresh;
        const kuni_batch *batch = &w->cohort->batches[i];
        memset(&copy, 0, sizeof(copy));
        copy.first = batch->first;
        copy.n_samples = batch->n_samples;
        copy.id = place(&w->sections[IDS], batch->id, &fresh);
        if (texts && fresh) status = put(w, batch->id, strlen(batch->id) + 1, err);
        if (records && !status) status = put(w, &copy, sizeof(copy), err);
    }
    return status;
}

/* Where each section begins, behind the records; the texts have been gone over once. */
static void begin_sections(writing *w, uint64_t at)
{
    for (int k = 0; k < SECTIONS; k++) {
        uint64_t bytes = w->sections[k].at;
        w->sections[k] = (section){.at = at};
        at += bytes;
    }
}

static kuni_status put_texts(writing *w, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    for (int k = 0; k < SECTIONS && !status; k++) {
        w->sections[k] = (section){.at = 0};
        status = walk_samples(w, false, k, err);
        if (k == IDS && !status) status = walk_batches(w, false, true, err);
    }
    return status;
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
    w->cohort = cohort;
    kuni_status status = walk_samples(w, false, -1, err);
    if (!status) status = walk_batches(w, false, false, err);
    begin_sections(w, sizeof(h) + h.n_samples * sizeof(kuni_sample) +
                          h.n_batches * sizeof(kuni_batch));
    if (!status) status = put(w, &h, sizeof(h), err);
    if (!status) status = walk_samples(w, true, -1, err);
    if (!status) status = walk_batches(w, true, false, err);
    return status ? status : put_texts(w, err);
}

kuni_status kuni_cohort_map_write(const kuni_cohort *cohort, const char *path, kuni_error *err)
{
    writing w = {.file = NULL};
    kuni_status status = kuni_file_create(&w.file, path, err);
    if (status) return status;
    status = put_all(&w, cohort, err);
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
static char *map_there(int fd, size_t *bytes)
{
    struct stat st;
    head h;
    char *at = NULL;
    if (fstat(fd, &st) == 0 && st.st_size > (off_t)sizeof(h) &&
        pread(fd, &h, sizeof(h), 0) == (ssize_t)sizeof(h) && fits(&h, (uint64_t)st.st_size)) {
        void *wanted = (void *)(uintptr_t)base; /* NOLINT(performance-no-int-to-ptr) */
        *bytes = (size_t)st.st_size;
        /* Private: who writes to it changes it for nobody else. A kernel that does not know the flag may map elsewhere. */
        at = mmap(wanted, *bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED_NOREPLACE, fd, 0);
        if (at != MAP_FAILED && at != wanted) (void)munmap(at, *bytes);
        if (at != wanted) at = NULL;
    }
    return at;
}

/* *mapped false: the cohort is empty. Closes the file. */
static kuni_status map(kuni_cohort *cohort, int fd, bool *mapped, kuni_error *err)
{
    *cohort = (kuni_cohort){.notes = ""};
    size_t bytes = 0;
    char *at = fd >= 0 ? map_there(fd, &bytes) : NULL;
    if (fd >= 0) (void)close(fd);
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

static int open_map(const char *path)
{
    return open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
}

kuni_status kuni_cohort_map(kuni_cohort *cohort, const char *path, bool *mapped, kuni_error *err)
{
    return map(cohort, open_map(path), mapped, err);
}

/* --- letting go of what was read --- */

/* A file that lies nowhere; -1: there is none. */
static int write_to_memory(const kuni_cohort *cohort)
{
    kuni_error ignored = KUNI_ERROR_INIT;
    int fd = memfd_create("kuni cohort", MFD_CLOEXEC), own = fd < 0 ? -1 : dup(fd);
    writing w = {.memory = own < 0 ? NULL : fdopen(own, "w")};
    bool good = w.memory && !put_all(&w, cohort, &ignored);
    if (w.memory)
        good = fclose(w.memory) == 0 && good;
    else if (own >= 0)
        (void)close(own);
    if (good || fd < 0) return fd;
    (void)close(fd);
    return -1;
}

static kuni_status keep(kuni_arena *arena, const char **text, kuni_error *err)
{
    if (!*text) return KUNI_OK;
    *text = kuni_arena_strndup(arena, *text, strlen(*text), err);
    return *text ? KUNI_OK : KUNI_MEMORY;
}

/* Facts are often those of the person before. */
static kuni_status keep_facts(kuni_arena *arena, kuni_person *person, const char **before,
                              kuni_error *err)
{
    const char **told = person->facts;
    bool same = told && before;
    for (int f = 0; f < KUNI_FACTS && same; f++)
        same = told[f] == before[f] || (told[f] && before[f] && strcmp(told[f], before[f]) == 0);
    if (same) person->facts = before;
    if (same || !told) return KUNI_OK;
    person->facts = kuni_arena_alloc(arena, KUNI_FACTS, sizeof(*told), err);
    kuni_status status = person->facts ? KUNI_OK : KUNI_MEMORY;
    for (int f = 0; f < KUNI_FACTS && !status; f++) {
        person->facts[f] = told[f];
        status = keep(arena, &person->facts[f], err);
    }
    return status;
}

/* The array of people goes from one to the other; where it is the arena's, it is copied. */
static kuni_status move_people(kuni_cohort *from, kuni_cohort *to, kuni_error *err)
{
    size_t bytes = from->n_samples * sizeof(kuni_person);
    to->people = from->people;
    to->apart = from->apart;
    to->apart_bytes = from->apart_bytes;
    from->apart = NULL;
    if (to->apart) return KUNI_OK;
    void *room = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (room == MAP_FAILED) return kuni_fail_memory(err, from->n_samples, sizeof(kuni_person));
    to->people = to->apart = room;
    to->apart_bytes = bytes;
    memcpy(to->people, from->people, bytes);
    return KUNI_OK;
}

/* People as they were, but for their texts, which are the new arena's. */
static kuni_status keep_people(kuni_cohort *from, kuni_cohort *to, kuni_error *err)
{
    const char **facts = NULL;
    size_t n = from->n_samples;
    if (!from->people || !n) return KUNI_OK;
    kuni_status status = move_people(from, to, err);
    for (size_t i = 0; i < n && !status; i++) {
        kuni_person *person = &to->people[i];
        status = keep_facts(to->arena, person, facts, err);
        if (person->facts) facts = person->facts;
        if (!status) status = keep(to->arena, &person->where, err);
        if (!status) status = keep(to->arena, &person->reason, err);
        if (!status) status = keep(to->arena, &person->reads, err);
        if (!status) status = keep(to->arena, &person->index, err);
    }
    (void)madvise(to->apart, to->apart_bytes, MADV_DONTFORK);
    return status;
}

kuni_status kuni_cohort_hold(kuni_cohort *cohort, const char *path, kuni_error *err)
{
    kuni_cohort held;
    bool mapped;
    kuni_status status = map(&held, path ? open_map(path) : write_to_memory(cohort), &mapped, err);
    if (status) return status;
    if (!mapped) return KUNI_OK;
    held.n_returning = cohort->n_returning;
    held.returning = cohort->returning;
    held.notes = cohort->notes;
    if (!status) status = keep_people(cohort, &held, err);
    if (!status) status = keep(held.arena, &held.returning, err);
    if (!status) status = keep(held.arena, &held.notes, err);
    kuni_cohort_fini(cohort);
    *cohort = held;
    if (status) kuni_cohort_fini(cohort);
    return status;
}
