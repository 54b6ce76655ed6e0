/* SPDX-License-Identifier: MIT */
#include "stub.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kuni/file.h"

enum { STUB_BYTES_MAX = 1 << 30, BLOCK_BYTES = 1 << 20, NAME_BYTES = 1024 };

static const char first_line[] = "#kuni stub 1\n";

/* A stub as it was read. */
typedef struct stub {
    kuni_buffer text;
    const char *rest; /* what is before and after the part */
    uint64_t bytes, from, at, length, whole;
    struct timespec time;
    char data[NAME_BYTES], published[NAME_BYTES];
} stub;

char *kuni_stub_path(const char *path, kuni_error *err)
{
    kuni_buffer name = KUNI_BUFFER_INIT;
    if (kuni_buffer_printf(&name, err, "%s.stub", path)) kuni_buffer_fini(&name);
    return name.data;
}

static void set_time(const char *path, struct timespec time)
{
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, time};
    (void)utimensat(AT_FDCWD, path, times, 0); /* else the digest tells */
}

/* --- writing --- */

static kuni_status copy_range(int fd, const char *path, uint64_t from, uint64_t length,
                              kuni_buffer *out, kuni_error *err)
{
    kuni_status status = kuni_buffer_reserve(out, length, err);
    for (uint64_t done = 0; done < length && !status;) {
        ssize_t got =
            pread(fd, out->data + out->length, (size_t)(length - done), (off_t)(from + done));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return kuni_fail_errno(err, "cannot read %s", path);
        out->length += (size_t)got;
        done += (uint64_t)got;
    }
    return status;
}

static kuni_status describe(int fd, const char *path, const kuni_stub_place *place,
                            struct timespec *time, kuni_buffer *text, kuni_error *err)
{
    struct stat info;
    if (fstat(fd, &info) != 0) return kuni_fail_errno(err, "cannot look at %s", path);
    uint64_t size = (uint64_t)info.st_size, past = place->from + place->bytes;
    *time = info.st_mtim;
    if (past > size || size - place->bytes > STUB_BYTES_MAX / 2)
        return kuni_fail(err, KUNI_BUG, "%s: %" PRIu64 " bytes of it are no part of another file",
                         path, size);
    kuni_status status = kuni_buffer_printf(
        text, err, "%s%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\n%s\n%s\n",
        first_line, size, place->from, place->at, place->bytes, place->whole, place->data,
        place->published);
    if (!status) status = copy_range(fd, path, 0, place->from, text, err);
    return status ? status : copy_range(fd, path, past, size - past, text, err);
}

kuni_status kuni_stub_leave(const char *path, const kuni_stub_place *place, kuni_error *err)
{
    kuni_buffer text = KUNI_BUFFER_INIT;
    struct timespec time = {0};
    char *name = kuni_stub_path(path, err);
    if (!name) return KUNI_MEMORY;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    kuni_status status = fd < 0 ? kuni_fail_errno(err, "cannot open %s", path)
                                : describe(fd, path, place, &time, &text, err);
    if (fd >= 0) (void)close(fd);
    if (!status) status = kuni_file_put(name, text.data, text.length, err);
    if (!status) set_time(name, time);
    if (!status && unlink(path) != 0) status = kuni_fail_errno(err, "cannot remove %s", path);
    kuni_buffer_fini(&text);
    free(name);
    return status;
}

/* --- reading --- */

/* The line up to `*at`, which moves on; NULL: there is none. */
static char *take_line(char **at)
{
    char *line = *at, *end = strchr(line, '\n');
    if (!end) return NULL;
    *end = '\0';
    *at = end + 1;
    return line;
}

/* As many whole numbers as asked for, separated by tabs, and nothing else. */
static bool take_numbers(const char *text, uint64_t *const *numbers, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char *end;
        if (*text < '0' || *text > '9') return false;
        errno = 0;
        *numbers[i] = strtoull(text, &end, 10);
        if (errno || *end != (i + 1 < n ? '\t' : '\0')) return false;
        text = end + 1;
    }
    return true;
}

