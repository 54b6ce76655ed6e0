/* SPDX-License-Identifier: MIT */
#include "mark.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal.h"
#include "kuni/file.h"
#include "kuni/version.h"

static const char mark_name[] = "kuni-dataset.json";

enum { MARK_BYTES_MAX = 1 << 16, ID_BYTES = 16 };

/* What a folder is to us. */
typedef enum folder_kind { ABSENT, EMPTY, MARKED, UNMARKED, FOREIGN } folder_kind;

static bool is_file(const char *folder, const char *name)
{
    struct stat info;
    char *path = kuni_path_join(folder, name, NULL);
    bool found = path && lstat(path, &info) == 0 && S_ISREG(info.st_mode);
    free(path);
    return found;
}

static kuni_status stop_at_first(void *context, json_t *record, int64_t offset, kuni_error *err)
{
    (void)record;
    (void)offset;
    (void)err;
    *(bool *)context = true;
    return KUNI_AGAIN;
}

/* A dataset from before the mark: it has batches and a journal with a whole record. */
static bool has_journal(const char *folder)
{
    if (!is_file(folder, "journal") || !is_file(folder, "batches.tsv")) return false;
    int64_t damaged, whole;
    bool found = false;
    kuni_error ignored = KUNI_ERROR_INIT;
    char *path = kuni_path_join(folder, "journal", NULL);
    bool read = path && kuni_journal_scan(path, stop_at_first, &found, &damaged, &whole,
                                          &ignored) == KUNI_AGAIN;
    free(path);
    return read && found;
}

/* Names that a run which was killed in its first moments may have left. */
static bool is_first_moment(const char *folder, const char *name)
{
    if (strncmp(name, mark_name, strlen(mark_name)) == 0) return true; /* also ".tmp.PID.SERIAL" */
    if (strcmp(name, "lock") != 0 || !is_file(folder, name)) return false;
    kuni_buffer text = KUNI_BUFFER_INIT;
    kuni_error ignored = KUNI_ERROR_INIT;
    char *path = kuni_path_join(folder, name, NULL);
    bool ours = path && kuni_file_get(path, MARK_BYTES_MAX, &text, &ignored) == KUNI_OK &&
                (text.length == 0 || strncmp(text.data, "epoch ", 6) == 0);
    kuni_buffer_fini(&text);
    free(path);
    return ours;
}

/* `stranger` gets the first name that is not ours. `held`: the lock file is this run's own. */
static kuni_status look(const char *folder, bool held, folder_kind *kind, char stranger[256],
                        kuni_error *err)
{
    stranger[0] = '\0';
    DIR *dir = opendir(folder);
    if (!dir && errno == ENOENT) {
        *kind = ABSENT;
        return KUNI_OK;
    }
    if (!dir) return kuni_fail_errno(err, "cannot read the dataset folder %s", folder);
    *kind = EMPTY;
    for (struct dirent *entry; (entry = readdir(dir));) {
        const char *name = entry->d_name;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) continue;
        /* opening the lock that this process holds would drop it */
        bool ours = held && strcmp(name, "lock") == 0;
        if (ours || is_first_moment(folder, name)) continue;
        *kind = FOREIGN;
        if (!stranger[0]) (void)snprintf(stranger, 256, "%s", name);
    }
    closedir(dir);
    if (is_file(folder, mark_name))
        *kind = MARKED;
    else if (*kind == FOREIGN && has_journal(folder))
        *kind = UNMARKED;
    return KUNI_OK;
}

static kuni_status check_format(const char *folder, kuni_error *err)
{
    kuni_buffer text = KUNI_BUFFER_INIT;
    char *path = kuni_path_join(folder, mark_name, err);
    kuni_status status = path ? kuni_file_get(path, MARK_BYTES_MAX, &text, err) : KUNI_MEMORY;
    json_t *mark = status ? NULL : json_loadb(text.data, text.length, 0, NULL);
    int64_t format = json_integer_value(json_object_get(mark, "format"));
    if (!status && format < 1)
        status = kuni_fail(err, KUNI_IO,
                           "%s is damaged: it should tell the dataset's format and identity: put "
                           "it back from a backup, or write {\"format\": %d, \"id\": \"restored\"}",
                           path, KUNI_DATASET_FORMAT);
    else if (!status && format > KUNI_DATASET_FORMAT)
        status = kuni_fail(err, KUNI_USAGE,
                           "%s is a dataset of format %lld (made by kuni %s); this is kuni %s, "
                           "which knows format %d: use the younger program",
                           folder, (long long)format,
                           json_is_string(json_object_get(mark, "kuni"))
                               ? json_string_value(json_object_get(mark, "kuni"))
                               : "?",
                           KUNI_VERSION, KUNI_DATASET_FORMAT);
    json_decref(mark);
    kuni_buffer_fini(&text);
    free(path);
    return status;
}

static kuni_status judge(const char *folder, bool held, folder_kind *kind, kuni_error *err)
{
    char stranger[256];
    kuni_status status = look(folder, held, kind, stranger, err);
    if (!status && *kind == MARKED) status = check_format(folder, err);
    if (!status && *kind == FOREIGN)
        status = kuni_fail(err, KUNI_USAGE,
                           "dataset: %s is not a dataset that kuni made: it holds '%s': name an "
                           "empty folder or one that is not there yet%s",
                           folder, stranger,
                           is_file(folder, "journal") && is_file(folder, "register.tsv")
                               ? "; if it is one whose kuni-dataset.json was lost, put that back "
                                 "from a backup"
                               : "");
    return status;
}

kuni_status kuni_mark_check(const char *folder, kuni_error *err)
{
    folder_kind kind;
    return judge(folder, false, &kind, err);
}

static kuni_status write_mark(const char *folder, kuni_error *err)
{
    unsigned char id[ID_BYTES];
    char hex[2 * ID_BYTES + 1], text[256];
    if (sodium_init() < 0) return kuni_fail(err, KUNI_BUG, "libsodium cannot be set up");
    randombytes_buf(id, sizeof(id));
    sodium_bin2hex(hex, sizeof(hex), id, sizeof(id));
    int length =
        snprintf(text, sizeof(text), "{\"format\": %d, \"id\": \"%s\", \"kuni\": \"%s\"}\n",
                 KUNI_DATASET_FORMAT, hex, KUNI_VERSION);
    char *path = kuni_path_join(folder, mark_name, err);
    kuni_status status = path ? kuni_file_put(path, text, (size_t)length, err) : KUNI_MEMORY;
    free(path);
    return status;
}

kuni_status kuni_mark_claim(const char *folder, bool *fresh, kuni_error *err)
{
    folder_kind kind;
    kuni_status status = judge(folder, true, &kind, err);
    *fresh = !status && kind == EMPTY;
    return status || kind == MARKED ? status : write_mark(folder, err);
}
