/* SPDX-License-Identifier: MIT */
/* What a release has told, gathered from the pieces that counted it: the chapter that later ones are weighed against. */
#include "release_tables.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kuni/file.h"

/* --- features --- */

/* The first wanted span that ends past the position. */
static size_t first_wanted(const kuni_regions *r, int32_t tid, int64_t pos)
{
    size_t low = 0, high = r->n_spans;
    while (low < high) {
        size_t middle = (low + high) / 2;
        const kuni_span *span = &r->spans[middle];
        if (span->tid < tid || (span->tid == tid && span->end <= pos))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* What of a span of a feature is counted goes into what stands for the feature. */
static void add_span(const kuni_release_tables *t, const kuni_feature_span *span)
{
    const kuni_regions *wanted = &t->plan->regions;
    uint64_t *identity = &t->feature_identities[span->feature];
    const char *contig = kuni_genome_contig(t->plan->genome, span->span.tid)->name;
    for (size_t i = first_wanted(wanted, span->span.tid, span->span.beg); i < wanted->n_spans;
         i++) {
        const kuni_span *w = &wanted->spans[i];
        if (w->tid != span->span.tid || w->beg >= span->span.end) break;
        char text[512];
        (void)snprintf(text, sizeof(text), "%016llx %.400s %lld %lld",
                       (unsigned long long)*identity, contig,
                       (long long)(w->beg > span->span.beg ? w->beg : span->span.beg),
                       (long long)(w->end < span->span.end ? w->end : span->span.end));
        *identity = kuni_disclosure_text(t->plan->past.secret, text);
    }
}

kuni_status kuni_release_identify_features(kuni_release_tables *t, kuni_error *err)
{
    const kuni_features *f = &t->features;
    t->feature_identities = kuni_alloc(f->n + 1, sizeof(*t->feature_identities), err);
    if (!t->feature_identities) return KUNI_MEMORY;
    for (size_t i = 0; i < f->n; i++)
        t->feature_identities[i] = kuni_disclosure_text(t->plan->past.secret, f->features[i].id);
    for (size_t i = 0; i < f->n_spans; i++) add_span(t, &f->spans[i]);
    return KUNI_OK;
}

/* --- the journals of pieces --- */

static kuni_status append_part(kuni_file *whole, const char *path, kuni_error *err)
{
    char room[1 << 16];
    FILE *part = fopen(path, "rb");
    if (!part) return kuni_fail_errno(err, "cannot read %s", path);
    kuni_status status = KUNI_OK;
    while (!status && !feof(part) && !ferror(part))
        status = kuni_file_write(whole, room, fread(room, 1, sizeof(room), part), err);
    if (!status && ferror(part)) status = kuni_fail_errno(err, "cannot read %s", path);
    (void)fclose(part);
    if (!status && unlink(path) != 0) status = kuni_fail_errno(err, "cannot remove %s", path);
    return status;
}

/* All of them, and that of the features, in one file. */
static kuni_status join_journals(const kuni_release_tables *t, kuni_error *err)
{
    kuni_file *whole = NULL;
    kuni_status status = kuni_file_create(&whole, t->told, err);
    size_t n = kuni_release_count_parts(t->told);
    for (size_t i = 0; i < n && !status; i++) {
        kuni_buffer path = KUNI_BUFFER_INIT;
        status = kuni_release_part_of(&path, t->told, i, err);
        if (!status) status = append_part(whole, path.data, err);
        kuni_buffer_fini(&path);
    }
    if (!status && t->journal.length)
        status = kuni_file_write(whole, t->journal.data, t->journal.length, err);
    if (!status) return kuni_file_commit(whole, err);
    kuni_file_discard(whole);
    return status;
}

/* Mapped: a journal of a nation's alleles need not lie in memory. */
static kuni_status write_mapped(const kuni_release_tables *t, kuni_error *err)
{
    struct stat info;
    kuni_buffer journal = KUNI_BUFFER_INIT;
    kuni_status status = KUNI_OK;
    int fd = open(t->told, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &info) != 0) status = kuni_fail_errno(err, "cannot read %s", t->told);
    if (!status && info.st_size > 0) {
        void *map = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (map == MAP_FAILED)
            status = kuni_fail_errno(err, "cannot map %s", t->told);
        else
            journal = (kuni_buffer){.data = map, .length = (size_t)info.st_size};
    }
    if (fd >= 0) (void)close(fd);
    if (!status)
        status = kuni_release_past_write(&t->plan->past, t->discloses, &t->strata, &journal, err);
    if (journal.data) (void)munmap(journal.data, journal.length);
    return status;
}

kuni_status kuni_release_tell(kuni_release_tables *t, kuni_error *err)
{
    kuni_status status = join_journals(t, err);
    if (!status) status = write_mapped(t, err);
    if (!status && unlink(t->told) != 0) status = kuni_fail_errno(err, "cannot remove %s", t->told);
    return status;
}
