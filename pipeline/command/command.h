/* SPDX-License-Identifier: MIT */
/*
 * Subcommands. Each lives in cmd_NAME.c and exports one function; main.c holds the table. A command
 * may print; it returns an exit status (see kuni_status) and never calls exit().
 *
 * What a command was asked for goes to stdout; faults and notes go to stderr, each line led by
 * "kuni: ". Options and help come from one table a command: see options.h. cmd_validate.c is the
 * example to copy.
 */
#ifndef KUNI_COMMAND_COMMAND_H
#define KUNI_COMMAND_COMMAND_H

#include "kuni/buffer.h"
#include "kuni/status.h"

typedef struct kuni_command {
    const char *group; /* heading in `kuni --help` */
    const char *name;
    const char *summary;
    int (*run)(int argc, char **argv); /* argv[0] is the command's name */
} kuni_command;

int kuni_cmd_doctor(int argc, char **argv);
int kuni_cmd_evidence(int argc, char **argv);
int kuni_cmd_gvcf(int argc, char **argv);
int kuni_cmd_export(int argc, char **argv);
int kuni_cmd_simulate(int argc, char **argv);
int kuni_cmd_stages(int argc, char **argv);
int kuni_cmd_validate(int argc, char **argv);
int kuni_cmd_plan(int argc, char **argv);
int kuni_cmd_status(int argc, char **argv);
int kuni_cmd_run(int argc, char **argv);
int kuni_cmd_version(int argc, char **argv);

/* Prints "kuni: TEXT" of an error to stderr and returns its status as the exit status. */
int kuni_command_fail(const kuni_error *err);
/* Prints a message to stderr, led by "kuni: ", and returns `status`. */
int kuni_command_complain(kuni_status status, const char *format, ...) KUNI_PRINTF(2, 3);
/* Prints every line of `faults` to stderr, led by "kuni: ". */
void kuni_command_print_faults(const kuni_buffer *faults);

/* As that, for what is no fault: each line led by "kuni: note: ". */
void kuni_command_print_notes(const char *notes);

#endif
