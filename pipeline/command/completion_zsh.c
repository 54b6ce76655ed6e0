/* SPDX-License-Identifier: MIT */
/* A function _kuni that hands the rows of a command's table to zsh's _arguments. */
#include <stdio.h>
#include <string.h>

#include "completion.h"
#include "stage_table.h"

/* Within '...' and within the brackets and colons of a specification. */
static void print_escaped(const char *text)
{
    for (; *text; text++) {
        if (*text == '\'')
            fputs("'\\''", stdout);
        else if (strchr("[]:\\", *text))
            printf("\\%c", *text);
        else
            putchar(*text);
    }
}

/* ":MESSAGE:ACTION" of a value or operand. */
static void print_action(kuni_completes completes, const char *message)
{
    const char *const *endings = kuni_completion_endings(completes);
    putchar(':');
    print_escaped(message);
    putchar(':');
    if (kuni_completion_takes_stages(completes)) {
        size_t n;
        const kuni_stage *const *stages = kuni_stage_list(&n);
        fputs("_alternative \"stages:stage:(", stdout);
        for (size_t i = 0; i < n; i++) printf("%s%s", i ? " " : "", stages[i]->name);
        fputs(")\" \"files:plugin:_files -g \\\"*.so\\\"\"", stdout);
    } else if (*endings) {
        /* One ending stands without parentheses, which would be qualifiers of the pattern. */
        fputs(endings[1] ? "_files -g \"*.(" : "_files -g \"*.", stdout);
        for (const char *const *e = endings; *e; e++) printf("%s%s", e == endings ? "" : "|", *e);
        fputs(endings[1] ? ")\"" : "\"", stdout);
    } else if (kuni_completion_asks(completes)) {
        printf(" _kuni_ask %s", kuni_completion_asks(completes));
    } else if (completes == KUNI_COMPLETES_FILE) {
        fputs("_files", stdout);
    } else if (completes == KUNI_COMPLETES_FOLDER) {
        fputs("_files -/", stdout);
    }
}

static void print_list(const char *const *words)
{
    putchar('(');
    for (const char *const *w = words; *w; w++) printf("%s%s", w == words ? "" : " ", *w);
    putchar(')');
}

static void print_option(const kuni_option *option)
{
    bool many = option->binding.type == KUNI_OPTION_TEXTS && !option->binding.prefix,
         takes = option->value;
    fputs("        ", stdout);
    if (many)
        fputs("'*'", stdout);
    else if (option->letter)
        printf("'(-%c --%s)'", option->letter, option->name);
    if (option->letter)
        printf("{-%c%s,--%s%s}'[", option->letter, takes ? "+" : "", option->name,
               takes ? "=" : "");
    else
        printf("'--%s%s[", option->name, takes ? "=" : "");
    print_escaped(option->help);
    putchar(']');
    if (option->binding.type == KUNI_OPTION_CHOICE) {
        printf(":%s:", option->value);
        print_list(option->binding.choices);
    } else if (takes) {
        print_action(option->binding.completes, option->value);
    }
    puts("' \\");
}

static void print_command(const kuni_command *command)
{
    printf("    %s)\n        _arguments -s -S \\\n", command->name);
    for (const kuni_option *o = command->options; !kuni_option_is_end(o); o++)
        if (o->name) print_option(o);
    fputs("        '--help[print this text]'", stdout);
    if (command->verbs) {
        fputs(" \\\n        '1:verb:", stdout);
        print_list(command->verbs);
        putchar('\'');
    }
    if (command->words != KUNI_COMPLETES_NOTHING) {
        fputs(command->most_words < 0 ? " \\\n        '*" : " \\\n        '", stdout);
        if (command->most_words >= 0) printf("%s", command->verbs ? "2" : "1");
        print_action(command->words, "operand");
        putchar('\'');
    }
    puts("\n        ;;");
}

void kuni_completion_print_zsh(const kuni_command *const *commands)
{
    puts("#compdef kuni\n"
         "# zsh completion of kuni; made by `kuni completion zsh`\n"
         "\n"
         "# names of the first workflow on the line\n"
         "_kuni_ask() {\n"
         "    local word\n"
         "    local -a found more\n"
         "    for word in $words; do\n"
         "        [[ $word == *.(yaml|yml) && -f $word ]] || continue\n"
         "        found=(${(f)\"$($program names $1 $word 2>/dev/null)\"})\n"
         "        break\n"
         "    done\n"
         "    [[ $1 != params ]] || more=(-S '')\n"
         "    compadd \"${more[@]}\" -a found\n"
         "}\n"
         "\n"
         "_kuni() {\n"
         "    local -a commands\n"
         "    local curcontext=$curcontext state line\n"
         "    commands=(");
    for (const kuni_command *const *c = commands; *c; c++) {
        if (!(*c)->group) continue;
        printf("        '%s:", (*c)->name);
        print_escaped((*c)->summary);
        puts("'");
    }
    puts("        'help:print what a command does and its options'\n"
         "    )\n"
         "    if ((CURRENT == 2)); then\n"
         "        _describe -t commands command commands\n"
         "        _values option --help --version\n"
         "        return\n"
         "    fi\n"
         "    local program=$words[1] name=$words[2]\n"
         "    shift words\n"
         "    ((CURRENT--))\n"
         "    case $name in");
    for (const kuni_command *const *c = commands; *c; c++)
        if ((*c)->group) print_command(*c);
    puts("    help) ((CURRENT == 2)) && _describe -t commands command commands ;;\n"
         "    esac\n"
         "}\n"
         "\n"
         "if [[ ${funcstack[1]} == _kuni ]]; then _kuni \"$@\"; else compdef _kuni kuni; fi");
}
