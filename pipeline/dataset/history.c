/* SPDX-License-Identifier: MIT */
#include "history.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "kuni/file.h"

static const char file_name[] = "history.jsonl";

const char kuni_history_erased[] = "(erased)";

static const char first_digest[] =
    "0000000000000000000000000000000000000000000000000000000000000000";

typedef struct walk {
    char digest[KUNI_DIGEST_HEX_BYTES]; /* of the last whole line */
    size_t entries;
    int64_t whole_bytes; /* up to the end of the last whole line */
} walk;

static kuni_status digest_line(const char *line, size_t length, char hex[KUNI_DIGEST_HEX_BYTES],
                               kuni_error *err)
{
    kuni_digest *digest = kuni_digest_new(err);
    if (!digest) return KUNI_MEMORY;
    kuni_digest_add(digest, line, length);
    kuni_digest_finish(digest, hex);
    return KUNI_OK;
}

static kuni_status take_line(walk *w, const char *path, const char *line, size_t length,
                             kuni_history_visitor *visit, void *context, kuni_error *err)
{
    json_t *entry = json_loadb(line, length, 0, NULL);
    const char *before = json_string_value(json_object_get(entry, "before"));
    kuni_status status = KUNI_OK;
    if (!before || strcmp(before, w->digest) != 0)
        status = kuni_fail(err, KUNI_IO,
                           "%s:%zu: the history does not follow from the lines before: it was "
                           "changed or damaged: put it back from a backup",
                           path, w->entries + 1);
    if (!status && visit) status = visit(context, entry, err);
    if (!status) status = digest_line(line, length, w->digest, err);
    json_decref(entry);
    w->entries++;
    return status;
}

/* From where the file stands, which is its begin. */
static kuni_status walk_lines(walk *w, FILE *file, const char *path, kuni_history_visitor *visit,
                              void *context, kuni_error *err)
{
    *w = (walk){.entries = 0};
    memcpy(w->digest, first_digest, sizeof(first_digest));
    char *line = NULL;
    size_t capacity = 0;
    ssize_t got;
    kuni_status status = KUNI_OK;
    while (!status && (got = getline(&line, &capacity, file)) > 0 && line[got - 1] == '\n') {
        status = take_line(w, path, line, (size_t)got - 1, visit, context, err);
        w->whole_bytes += got;
    }
    if (!status && ferror(file)) status = kuni_fail_errno(err, "cannot read %s", path);
    free(line);
    return status;
}

static kuni_status walk_file(walk *w, const char *path, kuni_history_visitor *visit, void *context,
                             kuni_error *err)
{
    *w = (walk){.entries = 0};
    FILE *file = fopen(path, "re");
    if (!file) return errno == ENOENT ? KUNI_OK : kuni_fail_errno(err, "cannot open %s", path);
    kuni_status status = walk_lines(w, file, path, visit, context, err);
    (void)fclose(file);
    return status;
}

kuni_status kuni_history_read(const char *folder, kuni_history_visitor *visit, void *context,
                              size_t *entries, kuni_error *err)
{
    walk w;
    char *path = kuni_path_join(folder, file_name, err);
    kuni_status status = path ? walk_file(&w, path, visit, context, err) : KUNI_MEMORY;
    *entries = status ? 0 : w.entries;
    free(path);
    return status;
}

/*
 * Opens the file for an entry. What holds the dataset's lock and what does not (an export) may come at
 * once, so the file has a lock of its own, which goes with the descriptor: none other of it may be
 * closed before.
 */
static kuni_status open_locked(FILE **file, const char *path, kuni_error *err)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    struct stat ours, there;
    int got, fd;
    for (;;) {
        fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0640);
        if (fd < 0) return kuni_fail_errno(err, "cannot open %s", path);
        while ((got = fcntl(fd, F_SETLKW, &whole)) != 0 && errno == EINTR) continue;
        if (got != 0 || fstat(fd, &ours) != 0 || stat(path, &there) != 0 ||
            (ours.st_dev == there.st_dev && ours.st_ino == there.st_ino))
            break;
        (void)close(fd); /* it was written anew meanwhile: see kuni_history_forget */
    }
    *file = got == 0 ? fdopen(fd, "r+e") : NULL;
    if (*file) return KUNI_OK;
    kuni_status status = kuni_fail_errno(err, "cannot lock %s", path);
    (void)close(fd);
    return status;
}

