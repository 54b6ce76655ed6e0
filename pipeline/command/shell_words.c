/* SPDX-License-Identifier: MIT */
#include "shell_words.h"

#include <ctype.h>
#include <string.h>

enum { WORD_BYTES = 256, DEPTH_MOST = 16 };

typedef struct walk {
    const char *at;
    void (*tell)(void *context, const char *program);
    void *context;
    bool first; /* the next word is a command's first */
    bool failed;
    int depth;
} walk;

/* A word with its quotes taken away; `plain` where nothing in it has to be worked out. */
typedef struct word {
    char text[WORD_BYTES];
    size_t length;
    bool plain, quoted;
} word;

static bool is_one_of(const char *text, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(text, *list) == 0) return true;
    return false;
}

static void follow(walk *w, char closer);

/* A substitution: its commands are looked at like others. */
static void enter(walk *w, char closer)
{
    bool first = w->first;
    if (w->depth == DEPTH_MOST) {
        w->failed = true;
        return;
    }
    w->depth++;
    w->first = true;
    follow(w, closer);
    w->depth--;
    w->first = first;
}

static void keep(word *out, char c)
{
    if (out->length + 1 < sizeof(out->text))
        out->text[out->length++] = c;
    else
        out->plain = false;
}

/* At a dollar or a backtick. */
static void skip_expansion(walk *w, word *out)
{
    out->plain = false;
    if (*w->at == '`') {
        w->at++;
        enter(w, '`');
    } else if (w->at[1] == '(' && w->at[2] == '(') {
        const char *end = strstr(w->at, "))");
        w->failed |= !end;
        w->at = end ? end + 2 : w->at + strlen(w->at);
    } else if (w->at[1] == '(') {
        w->at += 2;
        enter(w, ')');
    } else if (w->at[1] == '{') {
        const char *end = strchr(w->at, '}');
        w->failed |= !end;
        w->at = end ? end + 1 : w->at + strlen(w->at);
    } else {
        w->at++;
    }
}

static void read_quoted(walk *w, word *out)
{
    char quote = *w->at++;
    out->quoted = true;
    while (*w->at && *w->at != quote && !w->failed)
        if (quote == '"' && (*w->at == '$' || *w->at == '`')) {
            skip_expansion(w, out);
        } else {
            if (quote == '"' && *w->at == '\\' && w->at[1]) w->at++;
            keep(out, *w->at++);
        }
    if (*w->at == quote)
        w->at++;
    else
        w->failed = true;
}

static void read_word(walk *w, char closer, word *out)
{
    *out = (word){.plain = true};
    while (*w->at && *w->at != closer && !strchr(" \t\n;|&<>()", *w->at) && !w->failed)
        if (*w->at == '"' || *w->at == '\'') {
            read_quoted(w, out);
        } else if (*w->at == '$' || *w->at == '`') {
            skip_expansion(w, out);
        } else {
            if (*w->at == '\\' && w->at[1]) w->at++;
            if (strchr("*?[{", *w->at)) out->plain = false; /* a placeholder is none either */
            keep(out, *w->at++);
        }
    out->text[out->length] = '\0';
}

static bool is_assignment(const word *found)
{
    size_t name = 0;
    while (isalnum((unsigned char)found->text[name]) || found->text[name] == '_') name++;
    return name > 0 && found->text[name] == '=' && !isdigit((unsigned char)found->text[0]);
}

/* Words of a program that runs another: its options are passed over, with their values. */
static void follow_runner(walk *w, const char *runner, char closer)
{
    static const char *const with_value[] = {"-a", "-d", "-E", "-I", "-L", "-n", "-P",
                                             "-s", "-k", "-u", "-C", "-S", NULL};
    bool wants_number = strcmp(runner, "timeout") == 0;
    for (;;) {
        word found;
        w->at += strspn(w->at, " \t");
        const char *before = w->at;
        read_word(w, closer, &found);
        if (w->at == before || w->failed) return; /* xargs alone is echo */
        if (found.text[0] == '-' && !found.quoted) {
            if (!is_one_of(found.text, with_value)) continue;
            w->at += strspn(w->at, " \t");
            read_word(w, closer, &found);
        } else if (wants_number && isdigit((unsigned char)found.text[0])) {
            wants_number = false;
        } else if (!is_assignment(&found)) {
            w->at = before;
            return;
        }
    }
}

