/* SPDX-License-Identifier: MIT */
/*
 * Subcommands. Each lives in cmd_NAME.c and exports one function; main.c holds the table. A command
 * may print; it returns an exit status (see kuni_status) and never calls exit().
 */
#ifndef KUNI_COMMAND_COMMAND_H
#define KUNI_COMMAND_COMMAND_H

#include "kuni/status.h"

typedef struct kuni_command {
    const char *name;
    const char *summary;
    int (*run)(int argc, char **argv); /* argv[0] is the command's name */
} kuni_command;

int kuni_cmd_version(int argc, char **argv);

#endif
