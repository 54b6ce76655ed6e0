/* SPDX-License-Identifier: MIT */
/*
 * What tests of file readers share: a folder of their own that they stand in, files made from
 * texts, and faults compared as texts in which that folder reads DIR.
 */
#ifndef KUNI_TESTS_FIXTURE_H
#define KUNI_TESTS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kuni/buffer.h"

static char fixture_folder[] = "/tmp/kuni-test-XXXXXX";

static inline int fixture_enter(void **state)
{
    (void)state;
    return mkdtemp(fixture_folder) && chdir(fixture_folder) == 0 ? 0 : -1;
}

static inline int fixture_leave(void **state)
{
    (void)state;
    char command[96];
    if (chdir("/") != 0) return -1;
    snprintf(command, sizeof(command), "rm -r %s", fixture_folder);
    return system(command) == 0 ? 0 : -1;
}

static inline void fixture_put(const char *name, const void *bytes, size_t length)
{
    FILE *file = fopen(name, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

static inline void fixture_write(const char *name, const char *text)
{
    fixture_put(name, text, strlen(text));
}

/* `text` with the folder's name replaced by DIR; to be freed. */
static inline char *fixture_mask(const char *text)
{
    char *masked = calloc(strlen(text) + 1, 1), *out = masked;
    assert_non_null(masked);
    while (*text) {
        if (strncmp(text, fixture_folder, strlen(fixture_folder)) == 0) {
            memcpy(out, "DIR", 3);
            out += 3;
            text += strlen(fixture_folder);
        } else {
            *out++ = *text++;
        }
    }
    return masked;
}

static inline void fixture_expect(const kuni_buffer *faults, const char *expected)
{
    char *masked = fixture_mask(faults->data ? faults->data : "");
    assert_string_equal(masked, expected);
    free(masked);
}

#endif