static void take_first(walk *w, const word *found, char closer)
{
    static const char *const again[] = {"if",    "then",  "else", "elif", "do",
                                        "while", "until", "!",    "{",    NULL};
    static const char *const ends[] = {"fi", "done", "}", "for", NULL};
    static const char *const unknown[] = {"case",   "function", "alias", ".",
                                          "source", "select",   NULL};
    static const char *const runners[] = {"xargs",   "env",    "nice",   "time",
                                          "timeout", "nohup",  "exec",   "command",
                                          "ionice",  "stdbuf", "setsid", NULL};
    static const char *const built_in[] = {
        "[",       "bg",    "break",    "cd",      "continue", "echo",  "eval", "exit",
        "export",  "false", "fg",       "getopts", "hash",     "jobs",  "kill", "printf",
        "pwd",     "read",  "readonly", "return",  "set",      "shift", "test", "times",
        "trap",    "true",  "type",     "ulimit",  "umask",    "unset", "wait", ":",
        "command", "exec",  "time",     "local",   NULL};
    if (!found->quoted && is_one_of(found->text, again)) return;
    if (is_assignment(found)) return;
    w->first = false;
    if (!found->quoted && is_one_of(found->text, ends)) return;
    if (!found->quoted && is_one_of(found->text, unknown)) w->failed = true;
    w->at += strspn(w->at, " \t");
    if (w->failed || *w->at == '(') { /* a function's name */
        w->failed = true;
        return;
    }
    if (!found->plain || !found->length) return;
    if (!is_one_of(found->text, built_in)) w->tell(w->context, found->text);
    if (!is_one_of(found->text, runners)) return;
    follow_runner(w, found->text, closer);
    w->first = true;
}

/* A redirection and the word behind it, which is no program. */
static void skip_redirection(walk *w, char closer)
{
    if (w->at[0] == '<' && w->at[1] == '<') {
        w->failed = true;
        return;
    }
    w->at += strspn(w->at, "<>|&");
    w->at += strspn(w->at, " \t");
    word target;
    if (*w->at == '(') { /* <(...) of other shells */
        w->at++;
        enter(w, ')');
    } else {
        read_word(w, closer, &target);
    }
}

/* Until `closer` at this depth, or the end. */
static void follow(walk *w, char closer)
{
    while (*w->at && !w->failed) {
        w->at += strspn(w->at, " \t");
        char c = *w->at;
        if (c == closer) {
            if (c) w->at++;
            return;
        }
        if (c == '#') {
            w->at += strcspn(w->at, "\n");
        } else if (c == '\\' && w->at[1] == '\n') {
            w->at += 2;
        } else if (c == '<' || c == '>') {
            skip_redirection(w, closer);
        } else if (c && strchr("\n;|&", c)) {
            w->at++;
            w->first = true;
        } else if (c == '(') {
            w->at++;
            enter(w, ')');
        } else if (c == ')') {
            w->failed = true;
        } else if (c) {
            word found;
            read_word(w, closer, &found);
            bool descriptor = (*w->at == '<' || *w->at == '>') && found.length &&
                              strspn(found.text, "0123456789") == found.length;
            if (w->first && !descriptor && !w->failed) take_first(w, &found, closer);
        }
    }
    w->failed |= closer != '\0';
}

bool kuni_shell_programs(const char *command, void (*tell)(void *context, const char *program),
                         void *context)
{
    walk w = {.at = command, .tell = tell, .context = context, .first = true};
    follow(&w, '\0');
    return !w.failed;
}
