/* SPDX-License-Identifier: MIT */
/* kuni diff: what differs between two published generations, and why. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "complain.h"
#include "diff_report.h"
#include "operand.h"

typedef struct request {
    bool json;
    const char *sites; /* file to list them in */
    const char *file;  /* that is published */
} request;

static const kuni_option options[] = {
    {"sites", 0, "FILE", NULL, "list every site that differs, with each cause, as TSV",
     KUNI_BIND_TEXT(request, sites, KUNI_COMPLETES_FILE)},
    {"file", 'f', "NAME", "national.bcf, else national.sites.vcf.gz",
     "the published call set to compare", KUNI_BIND_TEXT(request, file, KUNI_COMPLETES_NOTHING)},
    {"json", 0, NULL, NULL, "print JSON", KUNI_BIND_FLAG(request, json)},
    KUNI_OPTIONS_END,
};

static kuni_status choose_file(const request *r, const kuni_generation generations[2],
                               const char **name, kuni_error *err)
{
    const char *const names[] = {r->file ? r->file : "national.bcf", "national.sites.vcf.gz"};
    for (size_t i = 0; i < (r->file ? 1 : 2); i++) {
        *name = names[i];
        if (kuni_generation_has(&generations[0], *name) &&
            kuni_generation_has(&generations[1], *name))
            return KUNI_OK;
    }
    const kuni_generation *without =
        &generations[kuni_generation_has(&generations[0], names[0]) ? 1 : 0];
    return kuni_fail(err, KUNI_USAGE, "%s has no %s: --file names a call set that both have",
                     without->folder, names[0]);
}

static kuni_status compare(const request *r, const kuni_generation generations[2],
                           kuni_changes *changes, kuni_diff_result *result, const char **name,
                           kuni_error *err)
{
    kuni_diff_request wanted = {
        .between = &changes->between, .person = kuni_changes_person, .context = changes};
    char *paths[2] = {NULL, NULL};
    kuni_status status = choose_file(r, generations, name, err);
    for (int k = 0; k < 2 && !status; k++) {
        status = kuni_generation_file(&generations[k], *name, &paths[k], err);
        wanted.path[k] = paths[k];
    }
    if (!status) status = kuni_changes_find(changes, &generations[0], &generations[1], err);
    if (!status && r->sites) status = kuni_file_create(&wanted.list, r->sites, err);
    if (!status) status = kuni_diff_calls(&wanted, result, err);
    if (!status && wanted.list)
        status = kuni_file_commit(wanted.list, err);
    else
        kuni_file_discard(wanted.list);
    for (int k = 0; k < 2; k++) free(paths[k]);
    return status;
}

/* The same data, settings and kuni give the same bytes: what has no cause must be looked into. */
static kuni_status judge(const kuni_diff_result *r, kuni_error *err)
{
    int64_t n = 0;
    for (int k = 0; k < KUNI_DIFF_KINDS; k++) n += r->causes[k][KUNI_CAUSE_UNKNOWN];
    return n == 0 ? KUNI_OK
                  : kuni_fail(err, KUNI_DATA,
                              "%lld differences have no cause that is known: nothing that the two "
                              "generations say of themselves differs; `kuni verify --deep` looks "
                              "for damage",
                              (long long)n);
}

static kuni_status diff(const request *r, const char *dataset, char **words, kuni_error *err)
{
    kuni_generation generations[2] = {{.number = 0}, {.number = 0}};
    kuni_changes changes = {.settings = NULL};
    kuni_diff_result result;
    const char *name = NULL;
    kuni_status status = KUNI_OK;
    for (int k = 0; k < 2 && !status; k++) {
        status = kuni_generation_open(&generations[k], dataset, words[k], err);
        if (!generations[k].title[0])
            (void)snprintf(generations[k].title, sizeof(generations[k].title), "%s",
                           k ? "second" : "first");
    }
    if (!status) status = compare(r, generations, &changes, &result, &name, err);
    const kuni_diff_report report = {.first = &generations[0],
                                     .second = &generations[1],
                                     .file = name,
                                     .changes = &changes,
                                     .result = &result};
    if (!status && r->json)
        status = kuni_diff_print_json(&report, err);
    else if (!status)
        kuni_diff_print(&report);
    if (!status) status = judge(&result, err);
    kuni_changes_fini(&changes);
    for (int k = 0; k < 2; k++) kuni_generation_close(&generations[k]);
    return status;
}

static int run(const kuni_call *call)
{
    kuni_error err = KUNI_ERROR_INIT;
    char *dataset = NULL;
    bool two = call->n_words == 2;
    kuni_status status = two ? KUNI_OK : kuni_command_find_dataset(call->words[0], &dataset, &err);
    if (!status) status = diff(call->options, dataset, call->words + (two ? 0 : 1), &err);
    if (status && err.status) (void)kuni_command_fail(&err);
    free(dataset);
    return status;
}

const kuni_command kuni_cmd_diff = {
    .group = "Dataset",
    .name = "diff",
    .summary = "what differs between two published generations, and why",
    .about =
        "Count the sites and genotypes that a generation has gained, lost or changed since an\n"
        "older one, by cause: new samples, withdrawal, quarantine, other filters, settings or\n"
        "evidence, other people's presence. Each difference has one cause, so the numbers add up.\n"
        "G is a number, `current`, or the folder of a generation.",
    .usage = "kuni diff [OPTIONS] DATASET|WORKFLOW.yaml G1 G2\n"
             "kuni diff [OPTIONS] FOLDER1 FOLDER2",
    .example = "kuni diff --sites changed.tsv national.yaml 6 current",
    .options = options,
    .options_bytes = sizeof(request),
    .least_words = 2,
    .most_words = 3,
    .words = KUNI_COMPLETES_DATASET,
    .run = run,
};
