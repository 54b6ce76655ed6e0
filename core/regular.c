/* SPDX-License-Identifier: MIT */
#include "regular.h"

#include <string.h>
#include <sys/stat.h>

const char *kuni_odd_file(const char *path)
{
    struct stat info;
    if (strstr(path, "://") || stat(path, &info) != 0 || S_ISREG(info.st_mode)) return NULL;
    return S_ISDIR(info.st_mode)    ? "a folder"
           : S_ISFIFO(info.st_mode) ? "a named pipe"
           : S_ISSOCK(info.st_mode) ? "a socket"
                                    : "a device";
}

kuni_status kuni_check_regular(const char *path, kuni_error *err)
{
    const char *odd = kuni_odd_file(path);
    return odd ? kuni_fail(err, KUNI_IO, "%s is %s: expected a file", path, odd) : KUNI_OK;
}
