/* SPDX-License-Identifier: MIT */
#include "command.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    NAP_LEAST_US = 500,
    NAP_MOST_US = 50000,
    GRACE_S = 2,      /* between SIGTERM and SIGKILL */
    LOOK_EVERY_S = 2, /* how often signs of life are looked for */
    TAIL_BYTES = 700, /* of stderr, quoted in the message */
    KILLED_INSIDE = 128 + SIGKILL,
    CLIENT_BYTES = 512 << 20 /* what podman takes itself, before it is the command */
};

#include "environment.h"
#include "guard.h"
#include "log_cap.h"
#include "session.h"

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* --- the command's side --- */

/* What is open here is not for the command. */
static void close_on_exec(void)
{
    if (syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC) == 0) return;
    DIR *folder = opendir("/proc/self/fd");
    if (!folder) return;
    const struct dirent *entry;
    while ((entry = readdir(folder)) != NULL) {
        int fd = (int)strtol(entry->d_name, NULL, 10);
        if (fd > STDERR_FILENO) (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    }
    (void)closedir(folder);
}

/* What is started: the command, or the client that runs it in a container. */
typedef struct launch {
    char *const *argv, *const *environment;
    container box;
} launch;

/* Limits pass to the container's processes, but its client must not fail for them. */
static void make_room_for_client(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_DATA, &limit) != 0 || limit.rlim_cur >= CLIENT_BYTES) return;
    limit.rlim_cur = limit.rlim_max < CLIENT_BYTES ? limit.rlim_max : CLIENT_BYTES;
    (void)setrlimit(RLIMIT_DATA, &limit);
}

/* Between vfork and exec: in the memory of the process that waits for it. */
static _Noreturn void become_command(const command_order *order, const launch *what,
                                     volatile int *code)
{
    (void)setpgid(0, 0);
    if (order->container) make_room_for_client();
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (!order->folder || chdir(order->folder) == 0)
        (void)execvpe(what->argv[0], what->argv, what->environment);
    *code = errno;
    _exit(127);
}

/* --- signs of life --- */

static void add_ticks(void *context, pid_t pid, uint64_t ticks)
{
    uint64_t *total = context;
    (void)pid;
    *total += ticks;
}

static uint64_t size_of(int fd, const char *path)
{
    struct stat info;
    if ((path ? stat(path, &info) : fstat(fd, &info)) != 0) return 0;
    return (uint64_t)info.st_size;
}

/* A number that moves as long as the command computes or writes. */
static uint64_t life(const command_order *order, const launch *what)
{
    uint64_t ticks = 0; /* of all processes of this session: the command and its children */
    session_visit(getsid(0), add_ticks, &ticks);
    pid_t inside = order->container ? container_session(&what->box) : 0;
    if (inside) session_visit(inside, add_ticks, &ticks);
    return ticks + size_of(STDOUT_FILENO, NULL) + size_of(STDERR_FILENO, NULL) +
           (order->output ? size_of(-1, order->output) : 0);
}

/* --- waiting --- */

typedef struct waiting {
    const command_order *order;
    const launch *what;
    pid_t pid;
    double started_s, looked_s;
    uint64_t life;
    int64_t beats;
    uint64_t left_out[2]; /* of stdout and stderr, see log_cap */
    bool timed_out;
    int handle; /* of the process: readable at its end; -1: this kernel has none */
} waiting;

static void cap_logs(waiting *wait)
{
    wait->left_out[0] += log_cap(STDOUT_FILENO, wait->left_out[0]);
    wait->left_out[1] += log_cap(STDERR_FILENO, wait->left_out[1]);
}

static void give_signs_of_life(waiting *wait)
{
    if (!wait->order->heartbeat) return;
    double now = now_s();
    if (now - wait->looked_s < LOOK_EVERY_S) return;
    wait->looked_s = now;
    /* With a limit of its own the command may be as silent as it likes until then. */
    if (wait->order->time_limit_s <= 0) {
        uint64_t seen = life(wait->order, wait->what);
        if (seen == wait->life) return;
        wait->life = seen;
    }
    wait->order->heartbeat(++wait->beats);
}

