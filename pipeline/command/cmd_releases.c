/* SPDX-License-Identifier: MIT */
/* kuni releases: what a dataset has released, and who must be told where somebody withdraws. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "affected.h"
#include "command.h"
#include "complain.h"
#include "operand.h"

typedef struct request {
    bool json;
    const char *affected_by, *notices;
} request;

static const kuni_option options[] = {
    {"affected-by", 'a', "FILE", NULL, "only releases that hold one of these: ids, one a line",
     KUNI_BIND_TEXT(request, affected_by, KUNI_COMPLETES_FILE)},
    {"notices", 'o', "FOLDER", NULL,
     "with --affected-by: write a notice for each recipient; it must not stand there yet",
     KUNI_BIND_TEXT(request, notices, KUNI_COMPLETES_FOLDER)},
    {"json", 0, NULL, NULL, "print JSON", KUNI_BIND_FLAG(request, json)},
    KUNI_OPTIONS_END,
};

static void print_row(const kuni_affected_release *r, bool affected)
{
    const kuni_release_entry *e = r->entry;
    printf("%s  %-12s  %-16s  number %lld  %s, %s  %lld people  generation %lld  %.16s", e->at,
           e->recipient, e->name, (long long)e->chain.number, e->form, e->use, (long long)e->people,
           (long long)e->generation, e->digest);
    if (affected && r->known)
        printf("  holds %zu of them", r->n);
    else if (affected)
        printf("  not known: nothing was kept of its members");
    if (r->times > 1) printf("  made %zu times", r->times);
    puts("");
}

static json_t *pack(const kuni_affected_release *r, bool affected)
{
    const kuni_release_entry *e = r->entry;
    json_t *o =
        json_pack("{ss ss ss sI ss ss sI sI ss ss sI}", "at", e->at, "recipient", e->recipient,
                  "release", e->name, "number", (json_int_t)e->chain.number, "form", e->form, "use",
                  e->use, "people", (json_int_t)e->people, "generation", (json_int_t)e->generation,
                  "blake2b", e->digest, "id", e->id, "times", (json_int_t)r->times);
    json_t *held = json_array();
    for (size_t i = 0; i < r->n; i++)
        json_array_append_new(held,
                              json_pack("{ss ss}", "id", r->ids[i], "pseudonym", r->pseudonyms[i]));
    if (affected && r->known) json_object_set(o, "holds", held);
    json_decref(held);
    return o;
}

static kuni_status print(const kuni_affected *a, const request *r, kuni_error *err)
{
    json_t *list = r->json ? json_array() : NULL;
    for (size_t i = 0; i < a->n; i++) {
        if (r->json)
            json_array_append_new(list, pack(&a->releases[i], r->affected_by != NULL));
        else
            print_row(&a->releases[i], r->affected_by != NULL);
    }
    if (!r->json) {
        if (!a->n) puts(r->affected_by ? "no release holds any of them" : "nothing was released");
        for (size_t i = 0; i < a->n_paths; i++) puts(a->paths[i]);
        return KUNI_OK;
    }
    char *text = list ? json_dumps(list, JSON_INDENT(1)) : NULL;
    if (text) puts(text);
    free(text);
    json_decref(list);
    return text ? KUNI_OK : kuni_fail_memory(err, 1, 1);
}

static int run(const kuni_call *call)
{
    const request *r = call->options;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_affected affected = {.n = 0};
    char *folder = NULL;
    if (r->notices && !r->affected_by)
        return kuni_command_complain(KUNI_USAGE, "releases: --notices needs --affected-by FILE");
    kuni_status status = kuni_command_find_dataset(call->words[0], &folder, &err);
    if (!status) status = kuni_affected_find(&affected, folder, r->affected_by, &err);
    if (!status && r->notices) status = kuni_affected_write(&affected, r->notices, &err);
    if (!status) status = print(&affected, r, &err);
    if (status) (void)kuni_command_fail(&err);
    kuni_affected_fini(&affected);
    free(folder);
    return status;
}

const kuni_command kuni_cmd_releases = {
    .group = "Dataset",
    .name = "releases",
    .summary = "what was released to whom; who holds somebody",
    .about =
        "List the releases of a dataset, from its history. With --affected-by only those that "
        "hold\n"
        "one of the participants (or samples) of a list, also of people who were erased, and with\n"
        "--notices a text for each of the recipients: which pseudonyms are to be deleted.",
    .usage = "kuni releases [OPTIONS] DATASET|WORKFLOW.yaml",
    .example = "kuni releases --affected-by withdrawn.txt --notices notices national.yaml",
    .options = options,
    .options_bytes = sizeof(request),
    .least_words = 1,
    .most_words = 1,
    .words = KUNI_COMPLETES_DATASET,
    .run = run,
};
