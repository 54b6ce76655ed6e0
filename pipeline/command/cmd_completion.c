/* SPDX-License-Identifier: MIT */
/* kuni completion: completions for a shell. */
#include "completion.h"

static const char *const shells[] = {"bash", "zsh", "fish", NULL};

static int run(const kuni_call *call)
{
    static void (*const printers[])(const kuni_command *const *) = {
        kuni_completion_print_bash, kuni_completion_print_zsh, kuni_completion_print_fish};
    printers[call->verb](call->commands);
    return KUNI_OK;
}

const kuni_command kuni_cmd_completion = {
    .group = "Help",
    .name = "completion",
    .summary = "print completions for a shell: bash, zsh, fish",
    .about = "Print completions of commands, options, stages and files for a shell, to be sourced\n"
             "in it. An installed kuni has brought them with it.",
    .usage = "kuni completion bash|zsh|fish",
    .example = "source <(kuni completion bash)",
    .verbs = shells,
    .run = run,
};
