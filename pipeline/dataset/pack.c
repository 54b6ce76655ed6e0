/* SPDX-License-Identifier: MIT */
#include "pack.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum {
    MAGIC_BYTES = 8,
    OFFSET_DIGITS = 16,
    CRC_DIGITS = 8,
    TRAILER_BYTES = OFFSET_DIGITS + CRC_DIGITS + MAGIC_BYTES,
    INDEX_BYTES_MAX = 1 << 24,
    COPY_BYTES = 1 << 18
};

static const char magic[] = "KUNIPACK", end_magic[] = "KUNIPACE";

/* --- reading --- */

static kuni_status damaged(const kuni_pack *pack, const char *what, kuni_error *err)
{
    return kuni_fail(err, KUNI_DATA, "%s: %s: restore the file or run its stage again", pack->path,
                     what);
}

static kuni_status read_at(int fd, const char *path, void *to, size_t length, uint64_t offset,
                           kuni_error *err)
{
    for (size_t done = 0; done < length;) {
        ssize_t got = pread(fd, (char *)to + done, length - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return kuni_fail_errno(err, "cannot read %s", path);
        if (got == 0) return kuni_fail(err, KUNI_DATA, "%s ended early while it was read", path);
        done += (size_t)got;
    }
    return KUNI_OK;
}

bool kuni_is_pack(const char *path)
{
    char bytes[MAGIC_BYTES];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe is none: do not wait */
    if (fd < 0) return false;
    bool is = read_at(fd, path, bytes, sizeof(bytes), 0, NULL) == KUNI_OK &&
              memcmp(bytes, magic, sizeof(bytes)) == 0;
    (void)close(fd);
    return is;
}

static bool number_at(char **at, char end, int64_t *value)
{
    char *rest;
    errno = 0;
    *value = strtoll(*at, &rest, 10);
    if (rest == *at || errno || *rest != end) return false;
    *at = rest + 1;
    return true;
}

/* Members must follow one another from the magic to the index without gaps. */
static kuni_status parse_index(kuni_pack *pack, uint64_t index_offset, kuni_error *err)
{
    uint64_t next = MAGIC_BYTES;
    for (char *at = pack->text; *at;) {
        char *tab = strchr(at, '\t');
        kuni_pack_member member = {.contig = at};
        int64_t offset, bytes;
        if (!tab) return damaged(pack, "a line of its index is damaged", err);
        *tab = '\0';
        at = tab + 1;
        if (!number_at(&at, '\t', &member.beg) || !number_at(&at, '\t', &member.end) ||
            !number_at(&at, '\t', &offset) || !number_at(&at, '\n', &bytes) ||
            offset != (int64_t)next || bytes < -1 || bytes > (int64_t)(index_offset - next))
            return damaged(pack, "a line of its index is damaged", err);
        member.present = bytes >= 0;
        member.offset = next;
        member.bytes = member.present ? (uint64_t)bytes : 0;
        next += member.bytes;
        kuni_status status = kuni_grow((void **)&pack->members, &pack->capacity, pack->n + 1,
                                       sizeof(*pack->members), err);
        if (status) return status;
        pack->members[pack->n++] = member;
    }
    return next == index_offset ? KUNI_OK : damaged(pack, "its members do not fill it", err);
}

static bool hex_number(const char *text, size_t digits, uint64_t *value)
{
    *value = 0;
    for (size_t i = 0; i < digits; i++) {
        const char *digit = text[i] ? strchr("0123456789abcdef", text[i]) : NULL;
        if (!digit) return false;
        *value = *value << 4 | (uint64_t)(digit - "0123456789abcdef"); /* in range by the search */
    }
    return true;
}

static uint32_t checksum(const void *bytes, size_t length)
{
    return (uint32_t)crc32_z(crc32_z(0, NULL, 0), bytes, length);
}

static kuni_status read_index(kuni_pack *pack, int fd, kuni_error *err)
{
    struct stat info;
    char head[MAGIC_BYTES], trailer[TRAILER_BYTES];
    if (fstat(fd, &info) != 0) return kuni_fail_errno(err, "cannot look at %s", pack->path);
    uint64_t size = (uint64_t)info.st_size, offset, crc;
    if (!S_ISREG(info.st_mode) || size < MAGIC_BYTES + TRAILER_BYTES)
        return damaged(pack, "no whole pack of files", err);
    kuni_status status = read_at(fd, pack->path, head, sizeof(head), 0, err);
    if (!status)
        status = read_at(fd, pack->path, trailer, sizeof(trailer), size - sizeof(trailer), err);
    if (status) return status;
    if (memcmp(head, magic, MAGIC_BYTES) != 0 ||
        memcmp(trailer + OFFSET_DIGITS + CRC_DIGITS, end_magic, MAGIC_BYTES) != 0 ||
        !hex_number(trailer, OFFSET_DIGITS, &offset) ||
        !hex_number(trailer + OFFSET_DIGITS, CRC_DIGITS, &crc) || offset < MAGIC_BYTES ||
        offset > size - TRAILER_BYTES || size - TRAILER_BYTES - offset > INDEX_BYTES_MAX)
        return damaged(pack, "no whole pack of files", err);
    size_t length = (size_t)(size - TRAILER_BYTES - offset);
    pack->text = kuni_alloc(length + 1, 1, err);
    if (!pack->text) return KUNI_MEMORY;
    status = read_at(fd, pack->path, pack->text, length, offset, err);
    if (status) return status;
    pack->text[length] = '\0';
    if (checksum(pack->text, length) != crc || strlen(pack->text) != length)
        return damaged(pack, "the checksum of its index does not match", err);
    return parse_index(pack, offset, err);
}

kuni_status kuni_pack_open(kuni_pack *pack, const char *path, kuni_error *err)
{
    *pack = (kuni_pack){.path = kuni_strdup(path, err)};
    if (!pack->path) return KUNI_MEMORY;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return kuni_fail_errno(err, "cannot open %s", path);
    kuni_status status = read_index(pack, fd, err);
    (void)close(fd);
    return status;
}

void kuni_pack_close(kuni_pack *pack)
{
    free(pack->path);
    free(pack->members);
    free(pack->text);
    *pack = (kuni_pack){.path = NULL};
}

/* --- members as files --- */

static kuni_status write_all(int fd, const char *bytes, size_t length, const char *to,
                             kuni_error *err)
{
    while (length) {
        ssize_t wrote = write(fd, bytes, length);
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote < 0)
            return kuni_fail_errno(err, "cannot write %s: free space or check the quota", to);
        bytes += wrote;
        length -= (size_t)wrote;
    }
    return KUNI_OK;
}

