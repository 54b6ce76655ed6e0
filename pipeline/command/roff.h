/* SPDX-License-Identifier: MIT */
/*
 * Text as man(7) wants it, to stdout: words are filled into lines, what roff would read as its own is
 * escaped, and `words` between backquotes are bold.
 */
#ifndef KUNI_COMMAND_ROFF_H
#define KUNI_COMMAND_ROFF_H

/* A line of text, its words filled into lines; "\n" counts as a space. */
void kuni_roff_text(const char *text);
/* As it stands, line by line, in no-fill mode: examples. Hyphens are those of a command line. */
void kuni_roff_lines(const char *text);
/* A macro with an argument in quotes: .SH "NAME". */
void kuni_roff_macro(const char *macro, const char *argument);
/* Part of a line, with hyphens as a command line has them. */
void kuni_roff_literal(const char *text);

#endif
