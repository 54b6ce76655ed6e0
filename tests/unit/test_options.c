/* SPDX-License-Identifier: MIT */
/* Options: what a table binds, and that the tables of all commands hold together. */
#include "fixture.h"

#include <stdlib.h>
#include <string.h>

#include "commands.h"

typedef struct request {
    bool flag;
    const char *text;
    kuni_texts texts;
    int64_t whole;
    uint32_t count;
    double number;
    int choice;
    double least, most; /* by read_pair */
} request;

static const char *read_pair(void *given, const char *value)
{
    request *r = given;
    char *end;
    r->least = strtod(value, &end);
    if (*end != ':') return "two numbers as 1:2";
    r->most = strtod(end + 1, &end);
    return NULL;
}

static const char *set_all(void *given, const char *value)
{
    request *r = given;
    assert_null(value);
    r->whole = 7;
    r->count = 7;
    return NULL;
}

static const char *const choices[] = {"one", "two", "three", NULL};

static const kuni_option table[] = {
    KUNI_OPTIONS_HEADING("First"),
    {"flag", 'f', NULL, NULL, "help", KUNI_BIND_FLAG(request, flag)},
    {"text", 't', "TEXT", NULL, "help", KUNI_BIND_TEXT(request, text, KUNI_COMPLETES_NOTHING)},
    {"texts", 0, "TEXT", NULL, "help", KUNI_BIND_TEXTS(request, texts, KUNI_COMPLETES_NOTHING)},
    KUNI_OPTIONS_HEADING("Second"),
    {"whole", 'w', "N", NULL, "help", KUNI_BIND_INT(request, whole, -5, (double)INT64_MAX)},
    {"count", 'h', "N", NULL, "help", KUNI_BIND_COUNT(request, count, 1, 4294967295.0)},
    {"number", 0, "X", NULL, "help", KUNI_BIND_FLOAT(request, number, 0, 0.5)},
    {"choice", 'c', "NAME", NULL, "help", KUNI_BIND_CHOICE(request, choice, choices)},
    {"pair", 0, "X:Y", NULL, "help", KUNI_BIND_READ(read_pair)},
    {"all", 'a', NULL, NULL, "help", KUNI_BIND_READ(set_all)},
    KUNI_OPTIONS_END,
};

/* Parses the words of a line, parted by spaces; the words stay until the next call. */
static kuni_parsed parse(const char *line, request *r, kuni_operands *operands)
{
    static char text[8192];
    static char *words[1024];
    int n = 0;
    snprintf(text, sizeof(text), "command %s", line);
    for (char *save = NULL, *at = strtok_r(text, " ", &save); at; at = strtok_r(NULL, " ", &save))
        words[n++] = at;
    words[n] = NULL;
    *r = (request){.whole = 1, .count = 2};
    return kuni_options_parse(table, n, words, r, operands);
}

static void test_bound(void **state)
{
    request r;
    kuni_operands operands;
    (void)state;
    assert_int_equal(parse("", &r, &operands), KUNI_PARSED);
    assert_int_equal(operands.n, 0);
    assert_int_equal(r.whole, 1);
    assert_int_equal(r.count, 2);
    assert_int_equal(parse("a -ft b --texts x --whole=-5 c --count 4294967295 --texts y --number "
                           "1e-1 -c two --pair 1.5:2 -- --flag",
                           &r, &operands),
                     KUNI_PARSED);
    assert_int_equal(operands.n, 3);
    assert_string_equal(operands.words[0], "a");
    assert_string_equal(operands.words[1], "c");
    assert_string_equal(operands.words[2], "--flag");
    assert_true(r.flag);
    assert_string_equal(r.text, "b");
    assert_int_equal(r.texts.n, 2);
    assert_string_equal(r.texts.texts[0], "x");
    assert_string_equal(r.texts.texts[1], "y");
    assert_int_equal(r.whole, -5);
    assert_int_equal(r.count, 4294967295u);
    assert_true(r.number > 0.0999 && r.number < 0.1001);
    assert_int_equal(r.choice, 1);
    assert_true(r.least > 1.49 && r.least < 1.51 && r.most > 1.99 && r.most < 2.01);
    assert_int_equal(parse("-w 9223372036854775807", &r, &operands), KUNI_PARSED);
    assert_int_equal(r.whole, INT64_MAX);
}

static void test_order(void **state)
{
    request r;
    kuni_operands operands;
    (void)state;
    assert_int_equal(parse("-w 3 --all -h 4", &r, &operands), KUNI_PARSED);
    assert_int_equal(r.whole, 7);
    assert_int_equal(r.count, 4);
    assert_int_equal(parse("-c one -c three", &r, &operands), KUNI_PARSED);
    assert_int_equal(r.choice, 2);
}

