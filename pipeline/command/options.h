/* SPDX-License-Identifier: MIT */
/*
 * Options of a command. One table of rows, each bound to a field of the command's own plain struct,
 * is the single source: of the parser (getopt_long), of --help, of the man page and of the shell
 * completions. A command never sees a key or a text that it has to read.
 *
 *     typedef struct request {
 *         int64_t jobs;       processes at once
 *         bool json;          print JSON
 *     } request;
 *
 *     static const kuni_option options[] = {
 *         {"jobs", 'j', "N", "1", "processes at once", KUNI_BIND_INT(request, jobs, 1, 1024)},
 *         {"json", 0, NULL, NULL, "print JSON", KUNI_BIND_FLAG(request, json)},
 *         KUNI_OPTIONS_END,
 *     };
 *
 * A binding to a field of another type does not compile. Options are read from left to right; one
 * that is given twice counts as it was given last, but for lists. --help is known to every command
 * and need not stand in the table.
 */
#ifndef KUNI_COMMAND_OPTIONS_H
#define KUNI_COMMAND_OPTIONS_H

#include <stddef.h>

#include "kuni/status.h"

enum { KUNI_OPTIONS_MAX = 64, KUNI_TEXTS_MAX = 256 };

/* The values of an option that may be given several times. */
typedef struct kuni_texts {
    const char *texts[KUNI_TEXTS_MAX]; /* borrowed from argv */
    size_t n;
} kuni_texts;

/* What a value or an operand is, for completions in a shell. */
typedef enum kuni_completes {
    KUNI_COMPLETES_NOTHING,
    KUNI_COMPLETES_FILE, /* any */
    KUNI_COMPLETES_FOLDER,
    KUNI_COMPLETES_WORKFLOW, /* *.yaml */
    KUNI_COMPLETES_DATASET,  /* a folder or a workflow */
    KUNI_COMPLETES_EVIDENCE, /* *.ev */
    KUNI_COMPLETES_FASTA,
    KUNI_COMPLETES_STAGE, /* the name of a built-in stage, or a plugin: *.so */
    /* Of the workflow that stands on the line: see cmd_names.c. */
    KUNI_COMPLETES_ID,
    KUNI_COMPLETES_PARAM,
    KUNI_COMPLETES_PROFILE
} kuni_completes;

typedef enum kuni_option_type {
    KUNI_OPTION_FLAG,   /* bool: true once given; takes no value */
    KUNI_OPTION_TEXT,   /* const char *, borrowed from argv */
    KUNI_OPTION_TEXTS,  /* kuni_texts; `prefix` stands before each */
    KUNI_OPTION_INT,    /* int64_t in [least, most] */
    KUNI_OPTION_COUNT,  /* uint32_t in [least, most] */
    KUNI_OPTION_FLOAT,  /* double in [least, most] */
    KUNI_OPTION_CHOICE, /* int: which of `choices` */
    KUNI_OPTION_READ    /* what `read` makes of it */
} kuni_option_type;

/*
 * Sets fields of the command's options, all of which it is given, from a value (NULL where the
 * option takes none). Returns NULL, or what was expected: "5k to 2000M, for example 100k".
 */
typedef const char *kuni_option_read(void *options, const char *value);

typedef struct kuni_binding {
    kuni_option_type type;
    size_t offset;              /* of the field in the command's options, but for READ */
    double least, most;         /* of numbers */
    const char *const *choices; /* ended by NULL */
    kuni_option_read *read;
    kuni_completes completes;
    const char *prefix; /* of TEXTS, or NULL */
} kuni_binding;

typedef struct kuni_option {
    const char *name;     /* long name without "--"; NULL with help set: a group's heading */
    char letter;          /* short name, or 0 */
    const char *value;    /* what stands for it in the help ("FILE"); NULL: the option takes none */
    const char *fallback; /* the default, shown as [fallback]; or NULL */
    const char *help;     /* one line; NULL with name NULL ends the table */
    kuni_binding binding;
} kuni_option;

#define KUNI_OPTIONS_HEADING(TEXT) {.name = NULL, .help = (TEXT)}
#define KUNI_OPTIONS_END           {.name = NULL, .help = NULL}

/* The offset of FIELD; the second term is 0, and asks the compiler whether the field is a TYPE. */
/* NOLINTBEGIN(bugprone-macro-parentheses): part of an initialiser. */
#define KUNI_BIND(STRUCT, FIELD, TYPE)                                                             \
    .offset = offsetof(STRUCT, FIELD) + 0 * sizeof(1 ? &((STRUCT *)NULL)->FIELD : (TYPE *)NULL)
