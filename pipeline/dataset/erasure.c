/* SPDX-License-Identifier: MIT */
#include "erasure.h"

#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kuni/file.h"
#include "kuni/lines.h"
#include "scan.h"

static const char file_name[] = "erasing.tsv", outdated_name[] = "outdated";
static const char first_line[] = "#kuni erasing 1";

/* --- in memory --- */

kuni_status kuni_erasure_init(kuni_erasure *erasure, kuni_error *err)
{
    unsigned char bytes[(KUNI_ERASURE_TOKEN_BYTES - 1) / 2];
    *erasure = (kuni_erasure){.by = NULL};
    if (sodium_init() < 0) return kuni_fail(err, KUNI_BUG, "libsodium cannot be set up");
    randombytes_buf(bytes, sizeof(bytes));
    (void)sodium_bin2hex(erasure->token, sizeof(erasure->token), bytes, sizeof(bytes));
    erasure->arena = kuni_arena_new(err);
    return erasure->arena ? KUNI_OK : KUNI_MEMORY;
}

void kuni_erasure_fini(kuni_erasure *erasure)
{
    free(erasure->samples);
    free(erasure->participants);
    free(erasure->words);
    kuni_arena_free(erasure->arena);
    *erasure = (kuni_erasure){.by = NULL};
}

kuni_status kuni_erasure_say(kuni_erasure *erasure, const char **place, const char *text,
                             kuni_error *err)
{
    *place = text ? kuni_arena_strndup(erasure->arena, text, strlen(text), err) : NULL;
    return text && !*place ? KUNI_MEMORY : KUNI_OK;
}

kuni_status kuni_erasure_add_sample(kuni_erasure *erasure, const char *id, const char *batch,
                                    int64_t place, kuni_error *err)
{
    kuni_erased_sample one = {.place = place};
    kuni_status status = kuni_grow((void **)&erasure->samples, &erasure->samples_capacity,
                                   erasure->n_samples + 1, sizeof(one), err);
    if (!status) status = kuni_erasure_say(erasure, &one.id, id, err);
    if (!status) status = kuni_erasure_say(erasure, &one.batch, batch, err);
    if (!status) erasure->samples[erasure->n_samples++] = one;
    return status;
}

static kuni_status add_text(kuni_erasure *erasure, const char ***list, size_t *n, size_t *capacity,
                            const char *text, kuni_error *err)
{
    kuni_status status = kuni_grow((void **)list, capacity, *n + 1, sizeof(char *), err);
    if (!status) status = kuni_erasure_say(erasure, &(*list)[*n], text, err);
    if (!status) ++*n;
    return status;
}

kuni_status kuni_erasure_add_participant(kuni_erasure *e, const char *id, kuni_error *err)
{
    return add_text(e, &e->participants, &e->n_participants, &e->participants_capacity, id, err);
}

kuni_status kuni_erasure_add_word(kuni_erasure *e, const char *id, kuni_error *err)
{
    return add_text(e, &e->words, &e->n_words, &e->words_capacity, id, err);
}

kuni_status kuni_erasure_words(const kuni_erasure *erasure, kuni_words *words, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < erasure->n_samples && !status; i++)
        status = kuni_words_add(words, erasure->samples[i].id, err);
    for (size_t i = 0; i < erasure->n_participants && !status; i++)
        status = kuni_words_add(words, erasure->participants[i], err);
    for (size_t i = 0; i < erasure->n_words && !status; i++)
        status = kuni_words_add(words, erasure->words[i], err);
    return status;
}

/* --- on disk --- */

bool kuni_erasure_stands(const char *folder)
{
    char *path = kuni_path_join(folder, file_name, NULL);
    bool stands = path && (access(path, F_OK) == 0 || errno != ENOENT);
    free(path);
    return stands;
}

kuni_status kuni_erasure_check(const char *folder, kuni_error *err)
{
    if (!kuni_erasure_stands(folder)) return KUNI_OK;
    return kuni_fail(err, KUNI_USAGE,
                     "%s: an erasure was begun and not finished: `kuni withdraw --mode erase --yes "
                     "WORKFLOW.yaml` goes on with it; nothing was changed",
                     folder);
}

static bool take_text(kuni_erasure *e, const char *name, const char *text, kuni_status *status,
                      kuni_error *err)
{
    if (strcmp(name, "participant") == 0)
        *status = kuni_erasure_add_participant(e, text, err);
    else if (strcmp(name, "word") == 0)
        *status = kuni_erasure_add_word(e, text, err);
    else if (strcmp(name, "by") == 0)
        *status = kuni_erasure_say(e, &e->by, text, err);
    else if (strcmp(name, "reason") == 0)
        *status = kuni_erasure_say(e, &e->reason, text, err);
    else
        return false;
    return true;
}

