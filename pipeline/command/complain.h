/* SPDX-License-Identifier: MIT */
/*
 * What a command tells of faults: on stderr, each line led by "kuni: ". What it was asked for goes
 * to stdout, which is flushed before, so that both read in order on a terminal.
 */
#ifndef KUNI_COMMAND_COMPLAIN_H
#define KUNI_COMMAND_COMPLAIN_H

#include "kuni/buffer.h"
#include "kuni/status.h"

/* Prints the text of an error and returns its status as the exit status. */
int kuni_command_fail(const kuni_error *err);
/* Prints a message and returns `status`. */
int kuni_command_complain(kuni_status status, const char *format, ...) KUNI_PRINTF(2, 3);
/* Prints every line of `faults`. */
void kuni_command_print_faults(const kuni_buffer *faults);
/* As that, for what is no fault: each line led by "kuni: note: ". */
void kuni_command_print_notes(const char *notes);

/* Tells what will be done, and asks on the terminal unless `yes`; false where there is none. */
bool kuni_command_agree(bool yes, const char *text);

#endif
