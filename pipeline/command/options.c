/* SPDX-License-Identifier: MIT */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "kuni/params.h"

enum { HELP_KEY = INT_MAX, HELP_COLUMN = 30 };

static const kuni_option help_option = {"help", 'h', NULL, NULL, "print this text"};

static bool is_end(const kuni_option *option)
{
    return !option || (!option->name && !option->help);
}

static bool has_letter(const kuni_option *option)
{
    return option->key > 0 && option->key < KUNI_OPTION_LONG;
}

/* -h is --help unless the command gives the letter another sense. */
static bool takes_h(const kuni_usage *usage)
{
    for (const kuni_option *o = usage->options; !is_end(o); o++)
        if (o->name && o->key == 'h') return true;
    return false;
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
    int width = letter ? printf("  -%c, ", option->key) : printf("      ");
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

void kuni_usage_print(const kuni_usage *usage)
{
    print_labelled("About:   ", usage->about);
    print_labelled("Usage:   ", usage->usage);
    bool headed = usage->options && !usage->options->name && usage->options->help;
    if (!headed) puts("\nOptions:");
    for (const kuni_option *o = usage->options; !is_end(o); o++) {
        if (o->name)
            print_option(o, has_letter(o));
        else
            printf("\n%s:\n", o->help);
    }
    if (headed) puts("\nOther:");
    print_option(&help_option, !takes_h(usage));
    if (usage->example) {
        puts("\nExample:");
        for (const char *line = usage->example; *line;) {
            size_t length = strcspn(line, "\n");
            printf("  %.*s\n", (int)length, line);
            line += length + (line[length] == '\n');
        }
    }
}

void kuni_options_start(kuni_options *options, const kuni_usage *usage, int argc, char **argv)
{
    *options = (kuni_options){.usage = usage, .argc = argc, .argv = argv, .status = KUNI_OK};
    optind = 0; /* glibc: start anew */
    opterr = 0;
}

static int stop(kuni_options *options, kuni_status status)
{
    options->status = status;
    return KUNI_OPTIONS_STOP;
}

static int unknown(kuni_options *options, const char *word)
{
    const char *names[KUNI_OPTIONS_MAX + 1] = {"help"};
    size_t n = 1;
    for (const kuni_option *o = options->usage->options; !is_end(o) && n < KUNI_OPTIONS_MAX; o++)
        if (o->name) names[n++] = o->name;
    char name[64] = "";
    const char *near = NULL;
    if (strncmp(word, "--", 2) == 0) {
        size_t length = strcspn(word + 2, "=");
        if (length >= sizeof(name)) length = sizeof(name) - 1;
        memcpy(name, word + 2, length);
        near = kuni_nearest(name, names, n);
    }
    return stop(options,
                kuni_command_complain(
                    KUNI_USAGE, "%s: unknown or ambiguous option '%s'%s%s%s; see `kuni %s --help`",
                    options->argv[0], word, near ? " (did you mean --" : "", near ? near : "",
                    near ? "?)" : "", options->argv[0]));
}

static int finish(kuni_options *options)
{
    const kuni_usage *usage = options->usage;
    options->operands = options->argv + optind;
    options->n_operands = options->argc - optind;
    if (options->n_operands < usage->least_operands)
        return stop(options,
                    kuni_command_complain(KUNI_USAGE, "%s: %s; usage: %s", options->argv[0],
                                          options->n_operands ? "too few arguments"
                                                              : "an argument is missing",
                                          usage->usage));
    if (usage->most_operands >= 0 && options->n_operands > usage->most_operands)
        return stop(options,
                    kuni_command_complain(KUNI_USAGE, "%s: unexpected argument '%s'; usage: %s",
                                          options->argv[0], options->operands[usage->most_operands],
                                          usage->usage));
    return KUNI_OPTIONS_END;
}

int kuni_options_next(kuni_options *options, const char **value)
{
    const kuni_usage *usage = options->usage;
    struct option longs[KUNI_OPTIONS_MAX + 2];
    char shorts[2 * KUNI_OPTIONS_MAX + 4];
    size_t n = 0, s = 0;
    shorts[s++] = ':'; /* a missing value is told apart from an unknown option */
    for (const kuni_option *o = usage->options; !is_end(o) && n < KUNI_OPTIONS_MAX; o++) {
        if (!o->name) continue;
        longs[n++] = (struct option){.name = o->name, .has_arg = o->value ? 1 : 0, .val = o->key};
        if (!has_letter(o)) continue;
        shorts[s++] = (char)o->key;
        if (o->value) shorts[s++] = ':';
    }
    bool letter = !takes_h(usage);
    if (letter) shorts[s++] = 'h';
    shorts[s] = '\0';
    longs[n++] = (struct option){.name = "help", .has_arg = 0, .val = HELP_KEY};
    longs[n] = (struct option){.name = NULL};

    int before = optind > 0 ? optind : 1;
    int key = getopt_long(options->argc, options->argv, shorts, longs, NULL);
    *value = optarg;
    if (key == -1) return finish(options);
    if (key == HELP_KEY || (key == 'h' && letter)) {
        kuni_usage_print(usage);
        return stop(options, KUNI_OK);
    }
    if (key == ':') {
        return stop(options, kuni_command_complain(
                                 KUNI_USAGE, "%s: option '%s' needs a value; see `kuni %s --help`",
                                 options->argv[0], options->argv[optind - 1], options->argv[0]));
    }
    if (key == '?') {
        char word[3] = {'-', (char)optopt, '\0'};
        const char *at = options->argv[optind > before ? optind - 1 : before];
        if (optopt > 0 && strncmp(at, "--", 2) == 0)
            return stop(options,
                        kuni_command_complain(KUNI_USAGE, "%s: option '%.*s' takes no value",
                                              options->argv[0], (int)strcspn(at, "="), at));
        return unknown(options, optopt > 0 ? word : at);
    }
    return key;
}

bool kuni_option_int(kuni_options *options, const char *name, const char *value, int64_t least,
                     int64_t most, int64_t *out)
{
    char *end;
    errno = 0;
    long long number = strtoll(value, &end, 10);
    if (errno || end == value || *end || number < least || number > most) {
        options->status = kuni_command_complain(
            KUNI_USAGE, "%s: --%s '%s': expected a whole number from %lld to %lld",
            options->argv[0], name, value, (long long)least, (long long)most);
        return false;
    }
    *out = number;
    return true;
}

bool kuni_option_float(kuni_options *options, const char *name, const char *value, double least,
                       double most, double *out)
{
    char *end;
    double number = strtod(value, &end);
    if (end == value || *end || !isfinite(number) || number < least || number > most) {
        options->status =
            kuni_command_complain(KUNI_USAGE, "%s: --%s '%s': expected a number from %g to %g",
                                  options->argv[0], name, value, least, most);
        return false;
    }
    *out = number;
    return true;
}

bool kuni_settings_add(kuni_options *options, kuni_settings *settings, const char *text)
{
    if (settings->n == KUNI_SETTINGS_MAX) {
        options->status = kuni_command_complain(
            KUNI_USAGE, "%s: more than %d --set; write them into the workflow", options->argv[0],
            KUNI_SETTINGS_MAX);
        return false;
    }
    settings->texts[settings->n++] = text;
    return true;
}
