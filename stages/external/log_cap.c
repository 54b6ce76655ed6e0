/* SPDX-License-Identifier: MIT */
#include "log_cap.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOCK_BYTES = 1 << 16 };

static bool copy_bytes(int fd, off_t from, off_t to, off_t length)
{
    char block[BLOCK_BYTES];
    while (length > 0) {
        size_t want = length < BLOCK_BYTES ? (size_t)length : BLOCK_BYTES;
        ssize_t got = pread(fd, block, want, from);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0 || pwrite(fd, block, (size_t)got, to) != got) return false;
        from += got;
        to += got;
        length -= got;
    }
    return true;
}

/* What was written meanwhile is copied, too, so that next to nothing can fall in between. */
static uint64_t cut(int fd, off_t size, uint64_t before)
{
    char mark[128];
    uint64_t gone = (uint64_t)size - LOG_CAP_HEAD_BYTES - LOG_CAP_TAIL_BYTES;
    int length = snprintf(mark, sizeof(mark), "\n[kuni: %" PRIu64 " bytes were left out here]\n",
                          before + gone);
    off_t from = size - LOG_CAP_TAIL_BYTES, to = LOG_CAP_HEAD_BYTES + length;
    struct stat info;
    if (pwrite(fd, mark, (size_t)length, LOG_CAP_HEAD_BYTES) != length) return 0;
    for (off_t end = size; from < end; end = info.st_size) {
        if (!copy_bytes(fd, from, to, end - from)) return 0;
        to += end - from;
        from = end;
        if (fstat(fd, &info) != 0) return 0;
    }
    return ftruncate(fd, to) == 0 ? gone : 0;
}

uint64_t log_cap(int fd, uint64_t before)
{
    struct stat info;
    char path[64];
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode) || info.st_size <= LOG_CAP_BYTES) return 0;
    /* Another description of it: pwrite appends where O_APPEND is set. */
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    int other = open(path, O_RDWR | O_CLOEXEC);
    if (other < 0) return 0;
    uint64_t gone = cut(other, info.st_size, before);
    (void)close(other);
    return gone;
}