static bool parse(stub *s)
{
    uint64_t *const wanted[] = {&s->bytes, &s->from, &s->at, &s->length, &s->whole};
    size_t head = strlen(first_line);
    if (s->text.length < head || memcmp(s->text.data, first_line, head) != 0) return false;
    char *at = s->text.data + head;
    char *numbers = take_line(&at), *data = numbers ? take_line(&at) : NULL;
    char *published = data ? take_line(&at) : NULL;
    if (!published || strlen(data) >= NAME_BYTES || strlen(published) >= NAME_BYTES ||
        !take_numbers(numbers, wanted, sizeof(wanted) / sizeof(wanted[0])))
        return false;
    (void)snprintf(s->data, NAME_BYTES, "%s", data);
    (void)snprintf(s->published, NAME_BYTES, "%s", published);
    s->rest = at;
    size_t rest = s->text.length - (size_t)(at - s->text.data);
    return s->length <= s->bytes && s->bytes - s->length == rest && s->from <= rest &&
           s->at <= s->whole && s->length <= s->whole - s->at;
}

static kuni_status read_stub(stub *s, const char *path, bool *found, kuni_error *err)
{
    *s = (stub){.text = KUNI_BUFFER_INIT};
    *found = false;
    char *name = kuni_stub_path(path, err);
    if (!name) return KUNI_MEMORY;
    kuni_status status = KUNI_OK;
    struct stat info;
    if (stat(name, &info) == 0) {
        s->time = info.st_mtim;
        status = kuni_file_get(name, STUB_BYTES_MAX, &s->text, err);
        if (!status && !parse(s))
            status = kuni_fail(err, KUNI_IO,
                               "%s is damaged: remove it, and the next run makes anew what it "
                               "stands for",
                               name);
        *found = !status;
    }
    free(name);
    return status;
}

/* Opens the other file, by whichever name it has its size; -1: there is none. */
static int open_other(const stub *s, const char *path, char **opened)
{
    const char *const names[] = {s->data, s->published};
    const char *slash = strrchr(path, '/');
    kuni_error ignored = KUNI_ERROR_INIT;
    for (int i = 0; i < 2; i++) {
        struct stat info;
        kuni_buffer name = KUNI_BUFFER_INIT;
        if (kuni_buffer_printf(&name, &ignored, "%.*s%s", slash ? (int)(slash - path + 1) : 0, path,
                               names[i])) {
            kuni_buffer_fini(&name);
            return -1;
        }
        int fd = open(name.data, O_RDONLY | O_CLOEXEC);
        bool good = fd >= 0 && fstat(fd, &info) == 0 && (uint64_t)info.st_size == s->whole;
        if (good) {
            if (opened)
                *opened = name.data;
            else
                kuni_buffer_fini(&name);
            return fd;
        }
        if (fd >= 0) (void)close(fd);
        kuni_buffer_fini(&name);
    }
    return -1;
}

bool kuni_stub_stands(const char *path, const kuni_stored_output *stored)
{
    kuni_error ignored = KUNI_ERROR_INIT;
    stub s;
    bool found;
    char hex[KUNI_DIGEST_HEX_BYTES];
    kuni_hash digest;
    kuni_status status = read_stub(&s, path, &found, &ignored);
    int fd =
        !status && found && s.bytes == (uint64_t)stored->bytes ? open_other(&s, path, NULL) : -1;
    bool stands = fd >= 0,
         same_time = (int64_t)s.time.tv_sec * 1000000000 + s.time.tv_nsec == stored->mtime_ns;
    if (stands && !same_time)
        stands = kuni_stub_digest(path, hex, &ignored) == KUNI_OK &&
                 kuni_hash_parse(&digest, hex) && kuni_hash_equal(&digest, &stored->digest);
    if (fd >= 0) (void)close(fd);
    kuni_buffer_fini(&s.text);
    return stands;
}

