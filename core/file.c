/* SPDX-License-Identifier: MIT */
#include "kuni/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "injection.h"
#include "regular.h"
#include "unfinished.h"

struct kuni_file {
    int fd;
    char *path, *temporary;
    uint64_t size;
    size_t filled;
    char pending[1 << 16];
};

static int sync_fd(int fd)
{
    if (kuni_injection_strikes(KUNI_INJECTION_FSYNC)) return -1;
    /* Some file systems refuse fsync of folders or special files: that is no failure of ours. */
    if (fsync(fd) != 0 && errno != EINVAL && errno != EROFS && errno != ENOTSUP) return -1;
    return 0;
}

static kuni_status sync_folder_of(const char *path, kuni_error *err)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
    if (!folder) return kuni_fail_memory(err, strlen(path), 1);
    kuni_status status = KUNI_OK;
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        status = kuni_fail_errno(err, "cannot open folder %s", folder);
    else if (sync_fd(fd) != 0)
        status = kuni_fail_errno(err, "cannot flush folder %s to disk", folder);
    if (fd >= 0) (void)close(fd);
    free(folder);
    return status;
}

static kuni_status rename_into_place(const char *from, const char *to, bool flush, kuni_error *err)
{
    if (kuni_injection_strikes(KUNI_INJECTION_RENAME) || rename(from, to) != 0)
        return kuni_fail_errno(err, "cannot rename %s to %s", from, to);
    return flush ? sync_folder_of(to, err) : KUNI_OK;
}

kuni_status kuni_file_create(kuni_file **out, const char *path, kuni_error *err)
{
    static atomic_ulong serial;
    kuni_status status = KUNI_MEMORY;
    kuni_file *file = kuni_alloc(1, sizeof(*file), err);
    if (!file) return status;
    file->fd = -1;
    kuni_buffer name = KUNI_BUFFER_INIT;
    file->path = kuni_strdup(path, err);
    if (!file->path) goto fail;
    status = kuni_buffer_printf(&name, err, "%s.tmp.%ld.%lu", path, (long)getpid(),
                                atomic_fetch_add(&serial, 1));
    if (status) goto fail;
    file->temporary = name.data;
    /* A name that another process left, or a link that somebody laid there, is not written through. */
    (void)unlink(file->temporary);
    file->fd = open(file->temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (file->fd < 0) {
        status = kuni_fail_errno(err, "cannot create %s", path);
        goto fail;
    }
    *out = file;
    return KUNI_OK;
fail:
    free(file->path);
    free(name.data);
    free(file);
    return status;
}

static kuni_status write_all(kuni_file *file, const char *bytes, size_t length, kuni_error *err)
{
    while (length > 0) {
        ssize_t written =
            kuni_injection_strikes(KUNI_INJECTION_WRITE) ? -1 : write(file->fd, bytes, length);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0)
            return kuni_fail_errno(err, "cannot write %s: free space or check the quota",
                                   file->path);
        bytes += written;
        length -= (size_t)written;
    }
    return KUNI_OK;
}

static kuni_status flush_pending(kuni_file *file, kuni_error *err)
{
    size_t length = file->filled;
    file->filled = 0;
    return write_all(file, file->pending, length, err);
}

kuni_status kuni_file_write(kuni_file *file, const void *bytes, size_t length, kuni_error *err)
{
    file->size += length;
    if (length > sizeof(file->pending) - file->filled) {
        kuni_status status = flush_pending(file, err);
        if (status) return status;
    }
    if (length > sizeof(file->pending)) return write_all(file, bytes, length, err);
    if (length > 0) memcpy(file->pending + file->filled, bytes, length);
    file->filled += length;
    return KUNI_OK;
}

kuni_status kuni_file_printf(kuni_file *file, kuni_error *err, const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, format);
    int length = vasprintf(&text, format, args);
    va_end(args);
    if (length < 0) return kuni_fail_memory(err, strlen(format), 1);
    kuni_status status = kuni_file_write(file, text, (size_t)length, err);
    free(text);
    return status;
}

uint64_t kuni_file_size(const kuni_file *file)
{
    return file->size;
}

static void file_free(kuni_file *file)
{
    if (file->fd >= 0) (void)close(file->fd);
    free(file->path);
    free(file->temporary);
    free(file);
}

/* kuni_file_publish will flush it under its own name; a task of little work waits for nothing else. */
static bool is_unfinished(const char *path)
{
    const char *slash = strrchr(path, '/');
    return strncmp(slash ? slash + 1 : path, KUNI_TEMPORARY_PREFIX,
                   strlen(KUNI_TEMPORARY_PREFIX)) == 0;
}

