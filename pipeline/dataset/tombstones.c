/* SPDX-License-Identifier: MIT */
#include "tombstones.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kuni/file.h"
#include "kuni/lines.h"

static const char list_name[] = "tombstones.tsv", key_name[] = "secret";
static const char first_line[] = "#kuni tombstones 1";

enum { DIGEST_BYTES = 32, DIGEST_HEX_BYTES = 2 * DIGEST_BYTES + 1 };

static void digest_of(const kuni_tombstones *stones, const char *kind, const char *id,
                      char hex[DIGEST_HEX_BYTES])
{
    unsigned char digest[DIGEST_BYTES];
    crypto_generichash_state state;
    (void)crypto_generichash_init(&state, stones->key, sizeof(stones->key), sizeof(digest));
    /* The kind with its NUL, so that no id of one kind reads as one of the other. */
    (void)crypto_generichash_update(&state, (const unsigned char *)kind, strlen(kind) + 1);
    (void)crypto_generichash_update(&state, (const unsigned char *)id, strlen(id));
    (void)crypto_generichash_final(&state, digest, sizeof(digest));
    (void)sodium_bin2hex(hex, DIGEST_HEX_BYTES, digest, sizeof(digest));
}

/* --- reading --- */

static kuni_status read_key(kuni_tombstones *stones, kuni_error *err)
{
    kuni_buffer text = KUNI_BUFFER_INIT;
    char *path = kuni_path_join(stones->folder, key_name, err);
    if (!path) return KUNI_MEMORY;
    kuni_status status = KUNI_OK;
    if (access(path, F_OK) == 0 || errno != ENOENT) {
        status = kuni_file_get(path, 4096, &text, err);
        size_t length = 0;
        stones->has_key = !status && text.length >= 2 * sizeof(stones->key) &&
                          sodium_hex2bin(stones->key, sizeof(stones->key), text.data,
                                         2 * sizeof(stones->key), NULL, &length, NULL) == 0 &&
                          length == sizeof(stones->key);
        if (!status && !stones->has_key)
            status = kuni_fail(err, KUNI_IO,
                               "%s is damaged: without it nobody who withdrew can be recognised: "
                               "put it back from a backup",
                               path);
    }
    if (text.data) sodium_memzero(text.data, text.length);
    kuni_buffer_fini(&text);
    free(path);
    return status;
}

/* A line is kept as digest NUL mode TAB date, so that the digest alone is its name. */
static kuni_status append(kuni_tombstones *stones, const char *digest, const char *mode,
                          const char *date, kuni_error *err)
{
    kuni_buffer line = KUNI_BUFFER_INIT;
    kuni_status status =
        kuni_grow((void **)&stones->lines, &stones->capacity, stones->n + 1, sizeof(char *), err);
    if (!status) status = kuni_buffer_append(&line, digest, strlen(digest) + 1, err);
    if (!status) status = kuni_buffer_printf(&line, err, "%s\t%s", mode, date);
    if (status)
        kuni_buffer_fini(&line);
    else
        stones->lines[stones->n++] = line.data;
    return status;
}

static kuni_status index_lines(kuni_tombstones *stones, kuni_error *err)
{
    kuni_names_fini(&stones->by_digest);
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < stones->n && !status; i++)
        status = kuni_names_add(&stones->by_digest, stones->lines[i], (uint32_t)i, err);
    return status;
}

static kuni_status read_list(kuni_tombstones *stones, const char *path, kuni_error *err)
{
    kuni_lines lines;
    kuni_status status = kuni_lines_open(&lines, path, err);
    if (status) return status;
    bool ended = false;
    char *line;
    while (!(status = kuni_lines_next(&lines, &line, err)) && line) {
        char *fields[KUNI_LINE_FIELDS_MAX];
        bool fine = !ended;
        if (lines.number == 1) {
            fine = strcmp(line, first_line) == 0;
        } else if (strcmp(line, "#end") == 0) {
            ended = true;
        } else {
            fine = fine && strspn(line, "0123456789abcdef") == DIGEST_HEX_BYTES - 1 &&
                   kuni_line_split(line, '\t', fields) == 3;
            if (fine) status = append(stones, fields[0], fields[1], fields[2], err);
        }
        if (!fine)
            status = kuni_fail(err, KUNI_IO, "%s:%lld: damaged: put the file back from a backup",
                               path, (long long)lines.number);
        if (status) break;
    }
    kuni_lines_close(&lines);
    if (!status && !ended)
        status = kuni_fail(err, KUNI_IO, "%s is cut off: put it back from a backup", path);
    return status ? status : index_lines(stones, err);
}

kuni_status kuni_tombstones_read(kuni_tombstones *stones, const char *folder, kuni_error *err)
{
    *stones = (kuni_tombstones){.folder = NULL};
    if (!folder) return KUNI_OK;
    if (sodium_init() < 0) return kuni_fail(err, KUNI_BUG, "libsodium cannot be set up");
    stones->folder = kuni_strdup(folder, err);
    char *path = stones->folder ? kuni_path_join(folder, list_name, err) : NULL;
    kuni_status status = path ? read_key(stones, err) : KUNI_MEMORY;
    bool there = !status && (access(path, F_OK) == 0 || errno != ENOENT);
    if (there) status = read_list(stones, path, err);
    if (!status && stones->n && !stones->has_key)
        status = kuni_fail(err, KUNI_IO,
                           "%s/%s is gone: without it nobody who withdrew can be recognised: put "
                           "it back from a backup",
                           folder, key_name);
    else if (!status && !there && stones->has_key)
        status = kuni_fail(err, KUNI_IO,
                           "%s is gone: people who withdrew would come back: put it back from a "
                           "backup",
                           path);
    free(path);
    if (status) kuni_tombstones_fini(stones);
    return status;
}

