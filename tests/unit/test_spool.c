/* SPDX-License-Identifier: MIT */
/* Spools give back what went in, whether it stayed in memory or went to the temporary file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "spool.h"

enum { STRINGS = 37, RECORDS = 4000 };

/* Record number i of a string: its length and bytes follow from both. */
static size_t make_record(size_t string, size_t i, uint8_t *bytes)
{
    size_t length = 1 + (string * 7 + i * 13) % 200 + (i % 997 == 0 ? 40000 : 0);
    for (size_t k = 0; k < length; k++) bytes[k] = (uint8_t)(string + i * 3 + k * 5);
    return length;
}

static void fill(kuni_spool *spool, size_t only, size_t dropped)
{
    static uint8_t bytes[65536];
    kuni_error err = KUNI_ERROR_INIT;
    for (size_t i = 0; i < RECORDS; i++)
        for (size_t s = 0; s < STRINGS; s++) {
            if (only < STRINGS && s != only) continue;
            if (i == RECORDS / 2 && s == dropped) kuni_spool_drop(spool, s);
            size_t length = make_record(s, i, bytes);
            assert_int_equal(kuni_spool_append(spool, s, bytes, length, &err), KUNI_OK);
        }
}

/* Reads a string from record `first` on, with views of changing size. */
static void check(kuni_spool *spool, size_t string, size_t first)
{
    static uint8_t bytes[65536];
    kuni_error err = KUNI_ERROR_INIT;
    kuni_cursor view;
    for (size_t i = first; i < RECORDS; i++) {
        size_t length = make_record(string, i, bytes);
        size_t want = i % 3 ? length : length + 5000;
        assert_int_equal(kuni_spool_peek(spool, string, want, &view, &err), KUNI_OK);
        assert_true((size_t)(view.end - view.at) >= length);
        assert_memory_equal(view.at, bytes, length);
        kuni_spool_consume(spool, string, length);
    }
    assert_int_equal(kuni_spool_peek(spool, string, 1, &view, &err), KUNI_OK);
    assert_true(view.at == view.end);
}

static void round_trip(size_t memory_bytes)
{
    kuni_error err = KUNI_ERROR_INIT;
    kuni_spool *spool = kuni_spool_new(STRINGS, "/tmp", memory_bytes, &err);
    assert_non_null(spool);
    fill(spool, STRINGS, 5);
    for (size_t s = STRINGS; s-- > 0;) check(spool, s, s == 5 ? RECORDS / 2 : 0);
    kuni_spool_free(spool);
}

static void in_memory(void **state)
{
    (void)state;
    round_trip((size_t)1 << 30);
}

static void in_the_file(void **state)
{
    (void)state;
    round_trip(1 << 20);
    round_trip(1 << 14);
}

static void dropped_strings_are_empty(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_cursor view;
    kuni_spool *spool = kuni_spool_new(STRINGS, "/tmp", 1 << 16, &err);
    assert_non_null(spool);
    fill(spool, 3, STRINGS);
    kuni_spool_drop(spool, 3);
    assert_int_equal(kuni_spool_peek(spool, 3, 100, &view, &err), KUNI_OK);
    assert_true(view.at == view.end);
    kuni_spool_free(spool);
}

static void no_place_is_told(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    uint8_t bytes[256] = {0};
    kuni_spool *spool = kuni_spool_new(1, "/nowhere", 16, &err);
    assert_non_null(spool);
    assert_int_equal(kuni_spool_append(spool, 0, bytes, sizeof(bytes), &err), KUNI_IO);
    assert_non_null(strstr(err.text, "/nowhere"));
    kuni_spool_free(spool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_memory),
        cmocka_unit_test(in_the_file),
        cmocka_unit_test(dropped_strings_are_empty),
        cmocka_unit_test(no_place_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
