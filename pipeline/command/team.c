/* SPDX-License-Identifier: MIT */
#include "team.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kuni/buffer.h"
#include "transport.h"

typedef struct member {
    pid_t pid;
    int told; /* what it says of its end: a kuni_error */
} member;

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
    if (pipe(ends) != 0) return kuni_fail_errno(err, "cannot make a pipe");
    m->pid = fork();
    if (m->pid < 0) {
        kuni_status status = kuni_fail_errno(err, "cannot start a process");
        (void)close(ends[0]);
        (void)close(ends[1]);
        return status;
    }
    if (m->pid == 0) {
        (void)close(ends[0]);
        kuni_error own = KUNI_ERROR_INIT;
        (void)work(context, share, n_shares, &own);
        _exit(write_all(ends[1], &own, sizeof(own)) ? 0 : 1);
    }
    (void)close(ends[1]);
    m->told = ends[0];
    return KUNI_OK;
}

/* Waits for a member; err becomes its error unless one is set. */
static kuni_status await(const member *m, kuni_error *err)
{
    kuni_error its = KUNI_ERROR_INIT;
    bool told = read_all(m->told, &its, sizeof(its));
    (void)close(m->told);
    int ended = 0;
    while (waitpid(m->pid, &ended, 0) < 0 && errno == EINTR) continue;
    if (!told && WIFSIGNALED(ended))
        return kuni_fail(err, WTERMSIG(ended) == SIGKILL ? KUNI_MEMORY : KUNI_BUG,
                         "a process of the command ended by signal %d (%s)", WTERMSIG(ended),
                         strsignal(WTERMSIG(ended)));
    if (!told) return kuni_fail(err, KUNI_BUG, "a process of the command ended without a word");
    return its.status ? kuni_fail(err, its.status, "%s", its.text) : KUNI_OK;
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
    for (size_t i = 0; i < n; i++) {
        kuni_status its = await(&members[i], err);
        if (!status) status = its;
    }
    free(members);
    return status;
}

kuni_status kuni_team_run(int64_t jobs, kuni_team_work *work, void *context, kuni_error *err)
{
    size_t first = (size_t)kuni_transport_rank() * (size_t)jobs, n = kuni_team_shares(jobs);
    kuni_status status = jobs == 1 ? work(context, first, n, err)
                                   : run_forked((size_t)jobs, work, context, first, n, err);
    return kuni_transport_agree(status, err);
}