static kuni_status copy_member(const kuni_pack *pack, size_t member, int out, const char *to,
                               kuni_error *err)
{
    const kuni_pack_member *m = &pack->members[member];
    char *block = kuni_alloc(COPY_BYTES, 1, err);
    if (!block) return KUNI_MEMORY;
    int in = open(pack->path, O_RDONLY | O_CLOEXEC);
    kuni_status status = in < 0 ? kuni_fail_errno(err, "cannot open %s", pack->path) : KUNI_OK;
    for (uint64_t done = 0; done < m->bytes && !status;) {
        size_t length = m->bytes - done < COPY_BYTES ? (size_t)(m->bytes - done) : COPY_BYTES;
        status = read_at(in, pack->path, block, length, m->offset + done, err);
        if (!status) status = write_all(out, block, length, to, err);
        done += length;
    }
    if (in >= 0) (void)close(in);
    free(block);
    return status;
}

kuni_status kuni_pack_extract(const kuni_pack *pack, size_t member, const char *to, kuni_error *err)
{
    int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (out < 0) return kuni_fail_errno(err, "cannot create %s", to);
    kuni_status status = copy_member(pack, member, out, to, err);
    if (close(out) != 0 && !status) status = kuni_fail_errno(err, "cannot write %s", to);
    return status;
}

