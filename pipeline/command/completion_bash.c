/* SPDX-License-Identifier: MIT */
/*
 * Two functions from the tables, and completion.bash behind them, which looks things up by these:
 *
 *   _kuni_table COMMAND         sets options, verbs, and words: what its operands are
 *   _kuni_value COMMAND OPTION  sets what: what the option's value is; fails where it takes none
 *
 * What a thing is: "nothing", "file", "folder", "files ENDING ...", "words WORD ...", both as
 * "words WORD ... files ENDING ...", or "ask KIND": what `kuni names KIND` tells of the workflow that
 * stands on the line.
 */
#include <stdio.h>

#include "completion.h"
#include "stage_table.h"

extern const char kuni_completion_bash[]; /* completion.bash */

static void print_words(const char *const *words)
{
    fputs("words", stdout);
    for (; *words; words++) printf(" %s", *words);
}

static void print_completes(kuni_completes completes)
{
    const char *const *endings = kuni_completion_endings(completes);
    const char *asked = kuni_completion_asks(completes);
    if (asked) {
        printf("ask %s", asked);
        return;
    }
    if (kuni_completion_takes_stages(completes)) {
        size_t n;
        const kuni_stage *const *stages = kuni_stage_list(&n);
        fputs("words", stdout);
        for (size_t i = 0; i < n; i++) printf(" %s", stages[i]->name);
        putchar(' ');
    }
    if (*endings)
        for (fputs("files", stdout); *endings; endings++) printf(" %s", *endings);
    else if (completes == KUNI_COMPLETES_FILE)
        fputs("file", stdout);
    else if (completes == KUNI_COMPLETES_FOLDER)
        fputs("folder", stdout);
    else
        fputs("nothing", stdout);
}

static void print_table(const kuni_command *command)
{
    printf("    %s)\n        options='--help", command->name);
    for (const kuni_option *o = command->options; !kuni_option_is_end(o); o++)
        if (o->name) printf(" --%s", o->name);
    fputs("'\n        verbs='", stdout);
    for (const char *const *v = command->verbs; v && *v; v++)
        printf("%s%s", v == command->verbs ? "" : " ", *v);
    printf("'\n        most=%d\n        words='", command->most_words);
    print_completes(command->words);
    puts("'\n        ;;");
}

static void print_value(const kuni_command *command, const kuni_option *option)
{
    printf("    %s:--%s", command->name, option->name);
    if (option->letter) printf(" | %s:-%c", command->name, option->letter);
    fputs(") what='", stdout);
    if (option->binding.type == KUNI_OPTION_CHOICE)
        print_words(option->binding.choices);
    else
        print_completes(option->binding.completes);
    puts("' ;;");
}

void kuni_completion_print_bash(const kuni_command *const *commands)
{
    puts("# bash completion of kuni; made by `kuni completion bash`\n");
    fputs("_kuni_commands='", stdout);
    for (const kuni_command *const *c = commands; *c; c++)
        if ((*c)->group) printf("%s ", (*c)->name);
    puts("help'\n\n_kuni_table()\n{\n    options='' verbs='' most=0 words=nothing\n    case $1 in");
    for (const kuni_command *const *c = commands; *c; c++)
        if ((*c)->group) print_table(*c);
    puts("    help)\n        verbs=$_kuni_commands\n        ;;\n    esac\n}\n\n"
         "_kuni_value()\n{\n    case $1:$2 in");
    for (const kuni_command *const *c = commands; *c; c++)
        for (const kuni_option *o = (*c)->options; (*c)->group && !kuni_option_is_end(o); o++)
            if (o->name && o->value) print_value(*c, o);
    puts("    *) return 1 ;;\n    esac\n}\n");
    fputs(kuni_completion_bash, stdout);
}
