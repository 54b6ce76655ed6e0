/* SPDX-License-Identifier: MIT */
#include "team.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "complain.h"
#include "injection.h"
#include "kuni/buffer.h"
#include "transport.h"

typedef struct member {
    pid_t pid;
    int told; /* what it says of its end: a kuni_error; -1: it was heard to the end */
    bool stopped, ended;
    int how; /* wait status, once ended */
    int64_t stopped_ms;
} member;

enum { NAP_MS = 5, LOOK_MOST_MS = 1000 };

kuni_status kuni_team_join(kuni_error *err)
{
    kuni_status status = kuni_transport_init(err);
    if (status) return status;
    kuni_transport_end_with(KUNI_AGAIN);
    status = kuni_transport_watch_busy(kuni_transport_patience_ms(), err);
    kuni_injection_crash_at("lead-in");
    return status;
}

int kuni_team_leave(kuni_status status, const kuni_error *err)
{
    bool leads = kuni_transport_rank() == 0;
    kuni_error agreed = KUNI_ERROR_INIT;
    if (status) agreed = *err;
    (void)fflush(NULL);
    kuni_injection_crash_at("farewell");
    kuni_status all = kuni_transport_hung() ? status : kuni_transport_agree(status, &agreed);
    if (!leads) status = all; /* what rank 0 has told by now holds */
    if (kuni_transport_hung()) {
        const char *done =
            "a rank is silent, it hangs, or its node is lost: all is done without it";
        kuni_transport_leave_hung(status, !status ? done : leads ? NULL : agreed.text);
    }
    if (kuni_transport_maimed()) {
        if (status && !leads && kuni_transport_speaks()) (void)kuni_command_fail(&agreed);
        kuni_transport_leave(status);
    }
    kuni_transport_end_with(status);
    kuni_transport_fini();
    return leads ? status : KUNI_OK;
}

size_t kuni_team_shares(int64_t jobs)
{
    return (size_t)kuni_transport_size() * (size_t)jobs;
}

static bool write_all(int fd, const void *bytes, size_t length)
{
    for (const char *at = bytes; length;) {
        ssize_t written = write(fd, at, length);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return false;
        at += written;
        length -= (size_t)written;
    }
    return true;
}

static bool read_all(int fd, void *bytes, size_t length)
{
    for (char *at = bytes; length;) {
        ssize_t got = read(fd, at, length);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        at += got;
        length -= (size_t)got;
    }
    return true;
}

static kuni_status start(member *m, kuni_team_work *work, void *context, size_t share,
                         size_t n_shares, kuni_error *err)
{
    int ends[2];
    pid_t parent = getpid();
    if (pipe(ends) != 0) return kuni_fail_errno(err, "cannot make a pipe");
    m->pid = fork();
    if (m->pid < 0) {
        kuni_status status = kuni_fail_errno(err, "cannot start a process");
        (void)close(ends[0]);
        (void)close(ends[1]);
        return status;
    }
    if (m->pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) _exit(KUNI_AGAIN);
        (void)close(ends[0]);
        kuni_error own = KUNI_ERROR_INIT;
        kuni_injection_crash_at("share");
        (void)work(context, share, n_shares, &own);
        _exit(write_all(ends[1], &own, sizeof(own)) ? 0 : 1);
    }
    (void)close(ends[1]);
    m->told = ends[0];
    return KUNI_OK;
}

/* Whether a member has been stopped, as by SIGSTOP, for longer than a rank may be silent. */
static bool stands_still(member *m, int64_t since_ms)
{
    int how = 0;
    if (waitpid(m->pid, &how, WNOHANG | WUNTRACED | WCONTINUED) == m->pid) {
        m->stopped = WIFSTOPPED(how);
        m->ended = WIFEXITED(how) || WIFSIGNALED(how);
        m->how = how;
    }
    m->stopped_ms = m->stopped ? m->stopped_ms + since_ms : 0;
    return m->stopped_ms > kuni_transport_patience_ms();
}

