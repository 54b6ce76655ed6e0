/* SPDX-License-Identifier: MIT */
/*
 * A subcommand. Each lives in cmd_NAME.c and defines one constant, which commands.c lists: all that
 * the help, the man page and the completions say of it, and its function. To add one: copy
 * cmd_validate.c, declare its constant below, list it in commands.c and in CMakeLists.txt, and
 * build the target `docs`.
 *
 * A command may print; it returns an exit status (see kuni_status) and never calls exit(). What it
 * was asked for goes to stdout; faults and notes go to stderr: see complain.h.
 */
#ifndef KUNI_COMMAND_COMMAND_H
#define KUNI_COMMAND_COMMAND_H

#include "options.h"

typedef struct kuni_command kuni_command;

/* What a command is called with. */
typedef struct kuni_call {
    void *options; /* the command's own struct: its defaults, and what was given */
    char **words;  /* the operands after the verb, borrowed from argv; as many as it may have */
    int n_words;
    size_t verb;                         /* which of the command's verbs */
    const kuni_command *const *commands; /* all, ended by NULL: for what tells of them */
} kuni_call;

struct kuni_command {
    const char *group; /* heading in `kuni --help`; NULL: a command that is not for people */
    const char *name;
    const char *summary;        /* one line */
    const char *about;          /* one or more lines */
    const char *usage;          /* "kuni validate [OPTIONS] WORKFLOW.yaml"; one or more lines */
    const char *example;        /* lines that can be run as they stand */
    const kuni_option *options; /* or NULL: only --help */
    size_t options_bytes;       /* of its struct of options */
    void (*defaults)(void *options); /* sets what is not 0 in it; or NULL */
    const char *const *verbs;        /* what its first operand is one of, ended by NULL; or NULL */
    int least_words, most_words;     /* operands after the verb; most -1: any number */
    bool launches;                   /* more of them may be another program's: it looks itself */
    kuni_completes words;            /* what they are */
    int (*run)(const kuni_call *call);
};

extern const kuni_command kuni_cmd_bench_engine;
extern const kuni_command kuni_cmd_compact;
extern const kuni_command kuni_cmd_completion;
extern const kuni_command kuni_cmd_diff;
extern const kuni_command kuni_cmd_doctor;
extern const kuni_command kuni_cmd_evidence;
extern const kuni_command kuni_cmd_export;
extern const kuni_command kuni_cmd_gvcf;
extern const kuni_command kuni_cmd_manual;
extern const kuni_command kuni_cmd_names;
extern const kuni_command kuni_cmd_plan;
extern const kuni_command kuni_cmd_graph;
extern const kuni_command kuni_cmd_history;
extern const kuni_command kuni_cmd_recall;
extern const kuni_command kuni_cmd_recontact;
extern const kuni_command kuni_cmd_reinstate;
extern const kuni_command kuni_cmd_release;
extern const kuni_command kuni_cmd_releases;
extern const kuni_command kuni_cmd_merge_summary;
extern const kuni_command kuni_cmd_repair;
extern const kuni_command kuni_cmd_run;
extern const kuni_command kuni_cmd_schema;
extern const kuni_command kuni_cmd_simulate;
extern const kuni_command kuni_cmd_stages;
extern const kuni_command kuni_cmd_status;
extern const kuni_command kuni_cmd_tasks;
extern const kuni_command kuni_cmd_try;
extern const kuni_command kuni_cmd_validate;
extern const kuni_command kuni_cmd_verify;
extern const kuni_command kuni_cmd_version;
extern const kuni_command kuni_cmd_withdraw;

#endif
