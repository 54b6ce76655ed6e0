/* SPDX-License-Identifier: MIT */
/* The writer of JSON: its forms, its numbers, texts of any bytes, and what it refuses. */
#include <float.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fixture.h"
#include "kuni/json.h"

static char folder[] = "/tmp/kuni-json-XXXXXX";
static char path[sizeof(folder) + 8];

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder)) return -1;
    (void)snprintf(path, sizeof(path), "%s/a.json", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    (void)unlink(path);
    return rmdir(folder);
}

typedef void write_value(kuni_json *json);

/*
 * What `write` gives in a style, until the next call; NULL where the writer refuses, with its message
 * in `err`.
 */
static const char *written(write_value *write, kuni_json_style style, kuni_error *err)
{
    static kuni_buffer text;
    kuni_json json;
    kuni_file *file;
    kuni_error_clear(err);
    kuni_buffer_clear(&text);
    assert_int_equal(kuni_file_create(&file, path, err), KUNI_OK);
    kuni_json_start(&json, file, style, err);
    write(&json);
    if (kuni_json_finish(&json)) {
        kuni_file_discard(file);
        return NULL;
    }
    assert_int_equal(kuni_file_commit(file, err), KUNI_OK);
    assert_int_equal(kuni_file_get(path, 1 << 24, &text, err), KUNI_OK);
    return text.data;
}

static void gives(write_value *write, kuni_json_style style, const char *expected)
{
    kuni_error err = KUNI_ERROR_INIT;
    const char *text = written(write, style, &err);
    assert_non_null(text);
    assert_string_equal(text, expected);
}

static void refuses(write_value *write, const char *word)
{
    kuni_error err = KUNI_ERROR_INIT;
    assert_null(written(write, KUNI_JSON_TIGHT, &err));
    assert_int_equal(err.status, KUNI_BUG);
    assert_non_null(strstr(err.text, word));
}

static void inner(kuni_json *json)
{
    kuni_json_object(json, NULL, KUNI_JSON_INLINE);
    kuni_json_int(json, "a", -1);
    kuni_json_array(json, "b", KUNI_JSON_INLINE);
    kuni_json_bool(json, NULL, true);
    kuni_json_null(json, NULL);
    kuni_json_end(json);
    kuni_json_object(json, "c", KUNI_JSON_INLINE);
    kuni_json_end(json);
    kuni_json_end(json);
}

static void lines(kuni_json *json)
{
    kuni_json_array(json, NULL, KUNI_JSON_LINES);
    kuni_json_object(json, NULL, KUNI_JSON_LINES);
    kuni_json_bool(json, "x", false);
    kuni_json_uint(json, "y", UINT64_MAX);
    kuni_json_end(json);
    kuni_json_int(json, NULL, INT64_MIN);
    kuni_json_end(json);
}

static void items(kuni_json *json)
{
    kuni_json_object(json, NULL, KUNI_JSON_BREAK_BETWEEN | KUNI_JSON_BREAK_END);
    kuni_json_array(json, "a", KUNI_JSON_ITEMS);
    kuni_json_int(json, NULL, 1);
    kuni_json_int(json, NULL, 2);
    kuni_json_end(json);
    kuni_json_array(json, "none", KUNI_JSON_ITEMS);
    kuni_json_end(json);
    kuni_json_end(json);
}

static void test_forms(void **state)
{
    (void)state;
    gives(inner, KUNI_JSON_TIGHT, "{\"a\":-1,\"b\":[true,null],\"c\":{}}");
    gives(inner, KUNI_JSON_SPACED, "{\"a\": -1, \"b\": [true, null], \"c\": {}}");
    gives(inner, KUNI_JSON_INDENTED, "{\"a\": -1, \"b\": [true, null], \"c\": {}}");
    gives(lines, KUNI_JSON_TIGHT,
          "[\n{\n\"x\":false,\n\"y\":18446744073709551615\n},\n-9223372036854775808\n]");
    gives(lines, KUNI_JSON_INDENTED,
          "[\n  {\n    \"x\": false,\n    \"y\": 18446744073709551615\n  },\n"
          "  -9223372036854775808\n]");
    gives(items, KUNI_JSON_TIGHT, "{\"a\":[\n1,\n2],\n\"none\":[]\n}");
}

static void numbers(kuni_json *json)
{
    kuni_json_array(json, NULL, KUNI_JSON_INLINE);
    kuni_json_fixed(json, NULL, 0.125, 2); /* to even: 0.12 */
    kuni_json_fixed(json, NULL, -1e15, 0);
    kuni_json_fixed(json, NULL, NAN, 3);
    kuni_json_double(json, NULL, 1.0 / 3, 5);
    kuni_json_double(json, NULL, 1e300, 6);
    kuni_json_double(json, NULL, -INFINITY, 6);
    kuni_json_double(json, NULL, DBL_MIN, 17);
    kuni_json_end(json);
}