kuni_status kuni_stub_look(const char *path, char **other, uint64_t *at, bool *found,
                           kuni_error *err)
{
    stub s;
    kuni_status status = read_stub(&s, path, found, err);
    int fd = !status && *found ? open_other(&s, path, other) : -1;
    *found = fd >= 0;
    *at = s.at;
    if (fd >= 0) (void)close(fd);
    kuni_buffer_fini(&s.text);
    return status;
}

/* --- giving back --- */

typedef kuni_status put_bytes(void *to, const void *bytes, size_t length, kuni_error *err);

static kuni_status put_into_file(void *to, const void *bytes, size_t length, kuni_error *err)
{
    return kuni_file_write(to, bytes, length, err);
}

static kuni_status put_into_digest(void *to, const void *bytes, size_t length, kuni_error *err)
{
    (void)err;
    kuni_digest_add(to, bytes, length);
    return KUNI_OK;
}

static kuni_status put_part(const stub *s, const char *path, put_bytes *put, void *to,
                            kuni_error *err)
{
    char *block = kuni_alloc(BLOCK_BYTES, 1, err), *other = NULL;
    if (!block) return KUNI_MEMORY;
    int fd = open_other(s, path, &other);
    kuni_status status = KUNI_OK;
    if (fd < 0)
        status = kuni_fail(err, KUNI_IO,
                           "%s is a part of %s, which is not there as it was: `kuni repair` has "
                           "both made again",
                           path, s->data);
    for (uint64_t done = 0; done < s->length && !status;) {
        uint64_t left = s->length - done;
        ssize_t got = pread(fd, block, left < BLOCK_BYTES ? (size_t)left : BLOCK_BYTES,
                            (off_t)(s->at + done));
        if (got < 0 && errno == EINTR) continue;
        status = got <= 0 ? kuni_fail_errno(err, "cannot read %s", other)
                          : put(to, block, (size_t)got, err);
        done += (uint64_t)got;
    }
    if (fd >= 0) (void)close(fd);
    free(other);
    free(block);
    return status;
}

static kuni_status put_all(const stub *s, const char *path, put_bytes *put, void *to,
                           kuni_error *err)
{
    uint64_t rest = s->bytes - s->length;
    kuni_status status = put(to, s->rest, (size_t)s->from, err);
    if (!status) status = put_part(s, path, put, to, err);
    return status ? status : put(to, s->rest + s->from, (size_t)(rest - s->from), err);
}

kuni_status kuni_stub_give_back(const char *path, bool *back, kuni_error *err)
{
    stub s;
    bool found;
    kuni_file *file = NULL;
    *back = false;
    if (access(path, F_OK) == 0) return KUNI_OK;
    kuni_status status = read_stub(&s, path, &found, err);
    if (!status && found) {
        status = kuni_file_create(&file, path, err);
        if (!status) status = put_all(&s, path, put_into_file, file, err);
        if (status)
            kuni_file_discard(file);
        else
            status = kuni_file_commit(file, err);
        if (!status) set_time(path, s.time);
        *back = !status;
    }
    kuni_buffer_fini(&s.text);
    return status;
}

kuni_status kuni_stub_digest(const char *path, char hex[KUNI_DIGEST_HEX_BYTES], kuni_error *err)
{
    stub s;
    bool found;
    kuni_digest *digest = NULL;
    kuni_status status = read_stub(&s, path, &found, err);
    if (!status && !found) status = kuni_fail(err, KUNI_IO, "%s is not there", path);
    if (!status) digest = kuni_digest_new(err);
    if (!status && !digest) status = KUNI_MEMORY;
    if (!status) status = put_all(&s, path, put_into_digest, digest, err);
    if (status)
        kuni_digest_free(digest);
    else
        kuni_digest_finish(digest, hex);
    kuni_buffer_fini(&s.text);
    return status;
}
