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

kuni_status kuni_check_no_wait(const char *path, kuni_error *err)
{
    static const char *const handed_over[] = {"/dev/fd/", "/dev/stdin", "/proc/"};
    struct stat info;
    for (size_t i = 0; i < sizeof(handed_over) / sizeof(handed_over[0]); i++)
        if (strncmp(path, handed_over[i], strlen(handed_over[i])) == 0) return KUNI_OK;
    if (stat(path, &info) != 0 || !S_ISFIFO(info.st_mode)) return KUNI_OK;
    return kuni_check_regular(path, err);
}
