/* SPDX-License-Identifier: MIT */
#include "room.h"

#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

int64_t kuni_room_on(const char *folder)
{
    char path[4096];
    struct statvfs fs;
    if (snprintf(path, sizeof(path), "%s", folder) >= (int)sizeof(path)) return -1;
    while (statvfs(path, &fs) != 0) {
        char *slash = strrchr(path, '/');
        if (!slash || slash == path) return -1;
        *slash = '\0';
    }
    return (int64_t)fs.f_bavail * (int64_t)fs.f_frsize;
}
