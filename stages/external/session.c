/* SPDX-License-Identifier: MIT */
#include "session.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SESSION_FIELD = 4, USER_FIELD = 12, SYSTEM_FIELD = 13 /* see stat_field and proc(5) */ };

/*
 * A number of /proc/PID/stat, counted from its name's closing parenthesis; 0 where there is none.
 */
static int64_t stat_field(const char *rest, int number)
{
    for (; number > 0 && rest; number--) rest = strchr(rest + 1, ' ');
    return rest ? strtoll(rest, NULL, 10) : 0;
}

void session_visit(pid_t session, session_visitor *visit, void *context)
{
    DIR *folder = opendir("/proc");
    if (!folder) return;
    const struct dirent *entry;
    while ((entry = readdir(folder)) != NULL) {
        char path[64], line[1024];
        if (!isdigit((unsigned char)entry->d_name[0])) continue;
        (void)snprintf(path, sizeof(path), "/proc/%.20s/stat", entry->d_name);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0) continue;
        ssize_t length = read(fd, line, sizeof(line) - 1);
        (void)close(fd);
        if (length <= 0) continue;
        line[length] = '\0';
        const char *rest = strrchr(line, ')');
        if (rest && stat_field(rest, SESSION_FIELD) == (int64_t)session)
            visit(context, (pid_t)strtol(entry->d_name, NULL, 10),
                  (uint64_t)(stat_field(rest, USER_FIELD) + stat_field(rest, SYSTEM_FIELD)));
    }
    (void)closedir(folder);
}
