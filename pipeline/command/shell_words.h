/* SPDX-License-Identifier: MIT */
/*
 * The programs that a shell command runs, as far as can be seen without running it: the first words of its
 * simple commands (POSIX shell grammar), behind assignments, reserved words and redirections, in pipes,
 * lists, groups and command substitutions, and what `xargs`, `env`, `nice`, `time` and their like run.
 */
#ifndef KUNI_COMMAND_SHELL_WORDS_H
#define KUNI_COMMAND_SHELL_WORDS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Calls `tell` for each, in order; a program comes as often as it is run. Names that the shell would still
 * have to work out (of a variable, a pattern) are left out, and so are its built-ins. False where the
 * command has something that is not followed (a here-document, `case`, a function): what was told until
 * then holds, and there may be more.
 */
bool kuni_shell_programs(const char *command, void (*tell)(void *context, const char *program),
                         void *context);

#endif