/* Waits until the command ended or `until_s`. */
static bool wait_until(waiting *wait, double until_s, int *how)
{
    long us = NAP_LEAST_US;
    for (;;) {
        pid_t ended = waitpid(wait->pid, how, WNOHANG);
        if (ended == wait->pid || (ended < 0 && errno != EINTR)) return true;
        if (until_s > 0 && now_s() > until_s) return false;
        give_signs_of_life(wait);
        cap_logs(wait);
        if (wait->handle >= 0) {
            struct pollfd end = {.fd = wait->handle, .events = POLLIN};
            (void)poll(&end, 1, NAP_MOST_US / 1000);
            continue;
        }
        (void)usleep((useconds_t)us);
        us = us * 2 < NAP_MOST_US ? us * 2 : NAP_MOST_US;
    }
}

static int wait_for_end(waiting *wait)
{
    int how = 0;
    int64_t limit = wait->order->time_limit_s;
    if (!wait_until(wait, limit > 0 ? wait->started_s + (double)limit : 0, &how)) {
        wait->timed_out = true;
        (void)kill(-wait->pid, SIGTERM);
        if (!wait_until(wait, now_s() + GRACE_S, &how)) {
            (void)kill(-wait->pid, SIGKILL);
            (void)wait_until(wait, 0, &how);
        }
    }
    (void)kill(-wait->pid, SIGKILL); /* what it left running in the background */
    if (wait->what->box.name[0] && (wait->timed_out || WIFSIGNALED(how)))
        container_remove(wait->what->box.name);
    return how;
}

/* The end of what the command wrote to stderr, on one line. */
static void quote_stderr(uint64_t from, char tail[TAIL_BYTES])
{
    uint64_t size = size_of(STDERR_FILENO, NULL);
    uint64_t beg = size > from + TAIL_BYTES - 1 ? size - (TAIL_BYTES - 1) : from;
    ssize_t got = size > beg ? pread(STDERR_FILENO, tail, TAIL_BYTES - 1, (off_t)beg) : 0;
    if (got < 0) got = 0;
    while (got > 0 && isspace((unsigned char)tail[got - 1])) got--;
    tail[got] = '\0';
    if (beg > from) { /* start at a whole line */
        char *newline = strchr(tail, '\n');
        if (newline) memmove(tail, newline + 1, strlen(newline));
    }
    for (char *at = tail; *at; at++)
        if (*at == '\n')
            *at = '|';
        else if (iscntrl((unsigned char)*at))
            *at = ' ';
}

static kuni_status describe(const waiting *wait, int how, uint64_t stderr_from, kuni_error *err)
{
    if (!wait->timed_out && WIFEXITED(how) && WEXITSTATUS(how) == 0) return KUNI_OK;
    char tail[TAIL_BYTES], log[512] = "", end[128];
    quote_stderr(stderr_from, tail);
    struct stat info;
    if (fstat(STDERR_FILENO, &info) == 0 && S_ISREG(info.st_mode)) {
        ssize_t length = readlink("/proc/self/fd/2", log, sizeof(log) - 1);
        log[length > 0 ? length : 0] = '\0';
    }
    if (wait->timed_out)
        (void)snprintf(end, sizeof(end), "did not end within its time limit of %lld s",
                       (long long)wait->order->time_limit_s);
    else if (WIFSIGNALED(how))
        (void)snprintf(end, sizeof(end), "was ended by signal %d (%s)", WTERMSIG(how),
                       strsignal(WTERMSIG(how)));
    else
        (void)snprintf(end, sizeof(end), "failed with exit status %d%s", WEXITSTATUS(how),
                       wait->order->container && WEXITSTATUS(how) == KILLED_INSIDE
                           ? " (killed, as is what uses more than `memory`)"
                           : "");
    bool outside = wait->order->container && WIFEXITED(how) && !wait->timed_out &&
                   !container_began(&wait->what->box, WEXITSTATUS(how));
    if (outside)
        return kuni_fail(err, KUNI_IO, "%s: %s cannot run its image: %s%s%s", wait->order->label,
                         wait->what->argv[0], tail, log[0] ? ": see " : "", log);
    return kuni_fail(err, KUNI_BUG, "%s: its command %s%s%s%s%s", wait->order->label, end,
                     tail[0] ? ": " : "", tail, log[0] ? ": see " : "", log);
}

