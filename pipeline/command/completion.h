/* SPDX-License-Identifier: MIT */
/*
 * Completions for shells, as source to stdout, made from the tables of commands and options:
 * commands, verbs, options, values that are one of some words, names of stages, and files whose
 * names end as they should. `commands` is ended by NULL; those without a group are left out.
 */
#ifndef KUNI_COMMAND_COMPLETION_H
#define KUNI_COMMAND_COMPLETION_H

#include "command.h"

void kuni_completion_print_bash(const kuni_command *const *commands);
void kuni_completion_print_zsh(const kuni_command *const *commands);
void kuni_completion_print_fish(const kuni_command *const *commands);

/* The endings, without dot, of files that are such, ended by NULL; none: any. */
const char *const *kuni_completion_endings(kuni_completes completes);
/* Whether the name of a built-in stage will do as well, or a folder. */
bool kuni_completion_takes_stages(kuni_completes completes);
bool kuni_completion_takes_folders(kuni_completes completes);

/* "ids", "params" or "profiles": what is asked of the workflow on the line; NULL: nothing. */
const char *kuni_completion_asks(kuni_completes completes);

#endif
