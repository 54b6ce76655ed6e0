/* SPDX-License-Identifier: MIT */
#include "roff.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { LINE_WIDTH = 78 }; /* mandoc asks for lines of less than 80 bytes */

typedef struct writer {
    char word[256]; /* with its escapes */
    size_t n;
    size_t column;
    bool bold; /* between backquotes */
} writer;

static void add(writer *w, const char *text)
{
    size_t length = strlen(text);
    if (w->n + length >= sizeof(w->word)) return; /* no word is that long */
    memcpy(w->word + w->n, text, length + 1);
    w->n += length;
}

/* In bold a hyphen is part of a command line, which must stay as it is when it is copied. */
static void add_char(writer *w, char c, bool literal)
{
    char plain[2] = {c, '\0'};
    switch (c) {
    case '\\':
        add(w, "\\e");
        break;
    case '-':
        add(w, literal || (w->n == 0) ? "\\-" : "-");
        break;
    case '\'':
        add(w, "\\(aq");
        break;
    case '~':
        add(w, "\\(ti");
        break;
    case '^':
        add(w, "\\(ha");
        break;
    case '.':
        add(w, w->n == 0 ? "\\&." : ".");
        break;
    default:
        add(w, plain);
        break;
    }
}

static void end_word(writer *w)
{
    if (w->n == 0) return;
    if (w->column && w->column + 1 + w->n > LINE_WIDTH) {
        putchar('\n');
        w->column = 0;
    }
    if (w->column) w->column += (size_t)printf(" ");
    w->column += (size_t)printf("%s", w->word);
    w->n = 0;
}

void kuni_roff_text(const char *text)
{
    writer w = {.n = 0};
    for (; *text; text++) {
        if (*text == ' ' || *text == '\n') {
            end_word(&w);
        } else if (*text == '`') {
            w.bold = !w.bold;
            add(&w, w.bold ? "\\fB" : "\\fR");
        } else {
            add_char(&w, *text, w.bold);
        }
    }
    end_word(&w);
    putchar('\n');
}

void kuni_roff_literal(const char *text)
{
    for (; *text; text++) {
        writer w = {.n = 0};
        add_char(&w, *text, true);
        /* A dot is no request within a line, and a letter before it is not known here. */
        fputs(*text == '.' ? "." : w.word, stdout);
    }
}

void kuni_roff_lines(const char *text)
{
    while (*text) {
        size_t length = strcspn(text, "\n");
        if (*text == '.') fputs("\\&", stdout);
        for (size_t i = 0; i < length; i++) {
            char one[2] = {text[i], '\0'};
            kuni_roff_literal(one);
        }
        putchar('\n');
        text += length + (text[length] == '\n');
    }
}

void kuni_roff_macro(const char *macro, const char *argument)
{
    printf(".%s \"", macro);
    kuni_roff_literal(argument);
    puts("\"");
}
