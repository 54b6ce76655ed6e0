/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attempt.h"
#include "command.h"
#include "complain.h"
#include "operand.h"
#include "temporary.h"

enum { SHOWN_LINES = 5, SHOWN_BYTES = 2000 };

typedef struct request {
    kuni_run_options run; /* but for workflow and settings */
    kuni_texts settings;  /* --set */
    kuni_attempt_request what;
    const char *folder; /* where outputs stay; NULL: nowhere, or `keep` */
    bool keep;
} request;

static const kuni_option options[] = {
    KUNI_OPTION_SET(request, settings),
    {"shard", 0, "REGION", "the first", "on the shard that holds the begin of chr20:1-5000000",
     KUNI_BIND_TEXT(request, what.shard, KUNI_COMPLETES_NOTHING)},
    {"batch", 0, "BATCH", "the first", "on this batch",
     KUNI_BIND_TEXT(request, what.batch, KUNI_COMPLETES_NOTHING)},
    {"sample", 0, "SAMPLE", NULL, "on this sample's batch; a step that reads samples sees no other",
     KUNI_BIND_TEXT(request, what.sample, KUNI_COMPLETES_NOTHING)},
    {"output", 'o', "FOLDER", NULL, "keep outputs and logs here: new, or empty",
     KUNI_BIND_TEXT(request, folder, KUNI_COMPLETES_FOLDER)},
    {"keep", 'k', NULL, NULL, "keep them in the scratch folder", KUNI_BIND_FLAG(request, keep)},
    KUNI_OPTIONS_END,
};

/* --- the folder --- */

static bool is_in(const char *path, const char *folder)
{
    size_t length = strlen(folder);
    return strncmp(path, folder, length) == 0 && (path[length] == '/' || !path[length]);
}

static kuni_status make_folder(const request *r, const kuni_run *run, char **folder,
                               kuni_error *err)
{
    const char *tmp = getenv("TMPDIR");
    char *path = r->folder ? kuni_strdup(r->folder, err)
                           : kuni_path_join(tmp && tmp[0] ? tmp : "/tmp", "kuni-try-XXXXXX", err);
    kuni_status status = path ? KUNI_OK : KUNI_MEMORY;
    if (!status && !r->folder && !mkdtemp(path))
        status = kuni_fail_errno(err, "cannot make %s", path);
    if (!status && r->folder) status = kuni_make_folders(path, err);
    *folder = status ? NULL : realpath(path, NULL);
    if (!status && !*folder) status = kuni_fail_errno(err, "cannot open %s", path);
    free(path);
    if (status || !r->folder) return status;
    if (is_in(*folder, run->folder))
        return kuni_fail(err, KUNI_USAGE, "--output %s is in the dataset: name another place",
                         r->folder);
    if (rmdir(*folder) != 0 || mkdir(*folder, 0777) != 0) /* an empty one alone lets itself go */
        return kuni_fail(err, KUNI_USAGE,
                         "--output %s: is not an empty folder that can be written to", r->folder);
    return KUNI_OK;
}

/* --- what came of it --- */

/* The first lines of a text; nothing of anything else. */
static void print_head(const char *path)
{
    char text[SHOWN_BYTES + 1];
    FILE *file = fopen(path, "re");
    if (!file) return;
    size_t n = fread(text, 1, SHOWN_BYTES, file);
    (void)fclose(file);
    bool plain = n > 0;
    for (size_t i = 0; i < n && plain; i++)
        plain = (unsigned char)text[i] >= ' ' || strchr("\t\n\r", text[i]);
    if (!plain || memchr(text, '\0', n)) return;
    text[n] = '\0';
    char *save = NULL, *line = strtok_r(text, "\n", &save);
    for (int i = 0; i < SHOWN_LINES && line; i++, line = strtok_r(NULL, "\n", &save))
        printf("    %s\n", line);
    if (line) puts("    ...");
}

static void print_log(const kuni_attempt *a, const char *ending)
{
    char path[4200];
    (void)snprintf(path, sizeof(path), "%s.%s", a->log, ending);
    if (access(path, R_OK) != 0) return;
    printf("  %s\n", path);
    print_head(path);
}

