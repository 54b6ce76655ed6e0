/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "accounting.h"
#include "clock.h"
#include "command.h"
#include "complain.h"
#include "kuni/file.h"
#include "lock.h"
#include "operand.h"

enum { WATCH_MS = 1000 };

typedef struct request {
    bool json;              /* print status.json instead of words */
    bool watch;             /* until the run has ended */
    const char *prometheus; /* a file for node_exporter */
} request;

static const kuni_option options[] = {
    {"json", 0, NULL, NULL,
     "print DATASET/status.json, with the state as it is now and what each step and batch took",
     KUNI_BIND_FLAG(request, json)},
    {"prometheus", 0, "FILE", NULL,
     "write the numbers to FILE as well (name it NAME.prom) for node_exporter's textfile "
     "collector; "
     "with --watch again and again",
     KUNI_BIND_TEXT(request, prometheus, KUNI_COMPLETES_FILE)},
    {"watch", 'w', NULL, NULL,
     "go on telling until the run ends: on a terminal in place, else a line a change",
     KUNI_BIND_FLAG(request, watch)},
    KUNI_OPTIONS_END,
};

static kuni_status read_status(const char *folder, json_t **object, kuni_error *err)
{
    char *path = kuni_path_join(folder, "status.json", err);
    if (!path) return KUNI_MEMORY;
    kuni_status status = KUNI_OK;
    json_error_t fault;
    if (access(path, R_OK) != 0)
        status =
            kuni_fail(err, KUNI_USAGE, "%s: no run has been here: there is no status.json", folder);
    else if (!(*object = json_load_file(path, 0, &fault)))
        status = kuni_fail(err, KUNI_DATA, "%s: %s", path, fault.text);
    free(path);
    return status;
}

static int64_t number(json_t *o, const char *name)
{
    return json_integer_value(json_object_get(o, name));
}

static void print_words(const char *folder, json_t *o)
{
    const char *state = json_string_value(json_object_get(o, "state"));
    const char *message = json_string_value(json_object_get(o, "message"));
    printf("%s: %s\n", folder, state);
    printf("tasks     %" PRId64 " of %" PRId64 " done (%" PRId64 " from earlier runs), %" PRId64
           " running, %" PRId64 " failed\n",
           number(o, "done"), number(o, "tasks"), number(o, "reused"), number(o, "running"),
           number(o, "failed"));
    printf("samples   %" PRId64 ", %" PRId64 " quarantined\n", number(o, "samples"),
           number(o, "quarantined"));
    int64_t ranks = number(o, "ranks");
    bool running = strcmp(state, "running") == 0;
    if (running)
        printf("phase     %s, %.2f Mb x samples a second\n",
               json_string_value(json_object_get(o, "phase")),
               json_number_value(json_object_get(o, "mb_per_s")));
    printf("time      %" PRId64 " s%s, %" PRId64 " rank%s\n", number(o, "elapsed_s"),
           running ? " so far" : "", ranks, ranks == 1 ? "" : "s");
    if (running && !json_is_null(json_object_get(o, "eta_s")))
        printf("ETA       %" PRId64 " s for this phase\n", number(o, "eta_s"));
    printf("%s %" PRId64 " s ago\n", running ? "seen     " : "ended    ",
           (int64_t)time(NULL) - number(o, "updated_unix_s"));
    kuni_accounting_print(o);
    if (message && message[0]) printf("message   %s\n", message);
}

static void set_state(json_t *o, const char *state, const char *message)
{
    json_object_set_new(o, "state", json_string(state));
    json_object_set_new(o, "message", json_string(message));
}

/*
 * The status as it is now. The file says "running" for ever where the run was killed or is stopped:
 * the lock knows better, which the kernel drops and the run's own process gives a new time.
 */
