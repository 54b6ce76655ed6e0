/* SPDX-License-Identifier: MIT */
#include "progress.h"

#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "kuni/file.h"
#include "kuni/version.h"
#include "plain_text.h"
#include "transport.h"

enum {
    TTY_MS = 500,
    LOG_FIRST_MS = 10000,
    LOG_MS = 30000,
    STATUS_MS = 3000,
    /* status.json is filled up with blanks to so many bytes: room to overwrite on a full disk. */
    STATUS_BYTES = 16384
};

struct kuni_progress {
    char *status_path, *workflow;
    uint64_t epoch;
    bool quiet, tty, line_open;
    int64_t began_ms, phase_ms, printed_ms, status_ms;
    const char *phase;
    kuni_progress_numbers last;
    int exit_status;
    /* status.json by a thread of its own: see kuni_progress_stay */
    bool stays, goes_on;
    pthread_t keeper;
    pthread_mutex_t lock; /* of goes_on */
    pthread_cond_t wake;
};

void kuni_progress_free(kuni_progress *p)
{
    if (!p) return;
    kuni_progress_go_on(p);
    free(p->status_path);
    free(p->workflow);
    free(p);
}

static void print_duration(char *text, size_t bytes, int64_t seconds)
{
    if (seconds >= 86400)
        snprintf(text, bytes, "%" PRId64 "d%02" PRId64 "h", seconds / 86400,
                 seconds % 86400 / 3600);
    else if (seconds >= 3600)
        snprintf(text, bytes, "%" PRId64 "h%02" PRId64 "m", seconds / 3600, seconds % 3600 / 60);
    else if (seconds >= 60)
        snprintf(text, bytes, "%" PRId64 "m%02" PRId64 "s", seconds / 60, seconds % 60);
    else
        snprintf(text, bytes, "%" PRId64 "s", seconds);
}

/* Base pairs x samples a second in this phase. */
static double phase_rate(const kuni_progress *p, const kuni_progress_numbers *n)
{
    double seconds = (double)(kuni_now_ms() - p->phase_ms) / 1000;
    double fresh = (double)(n->weight_done - n->weight_reused);
    return seconds > 0.1 ? fresh / seconds : 0;
}

static void print_line(kuni_progress *p, const kuni_progress_numbers *n)
{
    char eta[32] = "-", elapsed[32];
    double rate = phase_rate(p, n);
    if (n->eta_s >= 0) print_duration(eta, sizeof(eta), n->eta_s);
    print_duration(elapsed, sizeof(elapsed), (kuni_now_ms() - p->began_ms) / 1000);
    char failed[48] = "", quarantined[48] = "";
    if (n->failed) snprintf(failed, sizeof(failed), ", %zu failed", n->failed);
    if (n->quarantined)
        snprintf(quarantined, sizeof(quarantined), ", %zu quarantined", n->quarantined);
    fprintf(stderr,
            "%skuni: %s %zu/%zu tasks%s, %zu samples%s, %.1f of %.1f Mb x samples, %.2f Mb/s, %s, "
            "ETA %s%s",
            p->tty ? "\r" : "", n->phase, n->done, n->tasks, failed, n->samples, quarantined,
            (double)n->weight_done / 1e6, (double)n->weight_total / 1e6, rate / 1e6, elapsed, eta,
            p->tty ? "\033[K" : "\n");
    (void)fflush(stderr);
    p->line_open = p->tty;
}

