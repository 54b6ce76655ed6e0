/* SPDX-License-Identifier: MIT */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "complain.h"
#include "kuni/params.h"

/* What getopt_long returns for the row i is FIRST_KEY + i, with or without a short letter. */
enum { FIRST_KEY = 256, HELP_KEY = INT_MAX };

typedef struct parser {
    const kuni_option *table;
    const char *command; /* for messages */
    int argc;
    char **argv;
    void *options;
    struct option longs[KUNI_OPTIONS_MAX + 2];
    char shorts[2 * KUNI_OPTIONS_MAX + 4];
} parser;

bool kuni_option_is_end(const kuni_option *option)
{
    return !option || (!option->name && !option->help);
}

bool kuni_options_h_is_help(const kuni_option *table)
{
    for (const kuni_option *o = table; !kuni_option_is_end(o); o++)
        if (o->letter == 'h') return false;
    return true;
}

/* --- what getopt_long asks for --- */

static void prepare(parser *p)
{
    size_t n = 0, s = 0;
    p->shorts[s++] = ':'; /* a missing value is told apart from an unknown option */
    for (const kuni_option *o = p->table; !kuni_option_is_end(o) && n < KUNI_OPTIONS_MAX; o++) {
        if (!o->name) continue;
        p->longs[n++] = (struct option){.name = o->name,
                                        .has_arg = o->value ? required_argument : no_argument,
                                        .val = FIRST_KEY + (int)(o - p->table)};
        if (!o->letter) continue;
        p->shorts[s++] = o->letter;
        if (o->value) p->shorts[s++] = ':';
    }
    if (kuni_options_h_is_help(p->table)) p->shorts[s++] = 'h';
    p->shorts[s] = '\0';
    p->longs[n++] = (struct option){.name = "help", .has_arg = no_argument, .val = HELP_KEY};
    p->longs[n] = (struct option){.name = NULL};
    optind = 0; /* glibc: start anew */
    opterr = 0;
}

static const kuni_option *find(const parser *p, int key)
{
    if (key >= FIRST_KEY) return &p->table[key - FIRST_KEY];
    const kuni_option *o = p->table;
    while (o->letter != key) o++;
    return o;
}

/* --- values --- */

static bool refuse_number(const parser *p, const kuni_option *option, const char *value,
                          const char *expected)
{
    (void)kuni_command_complain(KUNI_USAGE, "%s: --%s '%s': expected %s", p->command, option->name,
                                value, expected);
    return false;
}

static bool refuse_word(const parser *p, const kuni_option *option, const char *value,
                        const char *expected)
{
    (void)kuni_command_complain(KUNI_USAGE, "%s: '%s' is no value of --%s: expected %s", p->command,
                                value, option->name, expected);
    return false;
}

static bool read_whole(const parser *p, const kuni_option *option, const char *value, int64_t *out)
{
    const kuni_binding *b = &option->binding;
    char *end, expected[96];
    errno = 0;
    long long number = strtoll(value, &end, 10);
    if (!errno && end != value && !*end && (double)number >= b->least &&
        (double)number <= b->most) {
        *out = number;
        return true;
    }
    long long most = b->most < 0x1p63 ? (long long)b->most : INT64_MAX;
    snprintf(expected, sizeof(expected), "a whole number from %lld to %lld", (long long)b->least,
             most);
    return refuse_number(p, option, value, expected);
}

static bool read_float(const parser *p, const kuni_option *option, const char *value, double *out)
{
    const kuni_binding *b = &option->binding;
    char *end, expected[96];
    double number = strtod(value, &end);
    if (end != value && !*end && isfinite(number) && number >= b->least && number <= b->most) {
        *out = number;
        return true;
    }
    snprintf(expected, sizeof(expected), "a number from %g to %g", b->least, b->most);
    return refuse_number(p, option, value, expected);
}

/* "a, b or c" */
static void list_choices(const char *const *choices, char *room, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; choices[i] && n < size; i++) {
        const char *gap = i == 0 ? "" : choices[i + 1] ? ", " : " or ";
        int more = snprintf(room + n, size - n, "%s%s", gap, choices[i]);
        if (more < 0) return;
        n += (size_t)more;
    }
}

static bool read_choice(const parser *p, const kuni_option *option, const char *value, int *out)
{
    const char *const *choices = option->binding.choices;
    for (int i = 0; choices[i]; i++) {
        if (strcmp(choices[i], value) != 0) continue;
        *out = i;
        return true;
    }
    char expected[256];
    list_choices(choices, expected, sizeof(expected));
    return refuse_word(p, option, value, expected);
}

