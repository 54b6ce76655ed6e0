/* SPDX-License-Identifier: MIT */
/* kuni withdraw, kuni reinstate: who is in the dataset. */
#include <stdio.h>

#include "command.h"
#include "complain.h"
#include "people.h"

typedef struct request {
    kuni_texts settings; /* --set */
    const char *list;
    const char *by, *reason;
    int mode; /* index into modes */
    bool yes, anew;
    int64_t wait_s;
} request;

enum { UNLINK, ERASE };

static const char *const modes[] = {"unlink", "erase", NULL};

#define OPTION_LIST                                                                                \
    {"list",                                                                                       \
     'l',                                                                                          \
     "FILE",                                                                                       \
     NULL,                                                                                         \
     "ids of samples or participants, one a line",                                                 \
     KUNI_BIND_TEXT(request, list, KUNI_COMPLETES_FILE)}
#define OPTION_BY                                                                                  \
    {"by",                                                                                         \
     0,                                                                                            \
     "NAME",                                                                                       \
     "you",                                                                                        \
     "who decided it, for the history",                                                            \
     KUNI_BIND_TEXT(request, by, KUNI_COMPLETES_NOTHING)}
#define OPTION_REASON                                                                              \
    {"reason",                                                                                     \
     0,                                                                                            \
     "TEXT",                                                                                       \
     NULL,                                                                                         \
     "why, for the history: name nobody in it",                                                    \
     KUNI_BIND_TEXT(request, reason, KUNI_COMPLETES_NOTHING)}
static const kuni_option withdraw_options[] = {
    KUNI_OPTION_SET(request, settings),
    OPTION_LIST,
    {"mode", 'm', "unlink|erase", "unlink",
     "unlink: leave what was found in them in the files; erase: leave nothing",
     KUNI_BIND_CHOICE(request, mode, modes)},
    OPTION_BY,
    OPTION_REASON,
    KUNI_OPTION_YES(request, yes),
    KUNI_OPTION_WAIT(request, wait_s),
    KUNI_OPTIONS_END,
};

static const kuni_option reinstate_options[] = {
    KUNI_OPTION_SET(request, settings),
    OPTION_LIST,
    {"anew", 0, NULL, NULL, "also those who were erased: a manifest may add them as new people",
     KUNI_BIND_FLAG(request, anew)},
    OPTION_BY,
    OPTION_REASON,
    KUNI_OPTION_YES(request, yes),
    KUNI_OPTION_WAIT(request, wait_s),
    KUNI_OPTIONS_END,
};

static void set_defaults(void *given)
{
    ((request *)given)->wait_s = 15;
}

static bool agree(void *context, const char *text)
{
    return kuni_command_agree(((const request *)context)->yes, text);
}

/* For `kuni verify --erased`: afterwards nobody can tell. */
static void tell(void *context, const char *id)
{
    (void)context;
    puts(id);
}

static int change(const kuni_call *call, bool back)
{
    const request *r = call->options;
    kuni_buffer faults = KUNI_BUFFER_INIT;
    kuni_error err = KUNI_ERROR_INIT;
    size_t changed = 0;
    const kuni_people_request people = {.workflow = call->words[0],
                                        .settings = r->settings.texts,
                                        .n_settings = r->settings.n,
                                        .list = r->list,
                                        .ids = (const char *const *)call->words + 1,
                                        .n_ids = (size_t)call->n_words - 1,
                                        .erase = r->mode == ERASE,
                                        .back = back,
                                        .anew = r->anew,
                                        .by = r->by,
                                        .reason = r->reason,
                                        .lock_wait_ms = r->wait_s * 1000,
                                        .agree = agree,
                                        .tell = tell,
                                        .context = call->options};
    kuni_status status = kuni_people_change(&people, &changed, &faults, &err);
    kuni_command_print_faults(&faults);
    if (status)
        (void)kuni_command_fail(&err);
    else if (r->mode == ERASE)
        fprintf(stderr,
                "kuni: %zu samples erased: current still shows them: publish with `kuni run %s`, "
                "then see `kuni verify --erased`\n",
                changed, call->words[0]);
    else
        fprintf(stderr, "kuni: %zu samples %s: publish with `kuni run %s`\n", changed,
                back ? "reinstated" : "withdrawn", call->words[0]);
    kuni_buffer_fini(&faults);
    return status;
}

static int withdraw(const kuni_call *call)
{
    return change(call, false);
}

static int reinstate(const kuni_call *call)
{
    return change(call, true);
}

const kuni_command kuni_cmd_withdraw = {
    .group = "Dataset",
    .name = "withdraw",
    .summary = "take people out of a dataset",
    .about =
        "Take samples or participants out: the next run publishes as if they had never been in.\n"
        "It outranks every manifest: a row that names them is left out and told.\n"
        "  --mode unlink  what was found in them stays in the dataset's files, unpublished\n"
        "  --mode erase   nothing of them stays in evidence, partials, register, journal, logs\n"
        "                 and older generations, but a tombstone: a keyed digest of their id. The\n"
        "                 ids that are gone are printed. After a crash the same command goes on.",
    .usage = "kuni withdraw [OPTIONS] WORKFLOW.yaml [ID...]",
    .example = "kuni withdraw --list ids.txt --reason 'letters of May' --yes national.yaml",
    .options = withdraw_options,
    .options_bytes = sizeof(request),
    .defaults = set_defaults,
    .least_words = 1,
    .most_words = -1,
    .words = KUNI_COMPLETES_WORKFLOW,
    .run = withdraw,
};

const kuni_command kuni_cmd_reinstate = {
    .group = "Dataset",
    .name = "reinstate",
    .summary = "take people back who withdrew",
    .about =
        "Take samples or participants back who withdrew: the next run publishes with them. Of\n"
        "those who were erased nothing is left: --anew lets a manifest add them again.",
    .usage = "kuni reinstate [OPTIONS] WORKFLOW.yaml [ID...]",
    .example = "kuni reinstate --yes national.yaml P0001",
    .options = reinstate_options,
    .options_bytes = sizeof(request),
    .defaults = set_defaults,
    .least_words = 1,
    .most_words = -1,
    .words = KUNI_COMPLETES_WORKFLOW,
    .run = reinstate,
};
