/* SPDX-License-Identifier: MIT */
#include "aside.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SAID_MOST_BYTES = 1 << 16, NAP_US = 2000 };

extern char **environ;

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Gives an errno value. */
static int start(const char *const *argv, int out, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, standard;
    sigemptyset(&none);
    sigfillset(&standard);
    int code = posix_spawn_file_actions_init(&actions);
    if (code) return code;
    code = posix_spawnattr_init(&attributes);
    if (code) {
        posix_spawn_file_actions_destroy(&actions);
        return code;
    }
    (void)posix_spawnattr_setsigmask(&attributes, &none);
    (void)posix_spawnattr_setsigdefault(&attributes, &standard);
    (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    code = out >= 0 ? posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO)
                    : posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null",
                                                       O_WRONLY, 0);
    if (!code)
        code = posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    if (!code)
        code = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (!code)
        code = posix_spawnp(pid, argv[0], &actions, &attributes, (char *const *)argv, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return code;
}

/* Until the program closes its end, or the time is over. */
static kuni_status listen_to(int fd, double until_s, kuni_buffer *said, kuni_error *err)
{
    char block[4096];
    for (;;) {
        struct pollfd end = {.fd = fd, .events = POLLIN};
        double left_s = until_s - now_s();
        if (left_s <= 0) return KUNI_OK;
        int ready = poll(&end, 1, (int)(left_s * 1000) + 1);
        if (ready < 0 && errno != EINTR) return kuni_fail_errno(err, "poll");
        if (ready <= 0) continue;
        ssize_t got = read(fd, block, sizeof(block));
        if (got <= 0) return KUNI_OK;
        if (said->length + (size_t)got > SAID_MOST_BYTES) continue;
        kuni_status status = kuni_buffer_append(said, block, (size_t)got, err);
        if (status) return status;
    }
}

static kuni_status wait_for(pid_t pid, const char *name, double until_s, int limit_s,
                            int *exit_status, kuni_error *err)
{
    int how = 0;
    pid_t ended;
    while ((ended = waitpid(pid, &how, WNOHANG)) == 0 && now_s() < until_s) (void)usleep(NAP_US);
    if (ended == 0) {
        (void)kill(pid, SIGKILL);
        (void)waitpid(pid, &how, 0);
        return kuni_fail(err, KUNI_IO, "%s did not answer within %d s", name, limit_s);
    }
    *exit_status = WIFEXITED(how) ? WEXITSTATUS(how) : 128 + WTERMSIG(how);
    return KUNI_OK;
}

kuni_status aside_run(const char *const *argv, int limit_s, int *exit_status, kuni_buffer *said,
                      kuni_error *err)
{
    int ends[2] = {-1, -1};
    pid_t pid;
    double until_s = now_s() + limit_s;
    if (said && pipe2(ends, O_CLOEXEC) != 0) return kuni_fail_errno(err, "cannot make a pipe");
    int code = start(argv, ends[1], &pid);
    if (ends[1] >= 0) (void)close(ends[1]);
    kuni_status status = KUNI_OK;
    if (code == ENOENT) {
        status = kuni_fail(err, KUNI_USAGE, "%s is not on the PATH of this machine: install it",
                           argv[0]);
    } else if (code) {
        errno = code;
        status = kuni_fail_errno(err, "cannot start %s", argv[0]);
    } else {
        kuni_error why = KUNI_ERROR_INIT;
        kuni_status heard = said ? listen_to(ends[0], until_s, said, &why) : KUNI_OK;
        status = wait_for(pid, argv[0], until_s, limit_s, exit_status, err);
        if (!status && heard) status = kuni_fail(err, heard, "%s: %s", argv[0], why.text);
    }
    if (ends[0] >= 0) (void)close(ends[0]);
    return status;
}