static json_t *status_object(const kuni_progress *p, const char *state, const char *message)
{
    const kuni_progress_numbers *n = &p->last;
    double rate = phase_rate(p, n);
    json_t *o = json_pack("{ss ss ss sI ss sI sI sI sI sI sI sI sI sf}", "state", state, "workflow",
                          p->workflow, "kuni", KUNI_VERSION, "epoch", (json_int_t)p->epoch, "phase",
                          n->phase, "tasks", (json_int_t)n->tasks, "done", (json_int_t)n->done,
                          "reused", (json_int_t)n->reused, "failed", (json_int_t)n->failed,
                          "running", (json_int_t)n->running, "samples", (json_int_t)n->samples,
                          "quarantined", (json_int_t)n->quarantined, "ranks", (json_int_t)n->ranks,
                          "mb_per_s", rate / 1e6);
    if (!o) return NULL;
    json_object_set_new(o, "elapsed_s", json_integer((kuni_now_ms() - p->began_ms) / 1000));
    json_object_set_new(o, "eta_s", n->eta_s >= 0 ? json_integer(n->eta_s) : json_null());
    if (n->account) json_object_set_new(o, "steps", kuni_account_steps(n->account));
    json_object_set_new(o, "updated_unix_s", json_integer(time(NULL)));
    json_object_set_new(o, "silence_s", json_integer(kuni_transport_patience_ms() / 1000));
    json_object_set_new(o, "exit_status", json_integer(p->exit_status));
    json_object_set_new(o, "message", json_string(message ? message : ""));
    return o;
}

/* The text of status.json, ended by a newline and filled up with blanks before it. */
static kuni_status status_text(const kuni_progress *p, const char *state, const char *message,
                               kuni_buffer *text, kuni_error *err)
{
    json_t *object = status_object(p, state, message);
    char *json = object ? json_dumps(object, JSON_INDENT(1)) : NULL;
    json_decref(object);
    if (!json) return kuni_fail_memory(err, 1, 1);
    int blanks = strlen(json) < STATUS_BYTES ? STATUS_BYTES - (int)strlen(json) : 0;
    kuni_status status = kuni_buffer_printf(text, err, "%s%*s\n", json, blanks, "");
    free(json);
    return status;
}

static kuni_status write_status(const kuni_progress *p, const char *state, const char *message,
                                kuni_error *err)
{
    kuni_buffer text = KUNI_BUFFER_INIT;
    kuni_status status = status_text(p, state, message, &text, err);
    if (!status) status = kuni_file_put(p->status_path, text.data, text.length, err);
    kuni_buffer_fini(&text);
    return status;
}

/*
 * The last word, where there was no room for another file: over the old one, in the blocks that it
 * has. Else the file would say "running" of a run that has failed, and why would be lost.
 */
