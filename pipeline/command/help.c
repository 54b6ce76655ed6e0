/* SPDX-License-Identifier: MIT */
#include "help.h"

#include <stdio.h>
#include <string.h>

#include "built.h"

enum { HELP_COLUMN = 30 };

const kuni_exit_status kuni_exit_statuses[] = {
    {KUNI_OK, "done", "Done."},
    {KUNI_USAGE, "usage", "The command line or the workflow is wrong."},
    {KUNI_DATA, "bad data",
     "An input is damaged, foreign, or contradicts another; or a run would miss too many of its "
     "new samples."},
    {KUNI_BUG, "fault of kuni", "A fault of kuni, or a stage that crashed more often than it may."},
    {KUNI_MEMORY, "memory", "Memory was refused."},
    {KUNI_IO, "input or output", "Input or output failed: missing file, no right, full disk."},
    {KUNI_AGAIN, "stopped on request: the same command goes on",
     "Stopped on request (SIGTERM, SIGUSR1), or the dataset is busy: the same command goes on "
     "later."},
    {0, NULL, NULL},
};

static const kuni_option help_option = {.name = "help", .letter = 'h', .help = "print this text"};

static void print_exit_statuses(void)
{
    /* Short ones share a line; what does not fit begins the next. */
    enum { WIDTH = 86 };
    int at = 0;
    puts("\nExit status:");
    for (const kuni_exit_status *s = kuni_exit_statuses; s->brief; s++) {
        int width = (int)strlen(s->brief) + 3;
        if (at > 0 && at + width + 3 > WIDTH) at = 0 * putchar('\n');
        at += printf("%s%d %s", at ? "   " : "  ", s->status, s->brief);
    }
    putchar('\n');
}

void kuni_help_print(const kuni_command *const *commands)
{
    printf("About:   kuni %s", kuni_built_version);
    puts(", from the reads of whole genomes to one joint-called national dataset\n"
         "Usage:   kuni COMMAND [OPTIONS] ...\n"
         "         mpirun -n RANKS kuni run WORKFLOW.yaml");
    const char *group = NULL;
    for (; *commands; commands++) {
        const kuni_command *c = *commands;
        if (!c->group) continue;
        if (!group || strcmp(group, c->group) != 0) printf("\n%s:\n", c->group);
        group = c->group;
        printf("  %-12s %s\n", c->name, c->summary);
    }
    puts("  help         print what a command does and its options: kuni help COMMAND");
    print_exit_statuses();
    puts("\nExample:\n  kuni simulate --out demo && kuni run demo/workflow.yaml");
}

/* "text" where every line after the first is indented under it. */
static void print_labelled(const char *label, const char *text)
{
    fputs(label, stdout);
    for (; *text; text++) {
        putchar(*text);
        if (*text == '\n' && text[1]) fputs("         ", stdout);
    }
    putchar('\n');
}

static void print_option(const kuni_option *option, bool letter)
{
    int width = letter ? printf("  -%c, ", option->letter) : printf("      ");
    width += printf("--%s", option->name);
    if (option->value) width += printf(" %s", option->value);
    if (width >= HELP_COLUMN - 1) {
        putchar('\n');
        width = 0;
    }
    printf("%*s%s", HELP_COLUMN - width, "", option->help ? option->help : "");
    if (option->fallback) printf(" [%s]", option->fallback);
    putchar('\n');
}

void kuni_help_print_command(const kuni_command *command)
{
    const kuni_option *table = command->options;
    print_labelled("About:   ", command->about);
    print_labelled("Usage:   ", command->usage);
    bool headed = table && !table->name && table->help;
    if (!headed) puts("\nOptions:");
    for (const kuni_option *o = table; o && !kuni_option_is_end(o); o++) {
        if (o->name)
            print_option(o, o->letter != 0);
        else
            printf("\n%s:\n", o->help);
    }
    if (headed) puts("\nOther:");
    print_option(&help_option, kuni_options_h_is_help(table));
    if (command->example) {
        puts("\nExample:");
        for (const char *line = command->example; *line;) {
            size_t length = strcspn(line, "\n");
            printf("  %.*s\n", (int)length, line);
            line += length + (line[length] == '\n');
        }
    }
}