static kuni_status append(FILE *file, const char *path, int64_t at, const kuni_buffer *line,
                          kuni_error *err)
{
    int fd = fileno(file);
    return ftruncate(fd, at) != 0 ||
                   pwrite(fd, line->data, line->length, at) != (ssize_t)line->length ||
                   fsync(fd) != 0
               ? kuni_fail_errno(err, "cannot write %s", path)
               : KUNI_OK;
}

kuni_status kuni_history_add(const char *folder, const char *what, const char *by, json_t *entry,
                             kuni_error *err)
{
    walk w;
    char when[32];
    time_t now = time(NULL);
    struct tm parts;
    kuni_buffer line = KUNI_BUFFER_INIT;
    FILE *file = NULL;
    const struct passwd *user = by ? NULL : getpwuid(getuid());
    char *path = kuni_path_join(folder, file_name, err);
    kuni_status status = path ? (entry ? KUNI_OK : kuni_fail_memory(err, 1, 1)) : KUNI_MEMORY;
    if (!status) status = open_locked(&file, path, err);
    if (!status) status = walk_lines(&w, file, path, NULL, NULL, err);
    if (!gmtime_r(&now, &parts) || !strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &parts))
        when[0] = '\0';
    char *text = NULL;
    if (!status) {
        json_object_set_new(entry, "at", json_string(when));
        json_object_set_new(entry, "by", json_string(by ? by : user ? user->pw_name : "?"));
        json_object_set_new(entry, "what", json_string(what));
        json_object_set_new(entry, "before", json_string(w.digest));
        text = json_dumps(entry, JSON_COMPACT | JSON_SORT_KEYS);
        status = text ? kuni_buffer_printf(&line, err, "%s\n", text) : kuni_fail_memory(err, 1, 1);
    }
    if (!status) status = append(file, path, w.whole_bytes, &line, err);
    if (file) (void)fclose(file); /* written and flushed by its descriptor */
    json_decref(entry);
    kuni_buffer_fini(&line);
    free(text);
    free(path);
    return status;
}

/* --- forgetting --- */

typedef struct forgetting {
    kuni_history_names *names;
    void *context;
    kuni_buffer out;
    char digest[KUNI_DIGEST_HEX_BYTES]; /* of the last line of `out` */
    size_t changed;
} forgetting;

static kuni_status put_entry(void *context, const json_t *entry, kuni_error *err)
{
    forgetting *f = context;
    json_t *copy = json_deep_copy(entry), *value;
    const char *name;
    bool named = false;
    json_object_foreach(copy, name, value)
    {
        const char *text = json_string_value(value);
        if (!text || !f->names(f->context, text)) continue;
        named = true;
        (void)json_string_set(value, kuni_history_erased);
    }
    f->changed += named;
    if (f->changed) (void)json_object_set_new(copy, "before", json_string(f->digest));
    char *line = copy ? json_dumps(copy, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    kuni_status status =
        line ? kuni_buffer_printf(&f->out, err, "%s\n", line) : kuni_fail_memory(err, 1, 1);
    if (!status) status = digest_line(line, strlen(line), f->digest, err);
    free(line);
    json_decref(copy);
    return status;
}

kuni_status kuni_history_forget(const char *folder, kuni_history_names *names, void *context,
                                size_t *changed, kuni_error *err)
{
    forgetting f = {.names = names, .context = context};
    walk w;
    FILE *file = NULL;
    memcpy(f.digest, first_digest, sizeof(first_digest));
    char *path = kuni_path_join(folder, file_name, err);
    kuni_status status = path ? open_locked(&file, path, err) : KUNI_MEMORY;
    if (!status) status = walk_lines(&w, file, path, put_entry, &f, err);
    if (!status && f.changed) status = kuni_file_put(path, f.out.data, f.out.length, err);
    if (file) (void)fclose(file); /* nothing was written by it */
    *changed = status ? 0 : f.changed;
    free(path);
    kuni_buffer_fini(&f.out);
    return status;
}