/* Both together, to the end of the program as argv is; NULL: too often. */
static const char *with_prefix(const char *prefix, const char *value)
{
    enum { MADE_MAX = 16, BYTES = 256 };
    static char made[MADE_MAX][BYTES];
    static size_t n;
    if (n == MADE_MAX) return NULL;
    int length = snprintf(made[n], BYTES, "%s%s", prefix, value);
    return length > 0 && length < BYTES ? made[n++] : NULL;
}

static bool add_text(const parser *p, const kuni_option *option, const char *value,
                     kuni_texts *texts)
{
    const char *text = option->binding.prefix ? with_prefix(option->binding.prefix, value) : value;
    if (texts->n < KUNI_TEXTS_MAX && text) {
        texts->texts[texts->n++] = text;
        return true;
    }
    (void)kuni_command_complain(KUNI_USAGE, "%s: more than %d --%s", p->command, KUNI_TEXTS_MAX,
                                option->name);
    return false;
}

/* False: the fault was printed. */
static bool take(const parser *p, const kuni_option *option, const char *value)
{
    void *field = (char *)p->options + option->binding.offset;
    int64_t number = 0;
    const char *expected;
    switch (option->binding.type) {
    case KUNI_OPTION_FLAG:
        *(bool *)field = true;
        return true;
    case KUNI_OPTION_TEXT:
        *(const char **)field = value;
        return true;
    case KUNI_OPTION_TEXTS:
        return add_text(p, option, value, field);
    case KUNI_OPTION_INT:
        return read_whole(p, option, value, field);
    case KUNI_OPTION_COUNT:
        if (!read_whole(p, option, value, &number)) return false;
        *(uint32_t *)field = (uint32_t)number;
        return true;
    case KUNI_OPTION_FLOAT:
        return read_float(p, option, value, field);
    case KUNI_OPTION_CHOICE:
        return read_choice(p, option, value, field);
    case KUNI_OPTION_READ:
        expected = option->binding.read(p->options, value);
        return !expected || refuse_word(p, option, value, expected);
    }
    return false;
}

/* --- faults --- */

static void tell_unknown(const parser *p, const char *word)
{
    const char *names[KUNI_OPTIONS_MAX + 1] = {"help"};
    size_t n = 1;
    for (const kuni_option *o = p->table; !kuni_option_is_end(o) && n < KUNI_OPTIONS_MAX; o++)
        if (o->name) names[n++] = o->name;
    char name[64] = "";
    const char *near = NULL;
    if (strncmp(word, "--", 2) == 0) {
        size_t length = strcspn(word + 2, "=");
        if (length >= sizeof(name)) length = sizeof(name) - 1;
        memcpy(name, word + 2, length);
        near = kuni_nearest(name, names, n);
    }
    (void)kuni_command_complain(
        KUNI_USAGE, "%s: unknown or ambiguous option '%s'%s%s%s; see `kuni %s --help`", p->command,
        word, near ? " (did you mean --" : "", near ? near : "", near ? "?)" : "", p->command);
}

/* `key` is what getopt_long returned, `before` the place in argv where it began to look. */
static void tell_fault(const parser *p, int key, int before)
{
    if (key == ':') {
        (void)kuni_command_complain(KUNI_USAGE,
                                    "%s: option '%s' needs a value; see `kuni %s --help`",
                                    p->command, p->argv[optind - 1], p->command);
        return;
    }
    char word[3] = {'-', (char)optopt, '\0'};
    const char *at = p->argv[optind > before ? optind - 1 : before];
    if (optopt > 0 && strncmp(at, "--", 2) == 0)
        (void)kuni_command_complain(KUNI_USAGE, "%s: option '%.*s' takes no value", p->command,
                                    (int)strcspn(at, "="), at);
    else
        tell_unknown(p, optopt > 0 ? word : at);
}

kuni_parsed kuni_options_parse(const kuni_option *table, int argc, char **argv, void *options,
                               kuni_operands *operands)
{
    parser p = {.table = table, .command = argv[0], .argc = argc, .argv = argv, .options = options};
    prepare(&p);
    for (;;) {
        int before = optind > 0 ? optind : 1;
        int key = getopt_long(argc, argv, p.shorts, p.longs, NULL);
        if (key == -1) break;
        if (key == HELP_KEY || (key == 'h' && kuni_options_h_is_help(table)))
            return KUNI_ASKED_HELP;
        if (key == ':' || key == '?') {
            tell_fault(&p, key, before);
            return KUNI_NOT_PARSED;
        }
        if (!take(&p, find(&p, key), optarg)) return KUNI_NOT_PARSED;
    }
    *operands = (kuni_operands){.words = argv + optind, .n = argc - optind};
    return KUNI_PARSED;
}
