/* SPDX-License-Identifier: MIT */
#include "template.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kuni/params.h"

enum { NAME_BYTES = 128, NESTING_MOST = 32 };

typedef enum quoting { UNQUOTED, IN_SINGLE, IN_DOUBLE } quoting;

/* Length of the name in "{name}" at `text`, or 0 where there is no placeholder. */
static size_t placeholder_length(const char *text)
{
    if (text[0] != '{' || text[1] < 'a' || text[1] > 'z') return 0;
    size_t length = strspn(text + 1, "abcdefghijklmnopqrstuvwxyz"
                                     "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");
    return text[1 + length] == '}' ? length : 0;
}

/* Where a placeholder that is not among the values would be one; NULL: nowhere. */
static const char *elsewhere(const char *name)
{
    static const struct {
        const char *name, *where;
    } places[] = {{"reads", "scatter: sample"},       {"gvcf", "scatter: sample"},
                  {"participant", "scatter: sample"}, {"sex", "scatter: sample"},
                  {"index", "scatter: sample"},       {"region", "scatter: region"},
                  {"bed", "scatter: region"}};
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
        if (strcmp(places[i].name, name) == 0) return places[i].where;
    return NULL;
}

/* One of several outputs where `{output}` alone was written; NULL. */
static const char *named_output(const char *name, const char *const *names, size_t n)
{
    if (strcmp(name, "output") != 0) return NULL;
    for (size_t i = 0; i < n; i++)
        if (strncmp(names[i], "output.", strlen("output.")) == 0) return names[i];
    return NULL;
}

static kuni_status unknown_name(const char *word, const char **names, size_t n, kuni_error *err)
{
    const char *where = elsewhere(word);
    if (where)
        return kuni_fail(err, KUNI_USAGE,
                         "run: {%s} is a placeholder with %s or `sample x shard` only: write "
                         "{{%s}} for the text itself",
                         word, where, word);
    if (strcmp(word, "depth") == 0)
        return kuni_fail(
            err, KUNI_USAGE,
            "run: {depth} is no placeholder: how deep a sample is, is known once all "
            "its reads have been read; a command with scatter: cohort and takes: "
            "sample-qc has it as mean_autosome_coverage (or write {{depth}} for the text)");
    const char *near = named_output(word, names, n);
    if (!near) near = kuni_nearest(word, names, n);
    return kuni_fail(err, KUNI_USAGE,
                     "run: {%s} is no placeholder here%s%s%s: write {{%s}} for the text itself",
                     word, near ? "; did you mean {" : "", near ? near : "", near ? "}" : "", word);
}

static kuni_status find_value(const char *name, size_t length, const template_value *values,
                              size_t n_values, const template_value **found, kuni_error *err)
{
    for (size_t i = 0; i < n_values; i++)
        if (strlen(values[i].name) == length && strncmp(values[i].name, name, length) == 0) {
            *found = &values[i];
            return KUNI_OK;
        }
    char word[NAME_BYTES];
    (void)snprintf(word, sizeof(word), "%.*s", (int)length, name);
    const char **names = kuni_alloc(n_values, sizeof(*names), err);
    if (!names) return KUNI_MEMORY;
    for (size_t i = 0; i < n_values; i++) names[i] = values[i].name;
    kuni_status status = unknown_name(word, names, n_values, err);
    free(names);
    return status;
}

/*
 * One step through a command: a placeholder, "{{name}}", or a byte. Returns how many bytes it took.
 */
static size_t next_token(const char *at, const char *start, size_t *name_length, bool *literal)
{
    *literal = false;
    *name_length = 0;
    if (at[0] == '{' && at[1] == '{') {
        size_t inner = placeholder_length(at + 1);
        if (inner && at[inner + 3] == '}') {
            *literal = true;
            *name_length = inner;
            return inner + 4;
        }
    }
    if (at > start && at[-1] == '$') return 1;
    *name_length = placeholder_length(at);
    return *name_length ? *name_length + 2 : 1;
}

kuni_status template_check(const char *text, const template_value *values, size_t n_values,
                           kuni_error *err)
{
    for (const char *at = text; *at;) {
        size_t length;
        bool literal;
        size_t taken = next_token(at, text, &length, &literal);
        if (length && !literal) {
            const template_value *value;
            kuni_status status = find_value(at + 1, length, values, n_values, &value, err);
            if (status) return status;
        }
        at += taken;
    }
    return KUNI_OK;
}

bool template_names(const char *text, const char *name)
{
    for (const char *at = text; at && *at;) {
        size_t length;
        bool literal;
        size_t taken = next_token(at, text, &length, &literal);
        if (length == strlen(name) && !literal && strncmp(at + 1, name, length) == 0) return true;
        at += taken;
    }
    return false;
}

/*
 * The shell's view of quotes, well enough to choose how a variable is written: a wrong guess can
 * split a value into words, never run it. A command substitution starts afresh inside double
 * quotes.
 */
typedef struct shell_state {
    quoting quote;
    size_t depth;
    struct {
        quoting outer;
        char closer;
    } stack[NESTING_MOST];
} shell_state;