kuni_status kuni_file_commit(kuni_file *file, kuni_error *err)
{
    bool unfinished = is_unfinished(file->path);
    kuni_status status = flush_pending(file, err);
    if (!status && !unfinished && sync_fd(file->fd) != 0)
        status = kuni_fail_errno(err, "cannot flush %s to disk", file->path);
    int closed = close(file->fd);
    file->fd = -1;
    if (!status && closed != 0) status = kuni_fail_errno(err, "cannot close %s", file->path);
    if (!status) status = rename_into_place(file->temporary, file->path, !unfinished, err);
    if (status) (void)unlink(file->temporary);
    file_free(file);
    return status;
}

void kuni_file_discard(kuni_file *file)
{
    if (!file) return;
    (void)unlink(file->temporary);
    file_free(file);
}

kuni_status kuni_file_put(const char *path, const void *bytes, size_t length, kuni_error *err)
{
    kuni_file *file;
    kuni_status status = kuni_file_create(&file, path, err);
    if (status) return status;
    status = kuni_file_write(file, bytes, length, err);
    if (status) {
        kuni_file_discard(file);
        return status;
    }
    return kuni_file_commit(file, err);
}

kuni_status kuni_file_get(const char *path, size_t limit_bytes, kuni_buffer *buffer,
                          kuni_error *err)
{
    kuni_status status = kuni_check_no_wait(path, err);
    if (status) return status;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return kuni_fail_errno(err, "cannot open %s", path);
    size_t total = 0;
    for (;;) {
        status = kuni_buffer_reserve(buffer, 1 << 16, err);
        if (status) break;
        ssize_t got = read(fd, buffer->data + buffer->length, 1 << 16);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) status = kuni_fail_errno(err, "cannot read %s", path);
        if (got <= 0) break;
        buffer->length += (size_t)got;
        buffer->data[buffer->length] = '\0';
        total += (size_t)got;
        if (total > limit_bytes) {
            status = kuni_fail(err, KUNI_IO, "%s is larger than the %zu bytes expected of it", path,
                               limit_bytes);
            break;
        }
    }
    (void)close(fd);
    return status;
}

static bool is_outage(int code)
{
    static const int codes[] = {EIO,        ESTALE,       ETIMEDOUT,    ENODEV,    ENXIO,
                                ENOTCONN,   EHOSTDOWN,    EHOSTUNREACH, ENETDOWN,  ENETUNREACH,
                                ECONNRESET, ECONNREFUSED, ECONNABORTED, EREMOTEIO, ENOMEM,
                                EMFILE,     ENFILE,       EACCES,       EPERM};
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        if (code == codes[i]) return true;
    return false;
}

bool kuni_file_is_out_of_reach(const char *path, int *code)
{
    if (is_outage(*code)) return true;
    if (strstr(path, "://")) return false;
    char byte;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool reached = fd >= 0 && read(fd, &byte, 1) >= 0;
    if (!reached) *code = errno;
    if (fd >= 0) (void)close(fd);
    return !reached;
}

kuni_status kuni_file_publish(const char *path, const char *target, kuni_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return kuni_fail_errno(err, "cannot open %s", path);
    int synced = sync_fd(fd);
    kuni_status status =
        synced != 0 ? kuni_fail_errno(err, "cannot flush %s to disk", path) : KUNI_OK;
    (void)close(fd);
    return status ? status : rename_into_place(path, target, true, err);
}

kuni_status kuni_file_cut_end_marker(const char *path, kuni_error *err)
{
    enum { END_MARKER_BYTES = 28 };
    struct stat info;
    if (stat(path, &info) != 0) return kuni_fail_errno(err, "cannot look at %s", path);
    if (info.st_size < END_MARKER_BYTES)
        return kuni_fail(err, KUNI_BUG, "%s lacks the end marker of BGZF", path);
    if (truncate(path, info.st_size - END_MARKER_BYTES) != 0)
        return kuni_fail_errno(err, "cannot shorten %s", path);
    return KUNI_OK;
}

kuni_status kuni_make_folders(const char *path, kuni_error *err)
{
    char *copy = kuni_strdup(path, err);
    if (!copy) return KUNI_MEMORY;
    kuni_status status = KUNI_OK;
    for (char *slash = copy; slash && !status;) {
        slash = strchr(slash + 1, '/');
        if (slash) *slash = '\0';
        if (copy[0] && mkdir(copy, 0777) != 0 && errno != EEXIST)
            status = kuni_fail_errno(err, "cannot make folder %s", copy);
        if (slash) *slash = '/';
    }
    struct stat info;
    if (!status && (stat(path, &info) != 0 || !S_ISDIR(info.st_mode))) {
        errno = ENOTDIR;
        status = kuni_fail_errno(err, "cannot make folder %s", path);
    }
    free(copy);
    return status;
}

char *kuni_path_join(const char *folder, const char *name, kuni_error *err)
{
    if (name[0] == '/' || !folder || !folder[0]) return kuni_strdup(name, err);
    kuni_buffer path = KUNI_BUFFER_INIT;
    const char *gap = folder[strlen(folder) - 1] == '/' ? "" : "/";
    if (kuni_buffer_printf(&path, err, "%s%s%s", folder, gap, name)) kuni_buffer_fini(&path);
    return path.data;
}
