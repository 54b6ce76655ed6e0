/* SPDX-License-Identifier: MIT */
#include "temporary.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kuni/buffer.h"

char *kuni_temporary_name(const char *path, uint64_t epoch, int rank, kuni_error *err)
{
    kuni_buffer name = KUNI_BUFFER_INIT;
    const char *slash = strrchr(path, '/');
    int folder = slash ? (int)(slash - path + 1) : 0;
    if (kuni_buffer_printf(&name, err, "%.*s" KUNI_TEMPORARY_PREFIX "%llu-%d-%ld-%s", folder, path,
                           (unsigned long long)epoch, rank, (long)getpid(), path + folder))
        kuni_buffer_fini(&name);
    return name.data;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path) == 0 || errno == ENOENT ? 0 : -1;
}

kuni_status kuni_remove_tree(const char *path, kuni_error *err)
{
    if (nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS) == 0 || errno == ENOENT) return KUNI_OK;
    return kuni_fail_errno(err, "cannot remove %s", path);
}
