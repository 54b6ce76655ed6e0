/* SPDX-License-Identifier: MIT */
#include "journal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "clock.h"
#include "names.h"

struct kuni_journal {
    int fd;
    char *path;
    kuni_buffer pending;
    bool unsynced;     /* lines were written that need not be on the disk yet */
    int64_t oldest_ms; /* when the first line was added that is pending, or not on the disk yet */
    int64_t added;
};

enum { CRC_DIGITS = 8, LINE_BYTES_MAX = 256 << 20 };

static uint32_t checksum(const char *text, size_t length)
{
    return (uint32_t)crc32_z(crc32_z(0, NULL, 0), (const unsigned char *)text, length);
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Whether a line without its newline is as it was written. */
static bool line_is_whole(const char *line, size_t length)
{
    uint32_t told = 0;
    if (length < CRC_DIGITS + 3 || line[CRC_DIGITS] != ' ') return false;
    for (int i = 0; i < CRC_DIGITS; i++) {
        int value = hex_value(line[i]);
        if (value < 0) return false;
        told = told << 4 | (uint32_t)value;
    }
    return told == checksum(line + CRC_DIGITS + 1, length - CRC_DIGITS - 1);
}

/* The record of a line without its newline, or NULL. */
static json_t *parse_line(const char *line, size_t length)
{
    json_t *record = json_loadb(line + CRC_DIGITS + 1, length - CRC_DIGITS - 1, 0, NULL);
    if (json_is_object(record)) return record;
    json_decref(record);
    return NULL;
}

/* What a whole line tells, to whom it is for; *told false where it is no record. */
static kuni_status tell(const kuni_journal_reader *reader, char *line, size_t length,
                        int64_t offset, bool *told, kuni_error *err)
{
    kuni_journal_task task;
    *told = true;
    if (reader->task &&
        kuni_journal_task_parse(line + CRC_DIGITS + 1, length - CRC_DIGITS - 1, &task))
        return reader->task(reader->context, &task, offset, err);
    json_t *record = parse_line(line, length);
    const char *type = json_string_value(json_object_get(record, "t"));
    kuni_status status = KUNI_OK;
    *told = record != NULL;
    if (record && reader->task && type && strcmp(type, "task") == 0) {
        kuni_journal_task_of(record, &task);
        status = reader->task(reader->context, &task, offset, err);
    } else if (record && reader->record) {
        status = reader->record(reader->context, record, offset, err);
    }
    json_decref(record);
    return status;
}

kuni_status kuni_journal_read(const char *path, const kuni_journal_reader *reader, int64_t *damaged,
                              int64_t *whole_bytes, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    char *line = NULL;
    size_t capacity = 0;
    int64_t offset = 0, pending_damage = 0;
    *damaged = *whole_bytes = 0;
    FILE *file = fopen(path, "re");
    if (!file) return errno == ENOENT ? KUNI_OK : kuni_fail_errno(err, "cannot open %s", path);
    ssize_t got;
    while (!status && (got = getline(&line, &capacity, file)) > 0) {
        size_t length = (size_t)got;
        bool told = line[length - 1] == '\n' && line_is_whole(line, length - 1);
        if (told && (reader->task || reader->record))
            status = tell(reader, line, length - 1, offset, &told, err);
        if (told) {
            *damaged += pending_damage;
            pending_damage = 0;
            *whole_bytes = offset + got;
        } else {
            pending_damage++;
        }
        offset += got;
    }
    if (!status && ferror(file)) status = kuni_fail_errno(err, "cannot read %s", path);
    free(line);
    (void)fclose(file);
    return status;
}

kuni_status kuni_journal_scan(const char *path, kuni_journal_visitor *visit, void *context,
                              int64_t *damaged, int64_t *whole_bytes, kuni_error *err)
{
    const kuni_journal_reader reader = {.record = visit, .context = context};
    return kuni_journal_read(path, &reader, damaged, whole_bytes, err);
}

kuni_status kuni_journal_open(kuni_journal **out, const char *path, kuni_error *err)
{
    kuni_status status = KUNI_MEMORY;
    int64_t damaged, whole;
    kuni_journal *journal = kuni_alloc(1, sizeof(*journal), err);
    if (!journal) return KUNI_MEMORY;
    journal->fd = -1;
    journal->path = kuni_strdup(path, err);
    if (!journal->path) goto fail;
    status = kuni_journal_scan(path, NULL, NULL, &damaged, &whole, err);
    if (status) goto fail;
    journal->fd = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (journal->fd < 0 || ftruncate(journal->fd, whole) != 0 ||
        lseek(journal->fd, 0, SEEK_END) != whole || fsync(journal->fd) != 0) {
        status = kuni_fail_errno(err, "cannot open the journal %s", path);
        goto fail;
    }
    *out = journal;
    return KUNI_OK;
fail:
    if (journal->fd >= 0) (void)close(journal->fd);
    free(journal->path);
    free(journal);
    return status;
}

/* Appends the line of a record. */
static kuni_status print_line(kuni_buffer *out, const json_t *record, kuni_error *err)
{
    char *text = record ? json_dumps(record, JSON_COMPACT) : NULL;
    if (!text) return kuni_fail_memory(err, 1, 1);
    size_t length = strlen(text);
    kuni_status status = KUNI_OK;
    if (length > LINE_BYTES_MAX)
        status = kuni_fail(err, KUNI_BUG, "a journal record of %zu bytes is too long", length);
    if (!status) status = kuni_buffer_printf(out, err, "%08" PRIx32 " ", checksum(text, length));
    if (!status) status = kuni_buffer_append(out, text, length, err);
    if (!status) status = kuni_buffer_append(out, "\n", 1, err);
    free(text);
    return status;
}

static kuni_status write_out(kuni_journal *journal, kuni_error *err)
{
    size_t done = 0;
    journal->unsynced = journal->unsynced || journal->pending.length;
    while (done < journal->pending.length) {
        ssize_t put =
            write(journal->fd, journal->pending.data + done, journal->pending.length - done);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return kuni_fail_errno(err, "cannot write the journal %s", journal->path);
        done += (size_t)put;
    }
    kuni_buffer_clear(&journal->pending);
    return KUNI_OK;
}

kuni_status kuni_journal_add(kuni_journal *journal, json_t *record, kuni_error *err)
{
    enum { PENDING_BYTES_MOST = 1 << 20 }; /* what a million people bring needs no room here */
    if (journal->pending.length == 0 && !journal->unsynced) journal->oldest_ms = kuni_now_ms();
    kuni_status status = print_line(&journal->pending, record, err);
    json_decref(record);
    journal->added++;
    return status || journal->pending.length < PENDING_BYTES_MOST ? status
                                                                  : write_out(journal, err);
}

int64_t kuni_journal_added(const kuni_journal *journal)
{
    return journal->added;
}

kuni_status kuni_journal_flush(kuni_journal *journal, int64_t max_age_ms, kuni_error *err)
{
    if (journal->pending.length == 0 && !journal->unsynced) return KUNI_OK;
    if (max_age_ms > 0 && kuni_now_ms() - journal->oldest_ms < max_age_ms) return KUNI_OK;
    kuni_status status = write_out(journal, err);
    if (status) return status;
    if (fdatasync(journal->fd) != 0)
        return kuni_fail_errno(err, "cannot flush the journal %s", journal->path);
    journal->unsynced = false;
    return KUNI_OK;
}

kuni_status kuni_journal_close(kuni_journal *journal, kuni_error *err)
{
    if (!journal) return KUNI_OK;
    kuni_status status = kuni_journal_flush(journal, 0, err);
    if (close(journal->fd) != 0 && !status)
        status = kuni_fail_errno(err, "cannot close the journal %s", journal->path);
    kuni_buffer_fini(&journal->pending);
    free(journal->path);
    free(journal);
    return status;
}

/* --- compaction --- */

typedef struct compaction {
    kuni_journal_filter *filter;
    void *context;
    kuni_file *file;
    kuni_buffer line;
    json_t *sums; /* by node */
    kuni_journal_counts *counts;
} compaction;

static kuni_status write_record(compaction *c, const json_t *record, kuni_error *err)
{
    kuni_buffer_clear(&c->line);
    kuni_status status = print_line(&c->line, record, err);
    return status ? status : kuni_file_write(c->file, c->line.data, c->line.length, err);
}

/* Adds numbers of b to those of a; the largest counts where there is nothing to sum. */
static bool merge_sums(json_t *a, const json_t *b)
{
    static const char *const whole[] = {"tasks", "bytes"}, *const real[] = {"cpu", "wall"};
    int failed = 0;
    for (size_t i = 0; i < 2; i++) {
        json_int_t sum = json_integer_value(json_object_get(a, whole[i])) +
                         json_integer_value(json_object_get(b, whole[i]));
        double seconds = json_number_value(json_object_get(a, real[i])) +
                         json_number_value(json_object_get(b, real[i]));
        failed |= json_object_set_new(a, whole[i], json_integer(sum));
        failed |= json_object_set_new(a, real[i], json_real(seconds));
    }
    json_int_t x = json_integer_value(json_object_get(a, "rss")),
               y = json_integer_value(json_object_get(b, "rss"));
    failed |= json_object_set_new(a, "rss", json_integer(x > y ? x : y));
    return !failed;
}

static kuni_status add_sum(json_t *sums, const json_t *record, kuni_error *err)
{
    const char *type = json_string_value(json_object_get(record, "t"));
    const char *node = json_string_value(json_object_get(record, "n"));
    if (!type || !node) return KUNI_OK;
    json_t *sum = json_object_get(sums, node), *told = NULL;
    if (strcmp(type, "task") == 0 && json_object_get(record, "cpu")) {
        /* parts that shared the decode share its time */
        json_int_t parts = json_integer_value(json_object_get(record, "of")), bytes = 0;
        double share = parts > 1 ? 1.0 / (double)parts : 1;
        size_t i;
        json_t *output;
        json_array_foreach(json_object_get(record, "o"), i, output) bytes +=
            json_integer_value(json_array_get(output, 0));
        told = json_pack("{sI sI sf sf sI}", "tasks", (json_int_t)1, "bytes", bytes, "cpu",
                         share * json_number_value(json_object_get(record, "cpu")), "wall",
                         share * json_number_value(json_object_get(record, "wall")), "rss",
                         json_integer_value(json_object_get(record, "rss")));
    } else if (strcmp(type, "sum") == 0) {
        told = json_deep_copy(record);
    } else {
        return KUNI_OK;
    }
    bool kept = told != NULL;
    if (kept && !sum) {
        sum = json_pack("{ss ss}", "t", "sum", "n", node);
        kept = sum && json_object_set_new(sums, node, sum) == 0;
    }
    kept = kept && merge_sums(sum, told);
    json_decref(told);
    return kept ? KUNI_OK : kuni_fail_memory(err, 1, 1);
}

static kuni_status sift(void *context, json_t *record, int64_t offset, kuni_error *err)
{
    compaction *c = context;
    (void)offset;
    const char *type = json_string_value(json_object_get(record, "t"));
    if (type && strcmp(type, "sum") == 0) return add_sum(c->sums, record, err);
    bool keep = true;
    kuni_status status = c->filter(c->context, record, &keep, err);
    if (!status && keep)
        status = write_record(c, record, err);
    else if (!status)
        status = add_sum(c->sums, record, err);
    *(keep ? &c->counts->kept : &c->counts->dropped) += 1;
    return status;
}

/* From the old file to that which stands under its name now. */
static kuni_status reopen(kuni_journal *journal, kuni_error *err)
{
    int fd = open(journal->path, O_WRONLY | O_APPEND | O_CLOEXEC);
    if (fd < 0) return kuni_fail_errno(err, "cannot open the journal %s", journal->path);
    (void)close(journal->fd);
    journal->fd = fd;
    return KUNI_OK;
}

kuni_status kuni_journal_compact(kuni_journal *journal, kuni_journal_filter *filter, void *context,
                                 json_t *also, kuni_journal_counts *counts, kuni_error *err)
{
    compaction c = {.filter = filter, .context = context, .counts = counts, .sums = json_object()};
    int64_t damaged, whole;
    size_t i;
    const char *node;
    json_t *record;
    *counts = (kuni_journal_counts){.kept = 0};
    kuni_status status = c.sums ? kuni_journal_flush(journal, 0, err) : kuni_fail_memory(err, 1, 1);
    if (!status) status = kuni_file_create(&c.file, journal->path, err);
    if (!status) status = kuni_journal_scan(journal->path, sift, &c, &damaged, &whole, err);
    json_object_foreach(c.sums, node, record) if (!status) status = write_record(&c, record, err);
    json_array_foreach(also, i, record) if (!status) status = write_record(&c, record, err);
    if (status)
        kuni_file_discard(c.file);
    else
        status = kuni_file_commit(c.file, err);
    kuni_buffer_fini(&c.line);
    json_decref(c.sums);
    /* Also after a failure: the new one may stand in spite of it. */
    kuni_error ignored = KUNI_ERROR_INIT;
    kuni_status reopened = reopen(journal, status ? &ignored : err);
    return status ? status : reopened;
}

/* --- people who are to be forgotten --- */

typedef struct forgetting {
    const kuni_journal_person *people;
    size_t n;
    kuni_names samples, batches;
} forgetting;

static bool names_one(const forgetting *f, const json_t *list)
{
    size_t i;
    json_t *entry;
    json_array_foreach(list, i, entry)
    {
        const char *id = json_string_value(entry);
        if (id && kuni_names_find(&f->samples, id) >= 0) return true;
    }
    return false;
}

/* Their entries become those of files that were never seen. */
static kuni_status clear_signs(const forgetting *f, const char *batch, json_t *list,
                               kuni_error *err)
{
    for (size_t i = 0; i < f->n; i++) {
        const kuni_journal_person *person = &f->people[i];
        if (strcmp(batch, person->batch) != 0 || person->place >= json_array_size(list)) continue;
        if (json_array_set_new(list, person->place, json_pack("[iiss]", -1, 0, "", "")))
            return kuni_fail_memory(err, 1, 1);
    }
    return KUNI_OK;
}

static kuni_status leave_out(void *context, json_t *record, bool *keep, kuni_error *err)
{
    const forgetting *f = context;
    const char *type = json_string_value(json_object_get(record, "t"));
    const char *batch = json_string_value(json_object_get(record, "b"));
    const char *id = json_string_value(json_object_get(record, "id"));
    bool theirs = batch && kuni_names_find(&f->batches, batch) >= 0;
    if (theirs && type && strcmp(type, "signs") == 0)
        return clear_signs(f, batch, json_object_get(record, "v"), err);
    /* That a batch is sealed is told of nobody. */
    theirs = theirs && type && strcmp(type, "task") == 0;
    /* What a task said when it failed may name anybody. */
    theirs = theirs || (type && strcmp(type, "failed") == 0);
    *keep = !theirs && !(id && kuni_names_find(&f->samples, id) >= 0) &&
            !names_one(f, json_object_get(record, "skip")) &&
            !names_one(f, json_object_get(record, "drop"));
    return KUNI_OK;
}

kuni_status kuni_journal_forget_people(const char *path, const kuni_journal_person *people,
                                       size_t n, kuni_error *err)
{
    forgetting f = {.people = people, .n = n};
    kuni_journal *journal = NULL;
    kuni_journal_counts counts;
    kuni_error ignored = KUNI_ERROR_INIT;
    kuni_status status = KUNI_OK;
    if (n == 0 || (access(path, F_OK) != 0 && errno == ENOENT)) return KUNI_OK;
    for (size_t i = 0; i < n && !status; i++) {
        status = kuni_names_add(&f.samples, people[i].sample, (uint32_t)i, err);
        if (!status && kuni_names_find(&f.batches, people[i].batch) < 0)
            status = kuni_names_add(&f.batches, people[i].batch, (uint32_t)i, err);
    }
    if (!status) status = kuni_journal_open(&journal, path, err);
    if (!status) status = kuni_journal_compact(journal, leave_out, &f, NULL, &counts, err);
    kuni_status closed = kuni_journal_close(journal, status ? &ignored : err);
    kuni_names_fini(&f.samples);
    kuni_names_fini(&f.batches);
    return status ? status : closed;
}
