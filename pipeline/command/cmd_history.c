/* SPDX-License-Identifier: MIT */
/* kuni history: what was done with a dataset. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "complain.h"
#include "history.h"
#include "workflow.h"

typedef struct request {
    bool json;
} request;

static const kuni_option options[] = {
    {"json", 0, NULL, NULL, "print the lines as they are stored", KUNI_BIND_FLAG(request, json)},
    KUNI_OPTIONS_END,
};

static void print_list(const char *name, const json_t *list)
{
    size_t i;
    json_t *element;
    printf(" %s=", name);
    json_array_foreach((json_t *)list, i, element)
        printf("%s%s", i ? "," : "", json_string_value(element) ? json_string_value(element) : "?");
}

static kuni_status print(void *context, const json_t *entry, kuni_error *err)
{
    const request *r = context;
    if (r->json) {
        char *text = json_dumps(entry, JSON_COMPACT | JSON_SORT_KEYS);
        if (!text) return kuni_fail_memory(err, 1, 1);
        puts(text);
        free(text);
        return KUNI_OK;
    }
    static const char *const heads[] = {"at", "by", "what"};
    for (size_t i = 0; i < 3; i++) {
        const char *text = json_string_value(json_object_get(entry, heads[i]));
        printf("%-*s ", i == 0 ? 20 : i == 1 ? 10 : 11, text ? text : "?");
    }
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)entry, name, value)
    {
        if (strcmp(name, "at") == 0 || strcmp(name, "by") == 0 || strcmp(name, "what") == 0 ||
            strcmp(name, "before") == 0)
            continue;
        if (json_is_integer(value))
            printf(" %s=%lld", name, (long long)json_integer_value(value));
        else if (json_is_string(value))
            printf(" %s=%s", name, json_string_value(value));
        else if (json_is_true(value))
            printf(" %s", name);
        else if (json_is_array(value))
            print_list(name, value);
    }
    puts("");
    return KUNI_OK;
}

static int run(const kuni_call *call)
{
    kuni_error err = KUNI_ERROR_INIT;
    kuni_buffer faults = KUNI_BUFFER_INIT;
    kuni_workflow workflow = {.path = NULL};
    const char *folder = call->words[0];
    size_t length = strlen(folder), entries;
    kuni_status status = KUNI_OK;
    bool is_workflow = length > 5 && (strcmp(folder + length - 5, ".yaml") == 0 ||
                                      strcmp(folder + length - 4, ".yml") == 0);
    if (is_workflow) {
        status = kuni_workflow_read(&workflow, folder, NULL, 0, &faults, &err);
        folder = workflow.dataset;
    }
    if (!status) status = kuni_history_read(folder, print, call->options, &entries, &err);
    kuni_command_print_faults(&faults);
    if (status && !faults.length) (void)kuni_command_fail(&err);
    if (!status && !entries) fprintf(stderr, "kuni: %s has no history yet\n", folder);
    if (is_workflow) kuni_workflow_fini(&workflow);
    kuni_buffer_fini(&faults);
    return status;
}

const kuni_command kuni_cmd_history = {
    .group = "Dataset",
    .name = "history",
    .summary = "what was done with a dataset, and by whom",
    .about = "Print what was done with a dataset: published, withdrawn, reinstated, recalled,\n"
             "repaired, exported, released, recontacted; when and by whom.\n"
             "Every line holds the digest of the one before: a change is noticed, and told.",
    .usage = "kuni history [OPTIONS] DATASET|WORKFLOW.yaml",
    .example = "kuni history cohort/workflow.yaml",
    .options = options,
    .options_bytes = sizeof(request),
    .least_words = 1,
    .most_words = 1,
    .words = KUNI_COMPLETES_DATASET,
    .run = run,
};
