/* SPDX-License-Identifier: MIT */
#include "progress.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "kuni/file.h"
#include "kuni/version.h"

enum { TTY_MS = 500, LOG_FIRST_MS = 10000, LOG_MS = 30000, STATUS_MS = 3000 };

struct kuni_progress {
    char *status_path, *workflow;
    uint64_t epoch;
    bool quiet, tty, line_open;
    int64_t began_ms, phase_ms, printed_ms, status_ms;
    const char *phase;
    kuni_progress_numbers last;
    int exit_status;
};

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
    p->status_path = kuni_path_join(folder, "status.json", err);
    p->workflow = kuni_strdup(workflow, err);
    if (!p->status_path || !p->workflow) {
        kuni_progress_free(p);
        return KUNI_MEMORY;
    }
    *out = p;
    return KUNI_OK;
}

void kuni_progress_free(kuni_progress *p)
{
    if (!p) return;
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

/* Base pairs x samples a second in this phase, and seconds to its end (-1: not known). */
static double phase_rate(const kuni_progress *p, const kuni_progress_numbers *n, int64_t *eta_s)
{
    double seconds = (double)(kuni_now_ms() - p->phase_ms) / 1000;
    double fresh = (double)(n->weight_done - n->weight_reused);
    double rate = seconds > 0.1 ? fresh / seconds : 0;
    *eta_s = rate > 0 ? (int64_t)((double)(n->weight_total - n->weight_done) / rate) : -1;
    return rate;
}

static void print_line(kuni_progress *p, const kuni_progress_numbers *n)
{
    char eta[32] = "-", elapsed[32];
    int64_t eta_s;
    double rate = phase_rate(p, n, &eta_s);
    if (eta_s >= 0) print_duration(eta, sizeof(eta), eta_s);
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
    int64_t eta_s;
    double rate = phase_rate(p, n, &eta_s);
    json_t *o = json_pack("{ss ss ss sI ss sI sI sI sI sI sI sI sI sf}", "state", state, "workflow",
                          p->workflow, "kuni", KUNI_VERSION, "epoch", (json_int_t)p->epoch, "phase",
                          n->phase, "tasks", (json_int_t)n->tasks, "done", (json_int_t)n->done,
                          "reused", (json_int_t)n->reused, "failed", (json_int_t)n->failed,
                          "running", (json_int_t)n->running, "samples", (json_int_t)n->samples,
                          "quarantined", (json_int_t)n->quarantined, "ranks", (json_int_t)n->ranks,
                          "mb_per_s", rate / 1e6);
    if (!o) return NULL;
    json_object_set_new(o, "elapsed_s", json_integer((kuni_now_ms() - p->began_ms) / 1000));
    json_object_set_new(o, "eta_s", eta_s >= 0 ? json_integer(eta_s) : json_null());
    json_object_set_new(o, "updated_unix_s", json_integer(time(NULL)));
    json_object_set_new(o, "exit_status", json_integer(p->exit_status));
    json_object_set_new(o, "message", json_string(message ? message : ""));
    return o;
}

static kuni_status write_status(kuni_progress *p, const char *state, const char *message,
                                kuni_error *err)
{
    json_t *object = status_object(p, state, message);
    char *text = object ? json_dumps(object, JSON_INDENT(1)) : NULL;
    json_decref(object);
    if (!text) return kuni_fail_memory(err, 1, 1);
    kuni_status status = kuni_file_put(p->status_path, text, strlen(text), err);
    free(text);
    return status;
}

void kuni_progress_update(kuni_progress *p, const kuni_progress_numbers *n)
{
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
    va_list args;
    if (p && p->line_open) fputs("\r\033[K", stderr);
    if (p) p->line_open = false;
    fputs("kuni: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    (void)fflush(stderr);
}

kuni_status kuni_progress_end(kuni_progress *p, const char *state, const char *message,
                              int exit_status, kuni_error *err)
{
    if (p->line_open) fputs("\r\033[K", stderr);
    p->line_open = false;
    p->exit_status = exit_status;
    return write_status(p, state, message, err);
}