static void test_refused(void **state)
{
    static const char *const lines[] = {
        "--whole -6",   "--whole 9223372036854775808",
        "--whole 3x",   "--whole=",
        "--count 0",    "--count 4294967296",
        "--count -1",   "--number 0.51",
        "--number nan", "--number inf",
        "--number x",   "--choice four",
        "--choice on",  "--pair 1,2",
        "--none",       "-x",
        "--flag=1",     "--text",
        "-t",           "--te a", /* ambiguous */
    };
    request r;
    kuni_operands operands;
    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        if (parse(lines[i], &r, &operands) != KUNI_NOT_PARSED) fail_msg("taken: %s", lines[i]);
    char line[8192] = "";
    for (int i = 0; i < KUNI_TEXTS_MAX; i++)
        snprintf(line + strlen(line), sizeof(line) - strlen(line), " --texts v%d", i);
    assert_int_equal(parse(line, &r, &operands), KUNI_PARSED);
    assert_int_equal(r.texts.n, KUNI_TEXTS_MAX);
    strcat(line, " --texts v");
    assert_int_equal(parse(line, &r, &operands), KUNI_NOT_PARSED);
}

static void test_help(void **state)
{
    request r;
    kuni_operands operands;
    (void)state;
    assert_int_equal(parse("a --help --none", &r, &operands), KUNI_ASKED_HELP);
    assert_int_equal(parse("--hel", &r, &operands), KUNI_ASKED_HELP);
    assert_int_equal(parse("-h 5", &r, &operands), KUNI_PARSED); /* the letter is --count's here */
    assert_false(kuni_options_h_is_help(table));
    assert_true(kuni_options_h_is_help(NULL));
}

/* --- the tables of all commands --- */

static void check_fallback(const kuni_command *command, const kuni_option *option,
                           const char *options)
{
    const kuni_binding *b = &option->binding;
    const void *field = options + b->offset;
    char *end;
    double shown = strtod(option->fallback, &end), set = 0;
    if (b->type == KUNI_OPTION_CHOICE) {
        int choice = *(const int *)field;
        if (choice >= 0) assert_string_equal(option->fallback, b->choices[choice]);
        return;
    }
    if (end == option->fallback || *end) return; /* words: "all cores" */
    if (b->type == KUNI_OPTION_INT)
        set = (double)*(const int64_t *)field;
    else if (b->type == KUNI_OPTION_COUNT)
        set = *(const uint32_t *)field;
    else if (b->type == KUNI_OPTION_FLOAT)
        set = *(const double *)field;
    else
        return;
    if (shown < set || shown > set)
        fail_msg("%s --%s: the help says %s, the default is %g", command->name, option->name,
                 option->fallback, set);
}

static void check_option(const kuni_command *command, const kuni_option *option,
                         const char *options)
{
    const kuni_binding *b = &option->binding;
    bool takes = b->type == KUNI_OPTION_READ ? option->value != NULL : b->type != KUNI_OPTION_FLAG;
    assert_non_null(option->help);
    if (takes != (option->value != NULL))
        fail_msg("%s --%s: a value and no name for it, or the other way round", command->name,
                 option->name);
    if (b->type != KUNI_OPTION_READ) assert_true(b->offset < command->options_bytes);
    if (b->type == KUNI_OPTION_CHOICE) assert_non_null(b->choices);
    if (b->type == KUNI_OPTION_READ) assert_non_null(b->read);
    if (option->fallback) check_fallback(command, option, options);
    for (const kuni_option *o = command->options; o < option; o++) {
        if (!o->name) continue;
        assert_string_not_equal(o->name, option->name);
        if (o->letter && o->letter == option->letter)
            fail_msg("%s: -%c is two options", command->name, o->letter);
    }
}

static void test_tables(void **state)
{
    (void)state;
    for (const kuni_command *const *c = kuni_commands; *c; c++) {
        const kuni_command *command = *c;
        assert_non_null(command->name);
        assert_non_null(command->summary);
        assert_non_null(command->about);
        assert_non_null(command->usage);
        assert_non_null(command->run);
        assert_ptr_equal(kuni_commands_find(command->name), command);
        char *options = calloc(1, command->options_bytes + 1);
        assert_non_null(options);
        if (command->defaults) command->defaults(options);
        size_t n = 0;
        for (const kuni_option *o = command->options; !kuni_option_is_end(o); o++, n++)
            if (o->name) check_option(command, o, options);
        assert_true(n <= KUNI_OPTIONS_MAX);
        free(options);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bound), cmocka_unit_test(test_order),  cmocka_unit_test(test_refused),
        cmocka_unit_test(test_help),  cmocka_unit_test(test_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
