/* SPDX-License-Identifier: MIT */
#include "trace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

static const char name[] = "logs/tasks.jsonl.gz";

struct kuni_trace {
    char *path;
    int fd; /* a second one, to flush by */
    gzFile file;
};

kuni_status kuni_trace_open(kuni_trace **out, const char *dataset, kuni_error *err)
{
    kuni_trace *t = kuni_alloc(1, sizeof(*t), err);
    if (!t) return KUNI_MEMORY;
    t->path = kuni_path_join(dataset, name, err);
    t->fd = t->path ? open(t->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666) : -1;
    int twin = t->fd >= 0 ? fcntl(t->fd, F_DUPFD_CLOEXEC, 0) : -1;
    t->file = twin >= 0 ? gzdopen(twin, "ab6") : NULL;
    if (t->file) {
        *out = t;
        return KUNI_OK;
    }
    kuni_status status =
        t->path ? kuni_fail_errno(err, "cannot open %s", t->path) : (kuni_status)KUNI_MEMORY;
    if (twin >= 0) (void)close(twin);
    if (t->fd >= 0) (void)close(t->fd);
    free(t->path);
    free(t);
    return status;
}

kuni_status kuni_trace_add(kuni_trace *t, const json_t *record, kuni_error *err)
{
    static const char *const kept[] = {"n",   "s",    "b",    "of",  "cpu", "wall",
                                       "rss", "host", "rank", "try", "why", "at"};
    const char *type = json_string_value(json_object_get(record, "t"));
    if (!type || strcmp(type, "task") != 0 || !json_object_get(record, "cpu")) return KUNI_OK;
    json_t *line = json_object();
    for (size_t i = 0; line && i < sizeof(kept) / sizeof(kept[0]); i++) {
        json_t *value = json_object_get(record, kept[i]);
        if (value && json_object_set(line, kept[i], value) != 0) break;
    }
    char *text = line ? json_dumps(line, JSON_COMPACT | JSON_REAL_PRECISION(6)) : NULL;
    json_decref(line);
    if (!text) return kuni_fail_memory(err, 1, 1);
    bool written = gzputs(t->file, text) >= 0 && gzputc(t->file, '\n') >= 0;
    free(text);
    return written ? KUNI_OK : kuni_fail_errno(err, "cannot write %s", t->path);
}

kuni_status kuni_trace_close(kuni_trace *t, kuni_error *err)
{
    if (!t) return KUNI_OK;
    kuni_status status = KUNI_OK;
    if (gzclose(t->file) != Z_OK || fsync(t->fd) != 0)
        status = kuni_fail_errno(err, "cannot write %s", t->path);
    (void)close(t->fd);
    free(t->path);
    free(t);
    return status;
}

kuni_status kuni_trace_read(const char *dataset, kuni_journal_visitor *visit, void *context,
                            kuni_error *err)
{
    enum { LINE_BYTES = 1 << 16 };
    char *path = kuni_path_join(dataset, name, err), *line = kuni_alloc(LINE_BYTES, 1, err);
    kuni_status status = path && line ? KUNI_OK : KUNI_MEMORY;
    gzFile file = status ? NULL : gzopen(path, "rbe");
    if (!status && !file && errno != ENOENT) status = kuni_fail_errno(err, "cannot open %s", path);
    for (int64_t n = 0; file && !status && gzgets(file, line, LINE_BYTES); n++) {
        json_t *record = json_loads(line, 0, NULL); /* torn by a crash: NULL */
        if (json_is_object(record)) status = visit(context, record, n, err);
        json_decref(record);
    }
    if (file) (void)gzclose(file);
    free(path);
    free(line);
    return status;
}