/* What exec said of a command that could not be started. */
static kuni_status cannot_start(const command_order *order, const launch *what, int code,
                                kuni_error *err)
{
    if (code == E2BIG)
        return kuni_fail(err, KUNI_USAGE,
                         "%s: the command line is too long: use {input_list} instead of {input}",
                         order->label);
    errno = code;
    return kuni_fail_errno(err, "%s: cannot start %s", order->label, what->argv[0]);
}

/* vfork, as a task may start thousands: what is to be prepared is prepared before. */
static pid_t start(const command_order *order, const launch *what, volatile int *code)
{
    close_on_exec();
    /* NOLINTBEGIN(bugprone-unsafe-functions,cert-msc24-c,cert-msc33-c,clang-analyzer-*.vfork,*Vfork):
     * become_command calls the system alone. */
    pid_t pid = vfork();
    if (pid == 0) become_command(order, what, code);
    /* NOLINTEND(bugprone-unsafe-functions,cert-msc24-c,cert-msc33-c,clang-analyzer-*.vfork,*Vfork) */
    return pid;
}

static kuni_status run_guarded(const command_order *order, const launch *what, kuni_error *err)
{
    uint64_t stderr_from = size_of(STDERR_FILENO, NULL);
    waiting wait = {.order = order, .what = what, .started_s = now_s()};
    volatile int code = 0;
    wait.looked_s = wait.started_s;
    wait.pid = start(order, what, &code);
    if (wait.pid < 0) return kuni_fail_errno(err, "%s: cannot start a process", order->label);
    guard_tell(wait.pid, what->box.name);
    if (code) {
        (void)waitpid(wait.pid, NULL, 0);
        return cannot_start(order, what, code, err);
    }
    wait.handle = (int)syscall(SYS_pidfd_open, wait.pid, 0);
    int how = wait_for_end(&wait);
    if (wait.handle >= 0) (void)close(wait.handle);
    cap_logs(&wait);
    return describe(&wait, how, wait.left_out[1] ? 0 : stderr_from, err);
}

static kuni_status prepare(const command_order *order, const command_environment *environment,
                           kuni_arena *arena, launch *what, kuni_error *err)
{
    *what = (launch){.argv = order->argv, .environment = environment->list};
    if (!order->container) return KUNI_OK;
    kuni_error why = KUNI_ERROR_INIT;
    kuni_status status = container_make(&what->box, order->container, order->argv, order->folder,
                                        environment, order->env, arena, &why);
    if (status) return kuni_fail(err, status, "%s: %s", order->label, why.text);
    what->argv = what->box.argv;
    what->environment = what->box.environment;
    /* Of an earlier command of the task. */
    if (what->box.pid_file) (void)unlink(what->box.pid_file);
    return KUNI_OK;
}

kuni_status command_run(const command_order *order, kuni_error *err)
{
    command_environment environment;
    launch what;
    kuni_arena *arena = kuni_arena_new(err);
    if (!arena) return KUNI_MEMORY;
    (void)fflush(NULL);
    kuni_status status = environment_make(&environment, order->env, order->folder, order->threads,
                                          order->container != NULL, order->label, err);
    if (!status) status = prepare(order, &environment, arena, &what, err);
    if (!status) status = guard_ready(order->label, err);
    if (!status) {
        status = run_guarded(order, &what, err);
        guard_tell(0, "");
    }
    environment_fini(&environment);
    kuni_arena_free(arena);
    return status;
}
