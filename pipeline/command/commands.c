/* SPDX-License-Identifier: MIT */
#include "commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "complain.h"
#include "help.h"
#include "kuni/buffer.h"
#include "kuni/params.h"

const kuni_command *const kuni_commands[] = {
    &kuni_cmd_simulate,
    /* before a run */
    &kuni_cmd_validate,
    &kuni_cmd_doctor,
    &kuni_cmd_plan,
    &kuni_cmd_graph,
    &kuni_cmd_try,
    /* run */
    &kuni_cmd_run,
    &kuni_cmd_status,
    &kuni_cmd_tasks,
    &kuni_cmd_bench_engine,
    /* dataset */
    &kuni_cmd_evidence,
    &kuni_cmd_gvcf,
    &kuni_cmd_export,
    &kuni_cmd_release,
    &kuni_cmd_releases,
    &kuni_cmd_recontact,
    &kuni_cmd_merge_summary,
    &kuni_cmd_compact,
    &kuni_cmd_withdraw,
    &kuni_cmd_reinstate,
    &kuni_cmd_recall,
    &kuni_cmd_verify,
    &kuni_cmd_repair,
    &kuni_cmd_history,
    &kuni_cmd_diff,
    /* help */
    &kuni_cmd_stages,
    &kuni_cmd_schema,
    &kuni_cmd_version,
    &kuni_cmd_completion,
    /* not for people */
    &kuni_cmd_manual,
    &kuni_cmd_names,
    NULL,
};

const kuni_command *kuni_commands_find(const char *name)
{
    for (const kuni_command *const *c = kuni_commands; *c; c++)
        if (strcmp(name, (*c)->name) == 0) return *c;
    return NULL;
}

const char *kuni_commands_nearest(const char *name)
{
    const char *names[sizeof(kuni_commands) / sizeof(kuni_commands[0])] = {"help"};
    size_t n = 1;
    for (const kuni_command *const *c = kuni_commands; *c; c++)
        if ((*c)->group) names[n++] = (*c)->name;
    return kuni_nearest(name, names, n);
}

/* The first operand of a command with verbs. */
static bool take_verb(const kuni_command *command, kuni_operands *operands, kuni_call *call)
{
    char list[128] = "";
    size_t n = 0, length = 0;
    for (; command->verbs[n]; n++) {
        if (strcmp(command->verbs[n], operands->words[0]) == 0) {
            call->verb = n;
            operands->words++;
            operands->n--;
            return true;
        }
        int more = snprintf(list + length, sizeof(list) - length, "%s%s", n ? ", " : "",
                            command->verbs[n]);
        if (more > 0 && length + (size_t)more < sizeof(list)) length += (size_t)more;
    }
    const char *near = kuni_nearest(operands->words[0], command->verbs, n);
    (void)kuni_command_complain(KUNI_USAGE, "%s: '%s' is none of %s%s%s%s", command->name,
                                operands->words[0], list, near ? "; did you mean '" : "",
                                near ? near : "", near ? "'?" : "");
    return false;
}

/* False: the operands are not as many as the command takes; the fault was printed. */
static bool take_operands(const kuni_command *command, kuni_operands operands, kuni_call *call)
{
    int verbs = command->verbs ? 1 : 0;
    const char *end = strchr(command->usage, '\n'); /* the first line will do */
    int length = (int)(end ? (size_t)(end - command->usage) : strlen(command->usage));
    if (operands.n < command->least_words + verbs) {
        (void)kuni_command_complain(KUNI_USAGE, "%s: %s; usage: %.*s", command->name,
                                    operands.n ? "too few arguments" : "an argument is missing",
                                    length, command->usage);
        return false;
    }
    if (command->verbs && !take_verb(command, &operands, call)) return false;
    if (command->most_words >= 0 && operands.n > command->most_words && !command->launches) {
        (void)kuni_command_complain(KUNI_USAGE, "%s: unexpected argument '%s'; usage: %.*s",
                                    command->name, operands.words[command->most_words], length,
                                    command->usage);
        return false;
    }
    call->words = operands.words;
    call->n_words = operands.n;
    return true;
}

int kuni_commands_call(const kuni_command *command, int argc, char **argv)
{
    kuni_error err = KUNI_ERROR_INIT;
    kuni_operands operands;
    kuni_call call = {.commands = kuni_commands};
    call.options = kuni_alloc(1, command->options_bytes ? command->options_bytes : 1, &err);
    if (!call.options) return kuni_command_fail(&err);
    if (command->defaults) command->defaults(call.options);
    int status = KUNI_USAGE;
    kuni_parsed parsed = kuni_options_parse(command->options, argc, argv, call.options, &operands);
    if (parsed == KUNI_ASKED_HELP) {
        kuni_help_print_command(command);
        status = KUNI_OK;
    } else if (parsed == KUNI_PARSED && take_operands(command, operands, &call)) {
        status = command->run(&call);
    }
    free(call.options);
    return status;
}
