/* SPDX-License-Identifier: MIT */
/*
 * Placeholders in the commands of `run:`.
 *
 * `{name}` stands for the texts of that name. `{{name}}` is a literal {name}; `${name}` belongs to
 * the shell, and so does any other use of braces. A shell command never holds the values
 * themselves: it refers to environment variables, quoted by where the placeholder stands, so that
 * no value is ever read as shell text.
 */
#ifndef KUNI_STAGES_EXTERNAL_TEMPLATE_H
#define KUNI_STAGES_EXTERNAL_TEMPLATE_H

#include <stdbool.h>

#include "kuni/buffer.h"

typedef struct template_value {
    const char *name;
    const char *const *texts;
    size_t n_texts;
} template_value;

/* Checks that all placeholders of `text` are known. KUNI_USAGE with the nearest name. */
KUNI_MUST_CHECK kuni_status template_check(const char *text, const template_value *values,
                                           size_t n_values, kuni_error *err);
/* Whether the text, which may be NULL, has a placeholder of this name. */
bool template_names(const char *text, const char *name);
/*
 * The command for `/bin/sh -c`. The variables it refers to are set in the environment of this
 * process.
 */
KUNI_MUST_CHECK kuni_status template_shell(const char *text, const template_value *values,
                                           size_t n_values, kuni_buffer *command, kuni_error *err);
/*
 * The arguments for exec from lines, one a word. A word that is a placeholder and nothing else
 * becomes as many words as it has texts; inside a word texts are joined by blanks. `arguments`
 * holds NUL-ended words, *count of them.
 */
KUNI_MUST_CHECK kuni_status template_words(const char *lines, const template_value *values,
                                           size_t n_values, kuni_buffer *arguments, size_t *count,
                                           kuni_error *err);

#endif
