/* SPDX-License-Identifier: MIT */
/*
 * What `kuni --help` and `kuni COMMAND --help` print, to stdout, from the table of commands.
 */
#ifndef KUNI_COMMAND_HELP_H
#define KUNI_COMMAND_HELP_H

#include "command.h"

typedef struct kuni_exit_status {
    int status;
    const char *brief;  /* for the help */
    const char *detail; /* for the man page: sentences */
} kuni_exit_status;

/* Ended by one without a text. */
extern const kuni_exit_status kuni_exit_statuses[];

/* `commands` is ended by NULL. */
void kuni_help_print(const kuni_command *const *commands);
void kuni_help_print_command(const kuni_command *command);

#endif