/* NOLINTEND(bugprone-macro-parentheses) */

#define KUNI_BIND_FLAG(STRUCT, FIELD) {.type = KUNI_OPTION_FLAG, KUNI_BIND(STRUCT, FIELD, bool)}
#define KUNI_BIND_TEXT(STRUCT, FIELD, COMPLETES)                                                   \
    {.type = KUNI_OPTION_TEXT, .completes = (COMPLETES), KUNI_BIND(STRUCT, FIELD, const char *)}
#define KUNI_BIND_TEXTS(STRUCT, FIELD, COMPLETES)                                                  \
    {.type = KUNI_OPTION_TEXTS, .completes = (COMPLETES), KUNI_BIND(STRUCT, FIELD, kuni_texts)}
#define KUNI_BIND_INT(STRUCT, FIELD, LEAST, MOST)                                                  \
    {.type = KUNI_OPTION_INT, .least = (LEAST), .most = (MOST), KUNI_BIND(STRUCT, FIELD, int64_t)}
#define KUNI_BIND_COUNT(STRUCT, FIELD, LEAST, MOST)                                                \
    {.type = KUNI_OPTION_COUNT,                                                                    \
     .least = (LEAST),                                                                             \
     .most = (MOST),                                                                               \
     KUNI_BIND(STRUCT, FIELD, uint32_t)}
#define KUNI_BIND_FLOAT(STRUCT, FIELD, LEAST, MOST)                                                \
    {.type = KUNI_OPTION_FLOAT, .least = (LEAST), .most = (MOST), KUNI_BIND(STRUCT, FIELD, double)}
#define KUNI_BIND_CHOICE(STRUCT, FIELD, CHOICES)                                                   \
    {.type = KUNI_OPTION_CHOICE, .choices = (CHOICES), KUNI_BIND(STRUCT, FIELD, int)}
#define KUNI_BIND_READ(READ) {.type = KUNI_OPTION_READ, .read = (READ)}

/* Those of commands that change a dataset: see kuni_command_agree and kuni_lock_take. */
#define KUNI_OPTION_YES(STRUCT, FIELD)                                                             \
    {"yes",                                                                                        \
     'y',                                                                                          \
     NULL,                                                                                         \
     NULL,                                                                                         \
     "do it without asking; needed where there is no terminal",                                    \
     KUNI_BIND_FLAG(STRUCT, FIELD)}
#define KUNI_OPTION_WAIT(STRUCT, FIELD)                                                            \
    {"wait",                                                                                       \
     0,                                                                                            \
     "SECONDS",                                                                                    \
     "15",                                                                                         \
     "how long to wait for a run on the dataset to end",                                           \
     KUNI_BIND_INT(STRUCT, FIELD, 0, 86400)}

/* The row of --set, which most commands about a workflow take. */
#define KUNI_OPTION_SET(STRUCT, FIELD)                                                             \
    {"set",                                                                                        \
     's',                                                                                          \
     "KEY=VALUE",                                                                                  \
     NULL,                                                                                         \
     "override a key or param of the workflow, as in regions.shard=1Mb; repeatable",               \
     KUNI_BIND_TEXTS(STRUCT, FIELD, KUNI_COMPLETES_PARAM)},                                        \
    {                                                                                              \
        "profile", 0, "NAME", NULL, "choose a profile of the workflow; --set overrides it",        \
        {                                                                                          \
            .type = KUNI_OPTION_TEXTS, .completes = KUNI_COMPLETES_PROFILE,                        \
            .prefix = "profile=", KUNI_BIND(STRUCT, FIELD, kuni_texts)                             \
        }                                                                                          \
    }

/* The words of a command line that are no options; borrowed from argv. */
typedef struct kuni_operands {
    char **words;
    int n;
} kuni_operands;

typedef enum kuni_parsed {
    KUNI_PARSED,     /* options and operands are set */
    KUNI_ASKED_HELP, /* --help stood there: what else there is was not looked at */
    KUNI_NOT_PARSED  /* a fault, which was printed: exit status 64 */
} kuni_parsed;

/*
 * Reads argv[1 ..] by a table (NULL: only --help) into `options`, which holds the defaults; argv[0]
 * is the command's name, for messages. Operands may stand between options.
 */
KUNI_MUST_CHECK kuni_parsed kuni_options_parse(const kuni_option *table, int argc, char **argv,
                                               void *options, kuni_operands *operands);

/* Whether this row ends the table. */
bool kuni_option_is_end(const kuni_option *option);
/* Whether -h is --help, which it is unless the command gives the letter another sense. */
bool kuni_options_h_is_help(const kuni_option *table);

#endif
