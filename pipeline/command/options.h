/* SPDX-License-Identifier: MIT */
/*
 * Options of a command: one table gives the parser (getopt_long) and the help text.
 *
 * A command declares a kuni_usage and loops:
 *
 *     kuni_options options;
 *     const char *value;
 *     kuni_options_start(&options, &usage, argc, argv);
 *     for (int key; (key = kuni_options_next(&options, &value)) != KUNI_OPTIONS_END;) {
 *         switch (key) {
 *         case KUNI_OPTIONS_STOP: return options.status;    help was printed, or the fault was
 *         case 't': if (!kuni_option_int(&options, "threads", value, 1, 1024, &threads)) return
 * options.status;
 *         ...
 *     }
 *     options.operands[0 .. options.n_operands - 1] are the rest.
 *
 * --help is known to every command and need not stand in the table.
 */
#ifndef KUNI_COMMAND_OPTIONS_H
#define KUNI_COMMAND_OPTIONS_H

#include "kuni/status.h"

enum {
    KUNI_OPTIONS_END = 0,
    KUNI_OPTIONS_STOP = -1,
    KUNI_OPTIONS_MAX = 48,
    KUNI_OPTION_LONG = 256 /* keys from here on have no short letter */
};

typedef struct kuni_option {
    const char *name; /* long name without "--"; NULL with help set: a group's heading */
    int key; /* what kuni_options_next returns: the short letter, or KUNI_OPTION_LONG + n */
    const char
        *value; /* what stands for the value in the help ("FILE"); NULL: the option takes none */
    const char *fallback; /* the default, shown as [fallback]; or NULL */
    const char *help;     /* one line; NULL with name NULL ends the table */
} kuni_option;

typedef struct kuni_usage {
    const char *about;                 /* one or more lines */
    const char *usage;                 /* "kuni validate [OPTIONS] WORKFLOW.yaml" */
    const kuni_option *options;        /* or NULL: only --help */
    const char *example;               /* lines that can be run as they stand */
    int least_operands, most_operands; /* most -1: any number */
} kuni_usage;

typedef struct kuni_options {
    const kuni_usage *usage;
    int argc;
    char **argv;
    char **operands; /* set once kuni_options_next has returned KUNI_OPTIONS_END */
    int n_operands;
    int status; /* exit status after KUNI_OPTIONS_STOP: 0 where help was asked for, 64 for a fault
                 */
} kuni_options;

void kuni_options_start(kuni_options *options, const kuni_usage *usage, int argc, char **argv);
/* The key of the next option and its value; KUNI_OPTIONS_END; or KUNI_OPTIONS_STOP: return
 * options->status. */
KUNI_MUST_CHECK int kuni_options_next(kuni_options *options, const char **value);

/* Reads the value of option --name; false (and options->status set, the fault printed) where it is
 * no such number. */
KUNI_MUST_CHECK bool kuni_option_int(kuni_options *options, const char *name, const char *value,
                                     int64_t least, int64_t most, int64_t *out);
KUNI_MUST_CHECK bool kuni_option_float(kuni_options *options, const char *name, const char *value,
                                       double least, double most, double *out);

/* The values of --set, which most commands about a workflow take. */
enum { KUNI_SETTINGS_MAX = 256 };

typedef struct kuni_settings {
    const char *texts[KUNI_SETTINGS_MAX]; /* borrowed from argv */
    size_t n;
} kuni_settings;

#define KUNI_OPTION_SET                                                                            \
    {                                                                                              \
        "set", 's', "KEY=VALUE", NULL,                                                             \
            "override a key of the workflow, as in regions.shard=1Mb; repeatable"                  \
    }

/* False (and options->status set, the fault printed) where there are too many. */
KUNI_MUST_CHECK bool kuni_settings_add(kuni_options *options, kuni_settings *settings,
                                       const char *text);

/* The help text as --help prints it. */
void kuni_usage_print(const kuni_usage *usage);

#endif