static void test_numbers(void **state)
{
    (void)state;
    static const char expected[] =
        "[0.12,-1000000000000000,null,0.33333,1e+300,null,2.2250738585072014e-308]";
    gives(numbers, KUNI_JSON_TIGHT, expected);
}

/* Every character of one byte, some of more, and bytes that are none. */
static char all_bytes[256];
static const char more[] =
    "z\xC3\xA9\xE2\x82\xAC\xF0\x9F\xA7\xAC \xC0\x80 \xED\xA0\x80 \xFF \xE2\x82";

static void texts(kuni_json *json)
{
    for (int i = 1; i < 128; i++) all_bytes[i - 1] = (char)i;
    kuni_json_object(json, NULL, KUNI_JSON_INLINE);
    kuni_json_text(json, all_bytes, all_bytes);
    kuni_json_text(json, "more", more);
    kuni_json_text(json, "null", NULL);
    kuni_json_end(json);
}

static void test_texts(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    json_error_t why;
    const char *text = written(texts, KUNI_JSON_TIGHT, &err);
    assert_non_null(text);
    assert_null(strchr(text, '<'));
    assert_non_null(strstr(text, "!\\\"#$%&'()")); /* printable ones stand as they are */
    json_t *root = json_loads(text, 0, &why);
    assert_non_null(root);
    assert_string_equal(json_string_value(json_object_get(root, all_bytes)), all_bytes);
    /* a replacement for each byte that is in no character */
    assert_string_equal(json_string_value(json_object_get(root, "more")),
                        "z\xC3\xA9\xE2\x82\xAC\xF0\x9F\xA7\xAC \xEF\xBF\xBD\xEF\xBF\xBD "
                        "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD \xEF\xBF\xBD "
                        "\xEF\xBF\xBD\xEF\xBF\xBD");
    assert_string_equal(json_string_value(json_object_get(root, "null")), "");
    json_decref(root);
}

enum { MANY = 100000 };

static void many(kuni_json *json)
{
    kuni_json_array(json, NULL, KUNI_JSON_INLINE);
    for (int i = 0; i < MANY; i++) kuni_json_int(json, NULL, i);
    assert_true(json->text.length < MANY); /* what is written does not gather in memory */
    kuni_json_end(json);
}

static void test_many(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    const char *text = written(many, KUNI_JSON_SPACED, &err);
    assert_non_null(text);
    json_t *root = json_loads(text, 0, NULL);
    assert_int_equal(json_array_size(root), MANY);
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(json_integer_value(json_array_get(root, i)), i);
    json_decref(root);
}

static void no_key(kuni_json *json)
{
    kuni_json_object(json, NULL, KUNI_JSON_INLINE);
    kuni_json_int(json, NULL, 1);
    kuni_json_int(json, "fine", 1); /* comes too late */
    kuni_json_end(json);
}

static void key_in_array(kuni_json *json)
{
    kuni_json_array(json, NULL, KUNI_JSON_INLINE);
    kuni_json_text(json, "a", "b");
    kuni_json_end(json);
}

static void two_values(kuni_json *json)
{
    kuni_json_null(json, NULL);
    kuni_json_null(json, NULL);
}

static void open_end(kuni_json *json)
{
    kuni_json_array(json, NULL, KUNI_JSON_INLINE);
}

static void no_beginning(kuni_json *json)
{
    kuni_json_null(json, NULL);
    kuni_json_end(json);
}

static void nothing(kuni_json *json)
{
    (void)json;
}

static void deep(kuni_json *json)
{
    for (int i = 0; i <= KUNI_JSON_DEPTH_MAX; i++) kuni_json_array(json, NULL, KUNI_JSON_INLINE);
    for (int i = 0; i <= KUNI_JSON_DEPTH_MAX; i++) kuni_json_end(json);
}

static void test_misuse(void **state)
{
    (void)state;
    refuses(no_key, "without a key");
    refuses(key_in_array, "outside of an object");
    refuses(two_values, "second value");
    refuses(open_end, "whole");
    refuses(no_beginning, "without a beginning");
    refuses(nothing, "whole");
    refuses(deep, "deep");
}

/* A device without room: the failure of the write is the writer's. */
static void test_full_disk(void **state)
{
    (void)state;
    kuni_error err = KUNI_ERROR_INIT;
    kuni_file *file;
    kuni_json json;
    assert_int_equal(setenv("KUNI_FAULT", "write:1", 1), 0);
    assert_int_equal(kuni_file_create(&file, path, &err), KUNI_OK);
    kuni_json_start(&json, file, KUNI_JSON_TIGHT, &err);
    many(&json);
    assert_int_equal(kuni_json_finish(&json), KUNI_IO);
    assert_int_equal(err.status, KUNI_IO);
    kuni_file_discard(file);
    assert_int_equal(unsetenv("KUNI_FAULT"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full_disk), cmocka_unit_test(test_forms),
        cmocka_unit_test(test_numbers),   cmocka_unit_test(test_texts),
        cmocka_unit_test(test_many),      cmocka_unit_test(test_misuse),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