static void print_result(const kuni_attempt *a, const kuni_run *run)
{
    const kuni_node *node = &run->plan.nodes[a->node];
    printf("%s: %.2f s CPU, %.2f s, %.1f MiB, %zu input%s\n", a->name, a->result.cpu_s,
           a->result.wall_s, (double)a->result.max_rss_bytes / (1 << 20), a->n_inputs,
           a->n_inputs == 1 ? "" : "s");
    for (size_t o = 0; o < a->n_outputs; o++) {
        struct stat st;
        const char *kind = node->step->outputs[o].kind;
        if (!a->outputs[o] || stat(a->outputs[o], &st) != 0) {
            printf("  no %s, which is optional\n", kind);
            continue;
        }
        printf("  %s (%s, %" PRId64 " bytes)\n", a->outputs[o], kind, (int64_t)st.st_size);
        print_head(a->outputs[o]);
    }
    print_log(a, "out");
    print_log(a, "err");
    if (a->more_steps[0]) printf("the stage has further steps: %s\n", a->more_steps);
}

/* As a run tells of a task that failed. */
static kuni_status tell(const kuni_attempt *a, const kuni_run *run, kuni_error *err)
{
    const char *what = a->result.text ? a->result.text : "failed";
    const char *id = run->plan.nodes[a->node].id;
    size_t length = strlen(id); /* a stage that names itself: the task's name does already */
    if (strncmp(what, "stage ", 6) == 0 && strncmp(what + 6, id, length) == 0 &&
        strncmp(what + 6 + length, ": ", 2) == 0)
        what += 6 + length + 2;
    kuni_status status = a->result.crashed ? KUNI_BUG : a->result.status;
    if (status) return kuni_fail(err, status, "%s: %s", a->name, what);
    for (size_t i = 0; i < a->result.n_bad && !status; i++) /* a run would leave them out */
        status =
            kuni_fail(err, a->result.bad[i].status, "%s: sample %s: %s", a->name,
                      run->cohort.samples[a->result.bad[i].sample].id, a->result.bad[i].reason);
    return status;
}

static kuni_status try_it(request *r, kuni_preview *p, kuni_error *err)
{
    kuni_attempt attempt;
    kuni_error other = KUNI_ERROR_INIT;
    char *folder = NULL;
    kuni_status status = make_folder(r, &p->run, &folder, err);
    if (status) {
        free(folder);
        return status;
    }
    r->what.folder = folder;
    status = kuni_attempt_run(&attempt, p, &r->what, err);
    if (!status) status = tell(&attempt, &p->run, err);
    bool ran = attempt.log != NULL;
    if (ran) print_result(&attempt, &p->run);
    kuni_attempt_fini(&attempt);
    if (!r->folder && !r->keep) {
        kuni_status removed = kuni_remove_tree(folder, status ? &other : err);
        if (!status) status = removed;
        if (ran) puts("all of it was removed: -o FOLDER or --keep keeps it");
    }
    free(folder);
    return status;
}

static int run(const kuni_call *call)
{
    request *r = call->options;
    r->run.workflow = call->words[0];
    r->run.settings = r->settings.texts;
    r->run.n_settings = r->settings.n;
    r->run.jobs = 1;
    r->run.forecast = true;
    r->what.stage = call->words[1];
    kuni_preview preview;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_status status = kuni_command_preview(&preview, &r->run, &err);
    if (!status) {
        status = try_it(r, &preview, &err);
        (void)fflush(stdout);
        if (status) (void)kuni_command_fail(&err);
    }
    kuni_preview_fini(&preview);
    return status;
}

const kuni_command kuni_cmd_try = {
    .group = "Before a run",
    .name = "try",
    .summary = "run one task of a stage alone, on what stands in the dataset",
    .about = "Run one task of a stage alone in a scratch folder, on the files that stand in the "
             "dataset,\n"
             "and show what comes of it. Nothing of the dataset is changed, and no run takes it.",
    .usage = "kuni try [OPTIONS] WORKFLOW.yaml STAGE",
    .example = "kuni try national.yaml annotate --shard chr20:1-5000000 -o tried",
    .options = options,
    .options_bytes = sizeof(request),
    .least_words = 2,
    .most_words = 2,
    .words = KUNI_COMPLETES_WORKFLOW,
    .run = run,
};
