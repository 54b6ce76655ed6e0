/* SPDX-License-Identifier: MIT */
#include "content.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "regular.h"

static kuni_status add_block(kuni_digest *digest, int fd, int64_t at, size_t length,
                             const char *path, kuni_error *err)
{
    char block[KUNI_CONTENT_BLOCK_BYTES];
    size_t got = 0;
    while (got < length) {
        ssize_t n = pread(fd, block + got, length - got, at + (int64_t)got);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return kuni_fail_errno(err, "cannot read %s", path);
        if (n == 0) break; /* cut while it is read: the size tells */
        got += (size_t)n;
    }
    kuni_digest_add_int(digest, at);
    kuni_digest_add(digest, block, got);
    return KUNI_OK;
}

kuni_status kuni_content_of(const char *path, kuni_hash *content, kuni_error *err)
{
    struct stat info;
    kuni_status regular = kuni_check_regular(path, err);
    if (regular) return regular;
    int fd = open(path, O_RDONLY | O_CLOEXEC |
                            O_NONBLOCK); /* a pipe that came since does not hold it up */
    if (fd < 0) return kuni_fail_errno(err, "cannot open %s", path);
    kuni_digest *digest = kuni_digest_new(err);
    kuni_status status = digest ? KUNI_OK : KUNI_MEMORY;
    if (!status && fstat(fd, &info) != 0) status = kuni_fail_errno(err, "cannot read %s", path);
    if (!status) {
        const int64_t block = KUNI_CONTENT_BLOCK_BYTES, last = KUNI_CONTENT_BLOCKS - 1;
        int64_t blocks = (info.st_size + block - 1) / block;
        kuni_digest_add_text(digest, "content");
        kuni_digest_add_int(digest, info.st_size);
        for (int64_t i = 0; i <= last && i < blocks && !status; i++) {
            int64_t at = blocks <= last + 1 ? i * block
                         : i == last        ? info.st_size - block
                                            : (blocks - 1) / last * i * block;
            int64_t left = info.st_size - at;
            status = add_block(digest, fd, at, (size_t)(left < block ? left : block), path, err);
        }
    }
    (void)close(fd);
    if (!status)
        kuni_digest_finish_hash(digest, content);
    else
        kuni_digest_free(digest);
    return status;
}