/* Waits for one that has told or ended. */
static kuni_status take_end(member *m, kuni_error *err)
{
    kuni_error its = KUNI_ERROR_INIT;
    bool told = read_all(m->told, &its, sizeof(its));
    (void)close(m->told);
    m->told = -1;
    while (!m->ended && waitpid(m->pid, &m->how, 0) < 0 && errno == EINTR) continue;
    if (!told && WIFSIGNALED(m->how))
        return kuni_fail(err, WTERMSIG(m->how) == SIGKILL ? KUNI_MEMORY : KUNI_BUG,
                         "a process of the command ended by signal %d (%s)", WTERMSIG(m->how),
                         strsignal(WTERMSIG(m->how)));
    if (!told) return kuni_fail(err, KUNI_BUG, "a process of the command ended without a word");
    return its.status ? kuni_fail(err, its.status, "%s", its.text) : KUNI_OK;
}

static void end_all(member *members, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (members[i].told >= 0 && !members[i].ended) (void)kill(members[i].pid, SIGKILL);
    kuni_error ignored = KUNI_ERROR_INIT;
    for (size_t i = 0; i < n; i++)
        if (members[i].told >= 0) (void)take_end(&members[i], &ignored);
}

/* Looks at all once, `since_ms` after the last time; the first error counts. */
static kuni_status look_at_all(member *members, size_t n, int64_t since_ms, size_t *n_left,
                               kuni_error *err)
{
    kuni_status status = KUNI_OK;
    *n_left = 0;
    for (size_t i = 0; i < n; i++) {
        member *m = &members[i];
        struct pollfd from = {.fd = m->told, .events = POLLIN};
        kuni_error its = KUNI_ERROR_INIT;
        if (m->told < 0) continue;
        if (poll(&from, 1, 0) > 0) {
            if (take_end(m, &its) && !status) status = kuni_fail(err, its.status, "%s", its.text);
        } else if (stands_still(m, since_ms)) {
            return kuni_fail(err, KUNI_AGAIN,
                             "a process of the command on rank %d was stopped and has not gone on "
                             "for %lld s: run the same command again",
                             kuni_transport_rank(), (long long)m->stopped_ms / 1000);
        } else
            ++*n_left;
    }
    return status;
}

/* Until all have ended; at once where one stands still, or another rank does. */
static kuni_status await_all(member *members, size_t n, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    int64_t looked_ms = kuni_now_ms();
    kuni_injection_crash_at("team");
    for (size_t n_left = n; n_left && status != KUNI_AGAIN && !kuni_transport_hung();) {
        kuni_error its = KUNI_ERROR_INIT;
        int64_t now = kuni_now_ms(), since = now - looked_ms;
        looked_ms = now;
        if (look_at_all(members, n, since < LOOK_MOST_MS ? since : LOOK_MOST_MS, &n_left, &its) &&
            (!status || its.status == KUNI_AGAIN))
            status = kuni_fail(err, its.status, "%s", its.text);
        kuni_transport_pulse();
        if (n_left) kuni_sleep_ms(NAP_MS);
    }
    end_all(members, n);
    return status;
}

static kuni_status run_forked(size_t jobs, kuni_team_work *work, void *context, size_t first,
                              size_t n_shares, kuni_error *err)
{
    member *members = kuni_alloc(jobs, sizeof(*members), err);
    if (!members) return KUNI_MEMORY;
    kuni_status status = KUNI_OK;
    (void)fflush(NULL); /* nothing twice */
    size_t n = 0;
    while (n < jobs && !status) {
        status = start(&members[n], work, context, first + n, n_shares, err);
        if (!status) n++;
    }
    if (status)
        end_all(members, n);
    else
        status = await_all(members, n, err);
    free(members);
    return status;
}

kuni_status kuni_team_run(int64_t jobs, kuni_team_work *work, void *context, kuni_error *err)
{
    size_t first = (size_t)kuni_transport_rank() * (size_t)jobs, n = kuni_team_shares(jobs);
    /* Several ranks watch each other, and the work of one must not outlive its end. */
    bool alone = jobs == 1 && kuni_transport_size() == 1;
    kuni_status status = alone ? work(context, first, n, err)
                               : run_forked((size_t)jobs, work, context, first, n, err);
    return kuni_transport_agree(status, err);
}