static void enter(shell_state *state, char closer)
{
    if (state->depth == NESTING_MOST) return;
    state->stack[state->depth].outer = state->quote;
    state->stack[state->depth++].closer = closer;
    state->quote = UNQUOTED;
}

static void follow_quotes(shell_state *state, const char *at, const char *start)
{
    quoting quote = state->quote;
    if (quote == IN_SINGLE) {
        if (*at == '\'') state->quote = UNQUOTED;
        return;
    }
    bool closes = state->depth && quote == UNQUOTED && state->stack[state->depth - 1].closer == *at;
    if (closes)
        state->quote = state->stack[--state->depth].outer;
    else if (*at == '`')
        enter(state, '`');
    else if (*at == '(' && (quote == UNQUOTED || (at > start && at[-1] == '$')))
        enter(state, ')');
    else if (*at == '"')
        state->quote = quote == IN_DOUBLE ? UNQUOTED : IN_DOUBLE;
    else if (*at == '\'' && quote == UNQUOTED)
        state->quote = IN_SINGLE;
}

static kuni_status write_reference(const template_value *value, quoting state, size_t *n_variables,
                                   kuni_buffer *command, kuni_error *err)
{
    /*
     * How a variable is written where nothing, single quotes (left and entered again) or double
     * quotes are open.
     */
    static const char *const before[] = {[UNQUOTED] = "\"", [IN_SINGLE] = "'\"", [IN_DOUBLE] = ""};
    static const char *const after[] = {[UNQUOTED] = "\"", [IN_SINGLE] = "\"'", [IN_DOUBLE] = ""};
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < value->n_texts && !status; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "KUNI_ARG_%zu", (*n_variables)++);
        if (setenv(name, value->texts[i], 1) != 0)
            return kuni_fail_memory(err, strlen(value->texts[i]), 1);
        status = kuni_buffer_printf(command, err, "%s%s${%s}%s", i ? " " : "", before[state], name,
                                    after[state]);
    }
    return status;
}

kuni_status template_shell(const char *text, const template_value *values, size_t n_values,
                           kuni_buffer *command, kuni_error *err)
{
    shell_state state = {.quote = UNQUOTED};
    size_t n_variables = 0;
    kuni_status status = KUNI_OK;
    for (const char *at = text; *at && !status;) {
        size_t length;
        bool literal;
        size_t taken = next_token(at, text, &length, &literal);
        if (literal) {
            status = kuni_buffer_append(command, at + 1, taken - 2, err);
        } else if (length) {
            const template_value *value = NULL;
            status = find_value(at + 1, length, values, n_values, &value, err);
            if (!status && value)
                status = write_reference(value, state.quote, &n_variables, command, err);
        } else {
            /* A backslash shields the next byte, except in single quotes. */
            if (*at == '\\' && state.quote != IN_SINGLE && at[1])
                taken = 2;
            else
                follow_quotes(&state, at, text);
            status = kuni_buffer_append(command, at, taken, err);
        }
        at += taken;
    }
    return status;
}

static kuni_status append_words(const template_value *value, kuni_buffer *arguments, size_t *count,
                                kuni_error *err)
{
    for (size_t i = 0; i < value->n_texts; i++) {
        kuni_status status =
            kuni_buffer_append(arguments, value->texts[i], strlen(value->texts[i]) + 1, err);
        if (status) return status;
        (*count)++;
    }
    return KUNI_OK;
}

static kuni_status append_word(const char *word, size_t word_length, const template_value *values,
                               size_t n_values, kuni_buffer *arguments, kuni_error *err)
{
    kuni_status status = KUNI_OK;
    for (const char *at = word; at < word + word_length && !status;) {
        size_t length;
        bool literal;
        size_t taken = next_token(at, word, &length, &literal);
        const template_value *value = NULL;
        if (literal)
            status = kuni_buffer_append(arguments, at + 1, taken - 2, err);
        else if (!length)
            status = kuni_buffer_append(arguments, at, taken, err);
        else
            status = find_value(at + 1, length, values, n_values, &value, err);
        for (size_t i = 0; value && i < value->n_texts && !status; i++) {
            if (i) status = kuni_buffer_append(arguments, " ", 1, err);
            if (!status)
                status =
                    kuni_buffer_append(arguments, value->texts[i], strlen(value->texts[i]), err);
        }
        at += taken;
    }
    return status ? status : kuni_buffer_append(arguments, "", 1, err);
}

kuni_status template_words(const char *lines, const template_value *values, size_t n_values,
                           kuni_buffer *arguments, size_t *count, kuni_error *err)
{
    *count = 0;
    for (const char *line = lines; line;) {
        const char *end = strchr(line, '\n');
        size_t length = end ? (size_t)(end - line) : strlen(line);
        size_t name = placeholder_length(line);
        kuni_status status;
        if (name && name + 2 == length) {
            const template_value *value = NULL;
            status = find_value(line + 1, name, values, n_values, &value, err);
            if (!status && value) status = append_words(value, arguments, count, err);
        } else {
            status = append_word(line, length, values, n_values, arguments, err);
            (*count)++;
        }
        if (status) return status;
        line = end ? end + 1 : NULL;
    }
    return KUNI_OK;
}
