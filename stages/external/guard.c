/* SPDX-License-Identifier: MIT */
#include "guard.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "container.h"
#include "session.h"

/* What the guard is told. Shorter than PIPE_BUF, so that it comes whole. */
typedef struct charge {
    pid_t group;
    char container[CONTAINER_NAME_BYTES];
} charge;

enum { ROUNDS_MOST = 200, NAP_US = 10000 };

static void close_all_but(int keep)
{
    DIR *folder = opendir("/proc/self/fd");
    if (!folder) return;
    const struct dirent *entry;
    while ((entry = readdir(folder)) != NULL) {
        int fd = (int)strtol(entry->d_name, NULL, 10);
        if (fd != keep && fd != dirfd(folder)) (void)close(fd);
    }
    (void)closedir(folder);
}

static void kill_other(void *context, pid_t pid, uint64_t ticks)
{
    int *n = context;
    (void)ticks;
    if (pid != getpid() && kill(pid, SIGKILL) == 0) ++*n;
}

/*
 * The task's process leads a session in a run; where it does not, as in a test, only the command's
 * own group is its own to kill.
 */
static _Noreturn void stand_guard(int fd, bool own_session)
{
    charge now = {.group = 0}, told;
    ssize_t got;
    (void)setpgid(0, 0); /* what ends the task's group must not end this */
    (void)signal(SIGTERM, SIG_IGN);
    close_all_but(fd);
    while ((got = read(fd, &told, sizeof(told))) == (ssize_t)sizeof(told) ||
           (got < 0 && errno == EINTR)) {
        if (got > 0) now = told;
    }
    if (now.group > 0) (void)kill(-now.group, SIGKILL);
    /* Again and again: a process may be about to start another. */
    for (int round = 0, n = 1; own_session && n && round < ROUNDS_MOST; round++) {
        n = 0;
        session_visit(getsid(0), kill_other, &n);
        if (n) (void)usleep(NAP_US);
    }
    if (now.group > 0 && now.container[0]) container_remove(now.container);
    _exit(0);
}

/* Of the process `owner`; a fork of it has none. */
static pid_t owner;
static int guard_fd;

kuni_status guard_ready(const char *label, kuni_error *err)
{
    int ends[2];
    if (owner == getpid()) return KUNI_OK;
    if (pipe2(ends, O_CLOEXEC) != 0) return kuni_fail_errno(err, "%s: cannot make a pipe", label);
    bool own_session = getsid(0) == getpid();
    pid_t pid = fork();
    if (pid == 0) stand_guard(ends[0], own_session);
    (void)close(ends[0]);
    if (pid < 0) {
        kuni_status status = kuni_fail_errno(err, "%s: cannot start a process", label);
        (void)close(ends[1]);
        return status;
    }
    owner = getpid();
    guard_fd = ends[1];
    return KUNI_OK;
}

void guard_tell(pid_t group, const char *name)
{
    charge told = {.group = group};
    (void)snprintf(told.container, sizeof(told.container), "%s", name);
    (void)!write(guard_fd, &told, sizeof(told));
}
