/* SPDX-License-Identifier: MIT */
/* kuni manual: the source of the man page. Not for people: the build installs what it prints. */
#include "manual.h"

static int run(const kuni_call *call)
{
    kuni_manual_print(call->commands);
    return KUNI_OK;
}

const kuni_command kuni_cmd_manual = {
    .name = "manual",
    .summary = "print the source of the man page",
    .about = "Print the source of the man page kuni(1), made from the tables of commands and\n"
             "options.",
    .usage = "kuni manual",
    .example = "kuni manual | man -l -",
    .run = run,
};