static kuni_status look(const char *folder, json_t **o, kuni_error *err)
{
    kuni_status status = read_status(folder, o, err);
    if (status) return status;
    const char *state = json_string_value(json_object_get(*o, "state"));
    if (!state) json_object_set_new(*o, "state", json_string("unknown"));
    if (!state || strcmp(state, "running") != 0) return KUNI_OK;
    if (!kuni_lock_is_held(folder)) {
        set_state(*o, "killed", "the run was killed: run the same command to go on");
        return KUNI_OK;
    }
    int64_t beaten_ns = kuni_lock_beaten_ns(folder), limit_s = number(*o, "silence_s");
    int64_t silent_s = (int64_t)time(NULL) - beaten_ns / 1000000000;
    if (beaten_ns < 0 || limit_s <= 0 || silent_s <= limit_s) return KUNI_OK;
    char text[160];
    snprintf(text, sizeof(text),
             "no sign of life for %" PRId64
             " s: it hangs or is suspended: kill its launcher and run the same command to go on",
             silent_s);
    set_state(*o, "hung", text);
    return KUNI_OK;
}

static const char *state_of(json_t *o)
{
    return json_string_value(json_object_get(o, "state"));
}

static void print_line(json_t *o)
{
    const char *phase = json_string_value(json_object_get(o, "phase"));
    printf("%s %s: %" PRId64 " of %" PRId64 " tasks, %" PRId64 " running, %" PRId64
           " failed, %" PRId64 " s\n",
           state_of(o), phase ? phase : "", number(o, "done"), number(o, "tasks"),
           number(o, "running"), number(o, "failed"), number(o, "elapsed_s"));
}

/* Looks every second until nobody runs; *o is what it saw last. */
static kuni_status watch(const char *folder, const char *prometheus, json_t **o, kuni_error *err)
{
    bool terminal = isatty(STDOUT_FILENO);
    int64_t told = -1;
    while (strcmp(state_of(*o), "running") == 0) {
        int64_t now = number(*o, "done") * 2 + (number(*o, "failed") > 0);
        if (terminal) {
            printf("\033[H\033[2J"); /* home, clear */
            print_words(folder, *o);
        } else if (now != told) {
            print_line(*o);
        }
        told = now;
        if (fflush(stdout) != 0) return kuni_fail_errno(err, "cannot write");
        kuni_sleep_ms(WATCH_MS);
        json_decref(*o);
        *o = NULL;
        kuni_status status = look(folder, o, err);
        if (!status && prometheus) status = kuni_accounting_prometheus(*o, prometheus, err);
        if (status) return status;
    }
    if (terminal && told >= 0) printf("\033[H\033[2J");
    return KUNI_OK;
}

static int run(const kuni_call *call)
{
    const request *r = call->options;
    kuni_error err = KUNI_ERROR_INIT;
    char *folder = NULL;
    json_t *o = NULL;
    kuni_status status =
        r->json && r->watch
            ? kuni_fail(&err, KUNI_USAGE, "--watch tells in words: leave out --json")
            : kuni_command_find_dataset(call->words[0], &folder, &err);
    if (!status) status = look(folder, &o, &err);
    if (!status && r->prometheus) status = kuni_accounting_prometheus(o, r->prometheus, &err);
    if (!status && r->watch) status = watch(folder, r->prometheus, &o, &err);
    if (!status && r->json) status = kuni_accounting_add(o, folder, &err);
    if (status) {
        json_decref(o);
        free(folder);
        return kuni_command_fail(&err);
    }
    const char *state = state_of(o);
    int64_t code = strcmp(state, "done") == 0     ? 0
                   : strcmp(state, "failed") == 0 ? number(o, "exit_status")
                                                  : KUNI_AGAIN;
    if (r->json)
        json_dumpf(o, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(9));
    else
        print_words(folder, o);
    if (r->json) putchar('\n');
    json_decref(o);
    free(folder);
    return (int)code;
}

const kuni_command kuni_cmd_status = {
    .group = "Run",
    .name = "status",
    .summary = "tell how a run stands or how it ended",
    .about =
        "Tell how the last run of a dataset stands, or how it ended.\n"
        "Exit status: 0 done; 75 running, stopped, hung or killed (the same command goes on); else "
        "why it\n"
        "failed. Trust this, not the exit status of mpirun.",
    .usage = "kuni status [OPTIONS] DATASET|WORKFLOW.yaml",
    .example = "kuni status workflows/quickstart.yaml",
    .options = options,
    .options_bytes = sizeof(request),
    .least_words = 1,
    .most_words = 1,
    .words = KUNI_COMPLETES_DATASET,
    .run = run,
};