kuni_status kuni_pack_view_open(kuni_pack_view *view, const kuni_pack *pack, size_t member,
                                kuni_error *err)
{
    const char *folder = getenv("TMPDIR");
    kuni_buffer name = KUNI_BUFFER_INIT;
    view->fd = -1;
    kuni_status status = kuni_buffer_printf(&name, err, "%s/kuni-pack-XXXXXX",
                                            folder && folder[0] ? folder : "/tmp");
    if (status) return status;
    view->fd = mkostemp(name.data, O_CLOEXEC);
    if (view->fd < 0)
        status = kuni_fail_errno(err, "cannot create a temporary file %s", name.data);
    else
        (void)unlink(name.data);
    if (!status) status = copy_member(pack, member, view->fd, name.data, err);
    (void)snprintf(view->path, sizeof(view->path), "/proc/self/fd/%d", view->fd);
    kuni_buffer_fini(&name);
    if (status) kuni_pack_view_close(view);
    return status;
}

void kuni_pack_view_close(kuni_pack_view *view)
{
    if (view->fd > 0) (void)close(view->fd); /* 0: none was ever opened */
    view->fd = -1;
}

/* --- writing --- */

struct kuni_pack_writer {
    kuni_file *file;
    kuni_buffer index;
};

kuni_status kuni_pack_create(kuni_pack_writer **out, const char *path, kuni_error *err)
{
    kuni_pack_writer *writer = kuni_alloc(1, sizeof(*writer), err);
    if (!writer) return KUNI_MEMORY;
    *writer = (kuni_pack_writer){.index = KUNI_BUFFER_INIT};
    kuni_status status = kuni_file_create(&writer->file, path, err);
    if (!status) status = kuni_file_write(writer->file, magic, MAGIC_BYTES, err);
    if (status) {
        kuni_pack_discard(writer);
        return status;
    }
    *out = writer;
    return KUNI_OK;
}

static kuni_status append_file(kuni_pack_writer *writer, const char *path, kuni_error *err)
{
    char *block = kuni_alloc(COPY_BYTES, 1, err);
    if (!block) return KUNI_MEMORY;
    int in = open(path, O_RDONLY | O_CLOEXEC);
    kuni_status status = in < 0 ? kuni_fail_errno(err, "cannot open %s", path) : KUNI_OK;
    while (!status) {
        ssize_t got = read(in, block, COPY_BYTES);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) status = kuni_fail_errno(err, "cannot read %s", path);
        if (got <= 0) break;
        status = kuni_file_write(writer->file, block, (size_t)got, err);
    }
    if (in >= 0) (void)close(in);
    free(block);
    return status;
}

kuni_status kuni_pack_add(kuni_pack_writer *writer, const char *contig, int64_t beg, int64_t end,
                          const char *file, kuni_error *err)
{
    uint64_t offset = kuni_file_size(writer->file);
    kuni_status status = file ? append_file(writer, file, err) : KUNI_OK;
    int64_t bytes = file ? (int64_t)(kuni_file_size(writer->file) - offset) : -1;
    if (status) return status;
    return kuni_buffer_printf(&writer->index, err,
                              "%s\t%" PRId64 "\t%" PRId64 "\t%" PRIu64 "\t%" PRId64 "\n", contig,
                              beg, end, offset, bytes);
}

kuni_status kuni_pack_finish(kuni_pack_writer *writer, kuni_error *err)
{
    uint64_t offset = kuni_file_size(writer->file);
    const char *index = writer->index.data ? writer->index.data : "";
    size_t length = writer->index.length;
    kuni_status status = kuni_file_write(writer->file, index, length, err);
    if (!status)
        status = kuni_file_printf(writer->file, err, "%016" PRIx64 "%08" PRIx32 "%s", offset,
                                  checksum(index, length), end_magic);
    if (!status) {
        status = kuni_file_commit(writer->file, err);
        writer->file = NULL;
    }
    kuni_pack_discard(writer);
    return status;
}

void kuni_pack_discard(kuni_pack_writer *writer)
{
    if (!writer) return;
    kuni_file_discard(writer->file);
    kuni_buffer_fini(&writer->index);
    free(writer);
}
