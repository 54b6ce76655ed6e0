/* SPDX-License-Identifier: MIT */
#include "words.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kuni/lines.h"

enum { STARTS = 1 << 16, BLOCK_BYTES = 1 << 20 };

kuni_status kuni_words_init(kuni_words *words, kuni_error *err)
{
    *words = (kuni_words){.n = 0};
    words->starts = kuni_alloc(STARTS, 1, err);
    return words->starts ? KUNI_OK : KUNI_MEMORY;
}

void kuni_words_fini(kuni_words *words)
{
    kuni_names_fini(&words->wanted);
    kuni_names_fini(&words->others);
    free(words->ids);
    free(words->starts);
    *words = (kuni_words){.n = 0};
}

static bool is_word(unsigned char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || byte == '_';
}

/* What may stand in an id: see kuni_id_fault. */
static bool is_of_id(unsigned char byte)
{
    return byte > ' ' && byte != 127 && !strchr("/\\,;\"'`<>", byte);
}

kuni_status kuni_words_add(kuni_words *words, const char *id, kuni_error *err)
{
    size_t length = strlen(id), i = 0;
    if (!length || length >= KUNI_WORD_BYTES_MAX) return KUNI_OK;
    if (kuni_names_find(&words->wanted, id) >= 0) return KUNI_OK;
    const unsigned char *bytes = (const unsigned char *)id;
    if (length > 1) words->starts[bytes[0] << 8 | bytes[1]] = 1;
    for (size_t second = 0; length == 1 && second < 256; second++)
        words->starts[(size_t)bytes[0] << 8 | second] = 1;
    while (i < words->n_lengths && words->lengths[i] != length) i++;
    if (i == words->n_lengths) words->lengths[words->n_lengths++] = length;
    kuni_status status =
        kuni_grow((void **)&words->ids, &words->capacity, words->n + 1, sizeof(char *), err);
    if (status) return status;
    words->ids[words->n] = id;
    return kuni_names_add(&words->wanted, id, (uint32_t)words->n++, err);
}

kuni_status kuni_words_add_other(kuni_words *words, const char *id, kuni_error *err)
{
    return kuni_names_add(&words->others, id, 0, err);
}

/* The text in a table, if it is there. */
static bool has(const kuni_names *names, const char *from, size_t length)
{
    char text[KUNI_WORD_BYTES_MAX];
    if (length >= sizeof(text)) return false;
    memcpy(text, from, length);
    text[length] = '\0';
    return strlen(text) == length && kuni_names_find(names, text) >= 0;
}

/* Whether bytes [beg, end) lie in a longer id of somebody who stays. */
static bool is_part_of_other(const kuni_words *words, const char *bytes, size_t length, size_t beg,
                             size_t end)
{
    size_t left = beg, right = end;
    if (!words->others.table) return false;
    while (left > 0 && beg - left < KUNI_WORD_BYTES_MAX && is_of_id((unsigned char)bytes[left - 1]))
        left--;
    while (right < length && right - end < KUNI_WORD_BYTES_MAX &&
           is_of_id((unsigned char)bytes[right]))
        right++;
    for (size_t from = left; from <= beg; from++) {
        if (from > left && is_word((unsigned char)bytes[from - 1]) &&
            is_word((unsigned char)bytes[from]))
            continue;
        for (size_t to = right; to >= end; to--) {
            if (to < right && is_word((unsigned char)bytes[to]) &&
                is_word((unsigned char)bytes[to - 1]))
                continue;
            if (to - from > end - beg && has(&words->others, bytes + from, to - from)) return true;
        }
    }
    return false;
}

const char *kuni_words_find(const kuni_words *words, const char *bytes, size_t length, size_t least,
                            size_t *at)
{
    for (size_t i = *at; i < length; i++) {
        unsigned char first = (unsigned char)bytes[i];
        unsigned char second = i + 1 < length ? (unsigned char)bytes[i + 1] : 0;
        if (!words->starts[first << 8 | second] || (i > 0 && is_word((unsigned char)bytes[i - 1])))
            continue;
        for (size_t k = 0; k < words->n_lengths; k++) {
            size_t n = words->lengths[k];
            if (n < least || i + n > length) continue;
            if (i + n < length && is_word((unsigned char)bytes[i + n])) continue;
            char text[KUNI_WORD_BYTES_MAX];
            memcpy(text, bytes + i, n);
            text[n] = '\0';
            int64_t number = kuni_names_find(&words->wanted, text);
            if (strlen(text) != n || number < 0) continue;
            if (is_part_of_other(words, bytes, length, i, i + n)) continue;
            *at = i;
            return words->ids[number];
        }
    }
    return NULL;
}

bool kuni_words_in(const kuni_words *words, const char *text)
{
    size_t at = 0;
    return kuni_words_find(words, text, strlen(text), 0, &at) != NULL;
}

kuni_status kuni_words_in_file(const kuni_words *words, const char *path, bool *found,
                               kuni_error *err)
{
    *found = false;
    FILE *file = fopen(path, "re");
    if (!file) return errno == ENOENT ? KUNI_OK : kuni_fail_errno(err, "cannot open %s", path);
    char *block = kuni_alloc(BLOCK_BYTES, 1, err);
    kuni_status status = block ? KUNI_OK : KUNI_MEMORY;
    size_t kept = 0;
    while (!status && !*found && !feof(file) && !ferror(file)) {
        size_t at = 0, n = kept + fread(block + kept, 1, BLOCK_BYTES - kept, file);
        *found = kuni_words_find(words, block, n, 0, &at) != NULL;
        kept = n < KUNI_WORD_BYTES_MAX ? n : KUNI_WORD_BYTES_MAX;
        memmove(block, block + n - kept, kept);
    }
    if (!status && ferror(file)) status = kuni_fail_errno(err, "cannot read %s", path);
    (void)fclose(file);
    free(block);
    return status;
}

kuni_status kuni_ids_read(const char *path, kuni_arena *arena, const char ***ids, size_t *n,
                          size_t *capacity, kuni_error *err)
{
    kuni_lines lines;
    kuni_status status = kuni_lines_open(&lines, path, err);
    if (status) return status;
    for (char *line; !(status = kuni_lines_next(&lines, &line, err)) && line;) {
        char *fields[KUNI_LINE_FIELDS_MAX];
        size_t count = kuni_line_split(line, '\t', fields);
        if (count == 1 && (!*fields[0] || *fields[0] == '#')) continue;
        if (count != 1) {
            status = kuni_fail(err, KUNI_USAGE,
                               "%s:%lld: expected one id of a sample or participant a line",
                               lines.path, (long long)lines.number);
            break;
        }
        status = kuni_grow((void **)ids, capacity, *n + 1, sizeof(char *), err);
        if (status) break;
        (*ids)[*n] = kuni_arena_strndup(arena, fields[0], strlen(fields[0]), err);
        if (!(*ids)[(*n)++]) status = KUNI_MEMORY;
        if (status) break;
    }
    kuni_lines_close(&lines);
    return status;
}
