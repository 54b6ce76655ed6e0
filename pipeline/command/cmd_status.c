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

#include "command.h"
#include "complain.h"
#include "kuni/file.h"
#include "lock.h"
#include "operand.h"

typedef struct request {
    bool json; /* print status.json instead of words */
} request;

static const kuni_option options[] = {
    {"json", 0, NULL, NULL, "print DATASET/status.json, with the state as it is now",
     KUNI_BIND_FLAG(request, json)},
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
    if (message && message[0]) printf("message   %s\n", message);
}

static int run(const kuni_call *call)
{
    const request *r = call->options;
    kuni_error err = KUNI_ERROR_INIT;
    char *folder = NULL;
    json_t *o = NULL;
    kuni_status status = kuni_command_find_dataset(call->words[0], &folder, &err);
    if (!status) status = read_status(folder, &o, &err);
    if (status) {
        free(folder);
        return kuni_command_fail(&err);
    }
    const char *state = json_string_value(json_object_get(o, "state"));
    if (!state) state = "unknown";
    /* The file says "running" for ever where the run was killed; the lock knows better. */
    if (strcmp(state, "running") == 0 && !kuni_lock_is_held(folder)) {
        json_object_set_new(o, "state", json_string("killed"));
        json_object_set_new(o, "message",
                            json_string("the run was killed: run the same command to go on"));
        state = "killed";
    }
    int64_t code = strcmp(state, "done") == 0     ? 0
                   : strcmp(state, "failed") == 0 ? number(o, "exit_status")
                                                  : KUNI_AGAIN;
    if (r->json)
        json_dumpf(o, stdout, JSON_INDENT(1));
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
    .about = "Tell how the last run of a dataset stands, or how it ended.\n"
             "Exit status: 0 done; 75 running, stopped or killed (the same command goes on); else "
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