static bool overwrite_status(const kuni_progress *p, const char *state, const char *message)
{
    kuni_buffer text = KUNI_BUFFER_INIT;
    int fd = open(p->status_path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    bool done = fd >= 0 && !status_text(p, state, message, &text, NULL) &&
                pwrite(fd, text.data, text.length, 0) == (ssize_t)text.length &&
                ftruncate(fd, (off_t)text.length) == 0;
    if (fd >= 0) (void)close(fd);
    kuni_buffer_fini(&text);
    return done;
}

/* --- while rank 0 does one thing for long --- */

static void *keep_status(void *context)
{
    kuni_progress *p = context;
    (void)pthread_mutex_lock(&p->lock);
    while (!p->goes_on) {
        int64_t left = p->status_ms ? p->status_ms + STATUS_MS - kuni_now_ms() : 0;
        if (left <= 0) {
            kuni_error ignored = KUNI_ERROR_INIT; /* as in kuni_progress_update */
            kuni_status status = write_status(p, "running", "", &ignored);
            (void)status;
            p->status_ms = kuni_now_ms();
            left = STATUS_MS;
        }
        struct timespec until;
        (void)clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += left / 1000;
        until.tv_nsec += left % 1000 * 1000000;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        (void)pthread_cond_timedwait(&p->wake, &p->lock, &until);
    }
    (void)pthread_mutex_unlock(&p->lock);
    return NULL;
}

void kuni_progress_stay(kuni_progress *p, const char *phase)
{
    sigset_t all, before;
    if (!p || p->stays) return;
    if (phase) p->last.phase = phase;
    p->goes_on = false;
    if (pthread_mutex_init(&p->lock, NULL) != 0) return;
    if (pthread_cond_init(&p->wake, NULL) == 0) {
        (void)sigfillset(&all); /* signals are the business of the rank itself */
        (void)pthread_sigmask(SIG_SETMASK, &all, &before);
        p->stays = pthread_create(&p->keeper, NULL, keep_status, p) == 0;
        (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (!p->stays) (void)pthread_cond_destroy(&p->wake);
    }
    if (!p->stays) (void)pthread_mutex_destroy(&p->lock);
}

void kuni_progress_go_on(kuni_progress *p)
{
    if (!p || !p->stays) return;
    (void)pthread_mutex_lock(&p->lock);
    p->goes_on = true;
    (void)pthread_cond_signal(&p->wake);
    (void)pthread_mutex_unlock(&p->lock);
    (void)pthread_join(p->keeper, NULL);
    (void)pthread_cond_destroy(&p->wake);
    (void)pthread_mutex_destroy(&p->lock);
    p->stays = false;
}

kuni_status kuni_progress_new(kuni_progress **out, const char *folder, const char *workflow,
                              uint64_t epoch, bool quiet, kuni_error *err)
{
    kuni_progress *p = kuni_alloc(1, sizeof(*p), err);
    if (!p) return KUNI_MEMORY;
    int64_t now = kuni_now_ms();
    *p = (kuni_progress){.epoch = epoch,
                         .quiet = quiet,
                         .tty = isatty(STDERR_FILENO) == 1,
                         .began_ms = now,
                         .phase_ms = now,
                         .printed_ms = now + LOG_FIRST_MS - LOG_MS,
                         .phase = "start"};
    p->last.phase = p->phase;
    p->last.eta_s = -1;
    p->status_path = kuni_path_join(folder, "status.json", err);
    p->workflow = kuni_strdup(workflow, err);
    if (!p->status_path || !p->workflow) {
        kuni_progress_free(p);
        return KUNI_MEMORY;
    }
    /* Those who watch see that another run has begun, and that the word of the last one is old. */
    kuni_error ignored = KUNI_ERROR_INIT;
    kuni_status told = write_status(p, "running", "", &ignored);
    (void)told; /* the folder may not take it: the run's own writes will tell */
    *out = p;
    return KUNI_OK;
}

void kuni_progress_update(kuni_progress *p, const kuni_progress_numbers *n)
{
    kuni_progress_go_on(p);
    int64_t now = kuni_now_ms();
    if (strcmp(p->phase, n->phase) != 0) {
        p->phase = n->phase;
        p->phase_ms = now;
    }
    p->last = *n;
    if (now - p->status_ms >= STATUS_MS) {
        kuni_error ignored =
            KUNI_ERROR_INIT; /* the disk may be full: the run's own writes will say so */
        kuni_status status = write_status(p, "running", "", &ignored);
        (void)status;
        p->status_ms = now;
    }
    if (p->quiet || now - p->printed_ms < (p->tty ? TTY_MS : LOG_MS)) return;
    print_line(p, n);
    p->printed_ms = now;
}

void kuni_progress_say(kuni_progress *p, const char *format, ...)
{
    char text[2 * KUNI_ERROR_TEXT_BYTES];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    kuni_make_plain(text);
    fprintf(stderr, "%skuni: %s\n", p && p->line_open ? "\r\033[K" : "", text);
    if (p) p->line_open = false;
    (void)fflush(stderr);
}

kuni_status kuni_progress_end(kuni_progress *p, const char *state, const char *message,
                              int exit_status, kuni_error *err)
{
    kuni_progress_go_on(p);
    if (p->line_open) fputs("\r\033[K", stderr);
    p->line_open = false;
    p->exit_status = exit_status;
    kuni_error fault = KUNI_ERROR_INIT;
    kuni_status status = write_status(p, state, message, &fault);
    if (!status || overwrite_status(p, state, message)) return KUNI_OK;
    return kuni_fail(err, status, "%s", fault.text);
}
