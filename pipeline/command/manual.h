/* SPDX-License-Identifier: MIT */
/*
 * The man page kuni(1), as man(7) source to stdout: what every command says of itself, and the prose
 * around it.
 */
#ifndef KUNI_COMMAND_MANUAL_H
#define KUNI_COMMAND_MANUAL_H

#include "command.h"

/* `commands` is ended by NULL; those without a group are left out. */
void kuni_manual_print(const kuni_command *const *commands);

#endif
