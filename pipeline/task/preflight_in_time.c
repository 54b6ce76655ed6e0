/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "preflight.h"

enum { PATIENCE_S = 60, BEAT_MS = 500 };

static int64_t patience_ms(void)
{
    const char *text = getenv("KUNI_URL_PATIENCE_S");
    int64_t seconds = text ? strtoll(text, NULL, 10) : 0;
    return (seconds > 0 ? seconds : PATIENCE_S) * 1000;
}

/* The status as a byte, then the reason or the sample's name in the file. */
static _Noreturn void look(const kuni_task *task, const kuni_sample *sample, int fd)
{
    char *name = NULL;
    kuni_error err = KUNI_ERROR_INIT;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    kuni_status looked = kuni_genome_reopen(task->genome, &err);
    if (!looked) looked = kuni_preflight_check(task, sample, &name, &err);
    unsigned char status = (unsigned char)looked;
    const char *text = status ? err.text : name ? name : "";
    bool told = write(fd, &status, 1) == 1;
    for (size_t left = strlen(text); told && left > 0;) {
        ssize_t n = write(fd, text, left);
        told = n > 0 || errno == EINTR;
        if (n > 0) text += n, left -= (size_t)n;
    }
    _exit(told ? 0 : 1);
}

/* All that the child says, until its end; false where it has said nothing new for too long. */
static bool listen_to(int fd, const kuni_task *task, kuni_buffer *said, kuni_error *err)
{
    int64_t until = kuni_now_ms() + patience_ms();
    for (int64_t beats = 0;; beats++) {
        char block[4096];
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        if (task->heartbeat) task->heartbeat(beats);
        if (poll(&ready, 1, BEAT_MS) <= 0) {
            if (kuni_now_ms() > until) return false;
            continue;
        }
        ssize_t n = read(fd, block, sizeof(block));
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0 || kuni_buffer_append(said, block, (size_t)n, err)) return true;
    }
}

static kuni_status understand(const kuni_sample *sample, int how, const kuni_buffer *said,
                              char **name, kuni_error *err)
{
    if (how != 0 || said->length == 0)
        return kuni_fail(err, KUNI_IO, "%s: looking at %s crashed", sample->id, sample->reads);
    kuni_status status = (kuni_status)(unsigned char)said->data[0];
    if (status) return kuni_fail(err, status, "%s", said->data + 1);
    if (!name || said->length == 1) return KUNI_OK;
    *name = kuni_strdup(said->data + 1, err);
    return *name ? KUNI_OK : KUNI_MEMORY;
}

static bool is_remote(const char *path)
{
    return path && strstr(path, "://");
}

kuni_status kuni_preflight_in_time(const kuni_task *task, const kuni_sample *sample, char **name,
                                   kuni_error *err)
{
    int ends[2], how = 0;
    if (name) *name = NULL;
    if (!is_remote(sample->reads) && !is_remote(sample->index))
        return kuni_preflight_check(task, sample, name, err);
    if (pipe2(ends, O_CLOEXEC) != 0)
        return kuni_fail_errno(err, "%s: cannot make a pipe", sample->id);
    (void)fflush(NULL);
    pid_t child = fork();
    if (child == 0) look(task, sample, ends[1]);
    (void)close(ends[1]);
    kuni_buffer said = KUNI_BUFFER_INIT;
    kuni_status status =
        child > 0 ? KUNI_OK : kuni_fail_errno(err, "%s: cannot start a process", sample->id);
    bool ended = status || listen_to(ends[0], task, &said, err);
    (void)close(ends[0]);
    if (!ended) (void)kill(child, SIGKILL);
    while (child > 0 && waitpid(child, &how, 0) < 0 && errno == EINTR) continue;
    if (!ended)
        status = kuni_fail(err, KUNI_IO,
                           "%s: no answer for %lld s from %s: is the server there? "
                           "(KUNI_URL_PATIENCE_S)",
                           sample->id, (long long)(patience_ms() / 1000), sample->reads);
    if (!status) status = err->status; /* no memory for what was said */
    if (!status) status = understand(sample, how, &said, name, err);
    kuni_buffer_fini(&said);
    return status;
}
