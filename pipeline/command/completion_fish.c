/* SPDX-License-Identifier: MIT */
/* A line of `complete` for each row. */
#include <stdio.h>

#include "completion.h"
#include "stage_table.h"

/* Within '...'. */
static void print_quoted(const char *text)
{
    putchar('\'');
    for (; *text; text++) {
        if (*text == '\'' || *text == '\\') putchar('\\');
        putchar(*text);
    }
    putchar('\'');
}

static void print_words(const char *const *words)
{
    fputs(" -a '", stdout);
    for (const char *const *w = words; *w; w++) printf("%s%s", w == words ? "" : " ", *w);
    putchar('\'');
}

/* Files come by themselves unless -f or -x forbids them. */
static void print_completes(kuni_completes completes)
{
    const char *const *endings = kuni_completion_endings(completes);
    const char *asks = kuni_completion_asks(completes);
    if (!*endings && completes != KUNI_COMPLETES_FOLDER && !asks) return;
    fputs(" -k -a '", stdout);
    if (asks) printf("(__kuni_ask %s)", asks);
    if (completes == KUNI_COMPLETES_FOLDER) fputs("(__fish_complete_directories)", stdout);
    for (const char *const *e = endings; *e; e++)
        printf("%s(__kuni_files .%s)", e == endings ? "" : " ", *e);
    if (kuni_completion_takes_stages(completes)) {
        size_t n;
        const kuni_stage *const *stages = kuni_stage_list(&n);
        for (size_t i = 0; i < n; i++) printf(" %s", stages[i]->name);
    }
    putchar('\'');
}

static void print_option(const kuni_command *command, const kuni_option *option)
{
    const kuni_binding *b = &option->binding;
    printf("complete -c kuni -n '__kuni_is %s' -l %s", command->name, option->name);
    if (option->letter) printf(" -s %c", option->letter);
    if (option->value) fputs(b->completes == KUNI_COMPLETES_FILE ? " -r -F" : " -x", stdout);
    if (b->type == KUNI_OPTION_CHOICE)
        print_words(b->choices);
    else if (option->value)
        print_completes(b->completes);
    fputs(" -d ", stdout);
    print_quoted(option->help);
    putchar('\n');
}

static void print_command(const kuni_command *command)
{
    printf("\ncomplete -c kuni -n __kuni_is_first -a %s -d ", command->name);
    print_quoted(command->summary);
    printf("\ncomplete -c kuni -n '__kuni_is help' -a %s -d ", command->name);
    print_quoted(command->summary);
    printf("\ncomplete -c kuni -n '__kuni_is %s' -l help -d 'print this text'\n", command->name);
    for (const kuni_option *o = command->options; !kuni_option_is_end(o); o++)
        if (o->name) print_option(command, o);
    if (command->verbs) {
        printf("complete -c kuni -n '__kuni_is %s 2'", command->name);
        print_words(command->verbs);
        putchar('\n');
    }
    if (command->words == KUNI_COMPLETES_NOTHING) return;
    printf("complete -c kuni -n '%s__kuni_is %s%s'", command->verbs ? "not " : "", command->name,
           command->verbs ? " 2; and __kuni_is " : "");
    if (command->verbs) fputs(command->name, stdout);
    print_completes(command->words);
    putchar('\n');
}

void kuni_completion_print_fish(const kuni_command *const *commands)
{
    puts("# fish completion of kuni; made by `kuni completion fish`\n"
         "\n"
         "# whether the command has yet to be named\n"
         "function __kuni_is_first\n"
         "    test (count (commandline -opc)) -eq 1\n"
         "end\n"
         "\n"
         "# whether the command is $argv[1], and, where given, the word number $argv[2] the next\n"
         "function __kuni_is\n"
         "    set -l words (commandline -opc)\n"
         "    test (count $words) -ge 2; and test $words[2] = $argv[1]; or return 1\n"
         "    test (count $argv) -eq 1; or test (count $words) -eq $argv[2]\n"
         "end\n"
         "\n"
         "function __kuni_files\n"
         "    __fish_complete_suffix $argv[1] | string match -r -- '.*(?:/|\\\\Q'$argv[1]'\\\\E)"
         "(?:\\\\t.*)?$'\n"
         "end\n"
         "\n"
         "# names of the first workflow on the line\n"
         "function __kuni_ask\n"
         "    set -l words (commandline -opc)\n"
         "    for word in $words\n"
         "        string match -qr '[.]ya?ml$' -- $word; and test -f $word; or continue\n"
         "        $words[1] names $argv[1] $word 2>/dev/null\n"
         "        return\n"
         "    end\n"
         "end\n"
         "\n"
         "complete -c kuni -f\n"
         "complete -c kuni -n __kuni_is_first -l help -s h -d 'print the commands'\n"
         "complete -c kuni -n __kuni_is_first -l version -d 'print the version'\n"
         "complete -c kuni -n __kuni_is_first -a help -d 'print what a command does'");
    for (const kuni_command *const *c = commands; *c; c++)
        if ((*c)->group) print_command(*c);
}