void kuni_tombstones_fini(kuni_tombstones *stones)
{
    for (size_t i = 0; i < stones->n; i++) free(stones->lines[i]);
    free(stones->lines);
    free(stones->folder);
    kuni_names_fini(&stones->by_digest);
    sodium_memzero(stones->key, sizeof(stones->key));
    *stones = (kuni_tombstones){.folder = NULL};
}

static int64_t find(const kuni_tombstones *stones, const char *kind, const char *id)
{
    char hex[DIGEST_HEX_BYTES];
    if (!stones->n || !id) return -1;
    digest_of(stones, kind, id, hex);
    return kuni_names_find(&stones->by_digest, hex);
}

bool kuni_tombstones_cover(const kuni_tombstones *stones, const char *sample,
                           const char *participant)
{
    return find(stones, "sample", sample) >= 0 || find(stones, "participant", participant) >= 0;
}

const char *kuni_tombstones_mode(const kuni_tombstones *stones, const char *kind, const char *id,
                                 char room[16])
{
    int64_t at = find(stones, kind, id);
    if (at < 0) return NULL;
    const char *mode = stones->lines[at] + strlen(stones->lines[at]) + 1;
    (void)snprintf(room, 16, "%.*s", (int)strcspn(mode, "\t"), mode);
    return room;
}

/* --- changing --- */

kuni_status kuni_tombstones_add(kuni_tombstones *stones, const char *kind, const char *id,
                                const char *mode, const char *date, kuni_error *err)
{
    char hex[DIGEST_HEX_BYTES];
    if (!stones->has_key) {
        randombytes_buf(stones->key, sizeof(stones->key));
        stones->has_key = true;
    }
    char room[16];
    const char *before = kuni_tombstones_mode(stones, kind, id, room);
    if (before && (strcmp(before, mode) == 0 || strcmp(before, "erase") == 0)) return KUNI_OK;
    if (before) (void)kuni_tombstones_remove(stones, kind, id);
    digest_of(stones, kind, id, hex);
    kuni_status status = append(stones, hex, mode, date, err);
    if (status) return status;
    return kuni_names_add(&stones->by_digest, stones->lines[stones->n - 1],
                          (uint32_t)(stones->n - 1), err);
}

bool kuni_tombstones_remove(kuni_tombstones *stones, const char *kind, const char *id)
{
    int64_t at = find(stones, kind, id);
    if (at < 0) return false;
    kuni_names_fini(&stones->by_digest);
    free(stones->lines[at]);
    memmove(&stones->lines[at], &stones->lines[at + 1],
            (stones->n - (size_t)at - 1) * sizeof(char *));
    stones->n--;
    kuni_error ignored = KUNI_ERROR_INIT;
    return index_lines(stones, &ignored) == KUNI_OK;
}

/* Readable by its owner alone, from its first byte on. */
static kuni_status write_key(const kuni_tombstones *stones, const char *path, kuni_error *err)
{
    char hex[2 * KUNI_TOMBSTONE_KEY_BYTES + 2];
    (void)sodium_bin2hex(hex, sizeof(hex), stones->key, sizeof(stones->key));
    mode_t before = umask(0177);
    kuni_status status = kuni_file_put(path, hex, strlen(hex), err);
    (void)umask(before);
    sodium_memzero(hex, sizeof(hex));
    return status;
}

static kuni_status write_list(const kuni_tombstones *stones, size_t n, const char *path,
                              kuni_error *err)
{
    kuni_file *file = NULL;
    kuni_status status = kuni_file_create(&file, path, err);
    if (status) return status;
    status = kuni_file_printf(file, err, "%s\n", first_line);
    for (size_t i = 0; i < n && !status; i++)
        status = kuni_file_printf(file, err, "%s\t%s\n", stones->lines[i],
                                  stones->lines[i] + strlen(stones->lines[i]) + 1);
    if (!status) status = kuni_file_printf(file, err, "#end\n");
    if (!status) return kuni_file_commit(file, err);
    kuni_file_discard(file);
    return status;
}

kuni_status kuni_tombstones_write(kuni_tombstones *stones, kuni_error *err)
{
    if (!stones->has_key) return KUNI_OK;
    char *list = kuni_path_join(stones->folder, list_name, err);
    char *key = kuni_path_join(stones->folder, key_name, err);
    kuni_status status = list && key ? KUNI_OK : KUNI_MEMORY;
    if (!status && access(key, F_OK) != 0) {
        /* An empty list first: a crash on the way leaves no key without a list, nor stones without
         * their key. */
        status = write_list(stones, 0, list, err);
        if (!status) status = write_key(stones, key, err);
    }
    if (!status) status = write_list(stones, stones->n, list, err);
    free(list);
    free(key);
    return status;
}
