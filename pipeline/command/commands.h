/* SPDX-License-Identifier: MIT */
/*
 * The table of subcommands, and how one is called by a command line.
 */
#ifndef KUNI_COMMAND_COMMANDS_H
#define KUNI_COMMAND_COMMANDS_H

#include "command.h"

/* In the order of the help, ended by NULL; a group's commands stand together. */
extern const kuni_command *const kuni_commands[];

/* The command of that name, or NULL. */
const kuni_command *kuni_commands_find(const char *name);
/* The name that a mistaken one is near to, or NULL. */
const char *kuni_commands_nearest(const char *name);

/* Reads the options and operands in argv[1 ..] and calls the command. Returns the exit status. */
int kuni_commands_call(const kuni_command *command, int argc, char **argv);

#endif