/* False where the line is of no form that is known. */
static bool take_line(kuni_erasure *e, char *line, kuni_status *status, kuni_error *err)
{
    char *fields[KUNI_LINE_FIELDS_MAX];
    size_t n = kuni_line_split(line, '\t', fields);
    int64_t place;
    if (n == 4 && strcmp(fields[0], "sample") == 0) {
        if (!kuni_text_int(fields[3], 0, UINT32_MAX, &place)) return false;
        *status = kuni_erasure_add_sample(e, fields[1], fields[2], place, err);
        return true;
    }
    if (n != 2) return false;
    if (strcmp(fields[0], "token") == 0) {
        if (strlen(fields[1]) != sizeof(e->token) - 1 ||
            strspn(fields[1], "0123456789abcdef") != sizeof(e->token) - 1)
            return false;
        memcpy(e->token, fields[1], sizeof(e->token));
        return true;
    }
    return take_text(e, fields[0], fields[1], status, err);
}

kuni_status kuni_erasure_read(kuni_erasure *erasure, const char *folder, kuni_error *err)
{
    kuni_lines lines = {.path = NULL};
    kuni_status status = kuni_erasure_init(erasure, err);
    char *path = status ? NULL : kuni_path_join(folder, file_name, err);
    if (!path) return status ? status : KUNI_MEMORY;
    status = kuni_lines_open(&lines, path, err);
    bool fine = true, ended = false;
    for (char *line; !status && fine && !(status = kuni_lines_next(&lines, &line, err)) && line;) {
        if (lines.number == 1)
            fine = strcmp(line, first_line) == 0;
        else if (strcmp(line, "#end") == 0)
            ended = true;
        else
            fine = !ended && take_line(erasure, line, &status, err);
    }
    if (!status && !(fine && ended))
        status = kuni_fail(err, KUNI_IO, "%s:%" PRId64 ": damaged: put it back from a backup", path,
                           lines.number);
    kuni_lines_close(&lines);
    free(path);
    return status;
}

static kuni_status print(const kuni_erasure *e, kuni_buffer *out, kuni_error *err)
{
    kuni_status status = kuni_buffer_printf(out, err, "%s\ntoken\t%s\n", first_line, e->token);
    if (!status && e->by) status = kuni_buffer_printf(out, err, "by\t%s\n", e->by);
    if (!status && e->reason) status = kuni_buffer_printf(out, err, "reason\t%s\n", e->reason);
    for (size_t i = 0; i < e->n_samples && !status; i++)
        status = kuni_buffer_printf(out, err, "sample\t%s\t%s\t%" PRId64 "\n", e->samples[i].id,
                                    e->samples[i].batch, e->samples[i].place);
    for (size_t i = 0; i < e->n_participants && !status; i++)
        status = kuni_buffer_printf(out, err, "participant\t%s\n", e->participants[i]);
    for (size_t i = 0; i < e->n_words && !status; i++)
        status = kuni_buffer_printf(out, err, "word\t%s\n", e->words[i]);
    return status ? status : kuni_buffer_printf(out, err, "#end\n");
}

kuni_status kuni_erasure_write(const kuni_erasure *erasure, const char *folder, kuni_error *err)
{
    kuni_buffer text = KUNI_BUFFER_INIT;
    kuni_status status = print(erasure, &text, err);
    char *path = kuni_path_join(folder, file_name, err);
    mode_t before = umask(0177); /* for its owner alone, from its first byte on */
    if (!status) status = path ? kuni_file_put(path, text.data, text.length, err) : KUNI_MEMORY;
    (void)umask(before);
    kuni_buffer_fini(&text);
    free(path);
    return status;
}

static kuni_status take_away(const char *folder, const char *name, kuni_error *err)
{
    char *path = kuni_path_join(folder, name, err);
    if (!path) return KUNI_MEMORY;
    kuni_status status = KUNI_OK;
    if (unlink(path) != 0 && errno != ENOENT)
        status = kuni_fail_errno(err, "cannot remove %s", path);
    free(path);
    return status;
}

kuni_status kuni_erasure_remove(const char *folder, kuni_error *err)
{
    return take_away(folder, file_name, err);
}

/* --- generations that still hold them --- */

kuni_status kuni_outdated_read(const char *folder, int64_t *generation, kuni_error *err)
{
    kuni_buffer text = KUNI_BUFFER_INIT;
    uint64_t number = 0;
    *generation = 0;
    char *path = kuni_path_join(folder, outdated_name, err);
    if (!path) return KUNI_MEMORY;
    kuni_status status = KUNI_OK;
    if (access(path, F_OK) == 0 || errno != ENOENT) {
        status = kuni_file_get(path, 64, &text, err);
        if (!status && (!text.data || !kuni_scan(text.data, "#\n", &number) || number > INT64_MAX))
            status = kuni_fail(err, KUNI_IO,
                               "%s is damaged: write into it the number of the generation that "
                               "current names, or put it back from a backup",
                               path);
        *generation = status ? 0 : (int64_t)number;
    }
    kuni_buffer_fini(&text);
    free(path);
    return status;
}

kuni_status kuni_outdated_write(const char *folder, int64_t generation, kuni_error *err)
{
    char text[32];
    if (generation == 0) return take_away(folder, outdated_name, err);
    char *path = kuni_path_join(folder, outdated_name, err);
    int length = snprintf(text, sizeof(text), "%" PRId64 "\n", generation);
    kuni_status status = path ? kuni_file_put(path, text, (size_t)length, err) : KUNI_MEMORY;
    free(path);
    return status;
}
