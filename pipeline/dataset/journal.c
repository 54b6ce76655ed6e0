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

struct kuni_journal {
    int fd;
    char *path;
    kuni_buffer pending;
    int64_t oldest_ms; /* when the first pending line was added */
};

enum { CRC_DIGITS = 8, LINE_BYTES_MAX = 256 << 20 };

static uint32_t checksum(const char *text, size_t length)
{
    return (uint32_t)crc32_z(crc32_z(0, NULL, 0), (const unsigned char *)text, length);
}

/* The record of a line without its newline, or NULL. */
static json_t *parse_line(const char *line, size_t length)
{
    if (length < CRC_DIGITS + 3 || line[CRC_DIGITS] != ' ') return NULL;
    char hex[CRC_DIGITS + 1], expected[CRC_DIGITS + 1];
    memcpy(hex, line, CRC_DIGITS);
    hex[CRC_DIGITS] = '\0';
    snprintf(expected, sizeof(expected), "%08" PRIx32,
             checksum(line + CRC_DIGITS + 1, length - CRC_DIGITS - 1));
    if (strcmp(hex, expected) != 0) return NULL;
    json_t *record = json_loadb(line + CRC_DIGITS + 1, length - CRC_DIGITS - 1, 0, NULL);
    if (json_is_object(record)) return record;
    json_decref(record);
    return NULL;
}

kuni_status kuni_journal_scan(const char *path, kuni_journal_visitor *visit, void *context,
                              int64_t *damaged, int64_t *whole_bytes, kuni_error *err)
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
        bool ended = line[length - 1] == '\n';
        json_t *record = ended ? parse_line(line, length - 1) : NULL;
        if (record) {
            *damaged += pending_damage;
            pending_damage = 0;
            *whole_bytes = offset + got;
            if (visit) status = visit(context, record, offset, err);
            json_decref(record);
        } else {
            pending_damage++;
        }
        offset += got;
    }
    if (!status && ferror(file)) status = kuni_fail_errno(err, "cannot read %s", path);
    free(line);
    fclose(file);
    return status;
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
    journal->fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (journal->fd < 0 || ftruncate(journal->fd, whole) != 0 ||
        lseek(journal->fd, 0, SEEK_END) != whole || fsync(journal->fd) != 0) {
        status = kuni_fail_errno(err, "cannot open the journal %s", path);
        goto fail;
    }
    *out = journal;
    return KUNI_OK;
fail:
    if (journal->fd >= 0) close(journal->fd);
    free(journal->path);
    free(journal);
    return status;
}

kuni_status kuni_journal_add(kuni_journal *journal, json_t *record, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    char *text = record ? json_dumps(record, JSON_COMPACT) : NULL;
    json_decref(record);
    if (!text) return kuni_fail_memory(err, 1, 1);
    size_t length = strlen(text);
    if (length > LINE_BYTES_MAX)
        status = kuni_fail(err, KUNI_BUG, "a journal record of %zu bytes is too long", length);
    if (journal->pending.length == 0) journal->oldest_ms = kuni_now_ms();
    if (!status)
        status =
            kuni_buffer_printf(&journal->pending, err, "%08" PRIx32 " ", checksum(text, length));
    if (!status) status = kuni_buffer_append(&journal->pending, text, length, err);
    if (!status) status = kuni_buffer_append(&journal->pending, "\n", 1, err);
    free(text);
    return status;
}

kuni_status kuni_journal_flush(kuni_journal *journal, int64_t max_age_ms, kuni_error *err)
{
    if (journal->pending.length == 0) return KUNI_OK;
    if (max_age_ms > 0 && kuni_now_ms() - journal->oldest_ms < max_age_ms) return KUNI_OK;
    size_t done = 0;
    while (done < journal->pending.length) {
        ssize_t put =
            write(journal->fd, journal->pending.data + done, journal->pending.length - done);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return kuni_fail_errno(err, "cannot write the journal %s", journal->path);
        done += (size_t)put;
    }
    kuni_buffer_clear(&journal->pending);
    if (fdatasync(journal->fd) != 0)
        return kuni_fail_errno(err, "cannot flush the journal %s", journal->path);
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
