/* SPDX-License-Identifier: MIT */
/*
 * Writing JSON as it comes: a stream into a file, not a tree in memory. To read JSON, or to keep it, is
 * another library's business.
 *
 *     kuni_json json;
 *     kuni_json_start(&json, file, KUNI_JSON_SPACED, err);
 *     kuni_json_object(&json, NULL, KUNI_JSON_INLINE);
 *     kuni_json_text(&json, "id", sample->id);
 *     kuni_json_array(&json, "depths", KUNI_JSON_INLINE);
 *     for (size_t i = 0; i < n; i++) kuni_json_int(&json, NULL, depths[i]);
 *     kuni_json_end(&json);
 *     kuni_json_end(&json);
 *     kuni_status status = kuni_json_finish(&json);
 *
 * The first failure sticks: all calls after it do nothing, and kuni_json_finish gives it. What is
 * written is well-formed whatever the texts hold: members without a key, elements with one, a second
 * value at the top and ends that do not match are KUNI_BUG. Commas, colons and breaks of the line come from
 * the style and from the containers; numbers never depend on the locale of the user.
 */
#ifndef KUNI_JSON_H
#define KUNI_JSON_H

#include "kuni/api.h"
#include "kuni/file.h"

KUNI_API_BEGIN

typedef enum kuni_json_style {
    KUNI_JSON_TIGHT,   /* {"a":1,"b":2} */
    KUNI_JSON_SPACED,  /* {"a": 1, "b": 2} */
    KUNI_JSON_INDENTED /* as spaced, and each new line begins with two blanks a level */
} kuni_json_style;

/* Where an object or array breaks the line: a sum. */
enum {
    KUNI_JSON_INLINE = 0,
    KUNI_JSON_BREAK_FIRST = 1,   /* before the first item, where there is one */
    KUNI_JSON_BREAK_BETWEEN = 2, /* after each comma */
    KUNI_JSON_BREAK_END = 4,     /* before the end, also where it is empty */
    KUNI_JSON_ITEMS = KUNI_JSON_BREAK_FIRST + KUNI_JSON_BREAK_BETWEEN, /* each item begins a line */
    KUNI_JSON_LINES = KUNI_JSON_ITEMS + KUNI_JSON_BREAK_END
};

enum { KUNI_JSON_DEPTH_MAX = 16 };

/* An object or array under way. */
typedef struct kuni_json_level {
    bool is_object, has_items;
    uint8_t breaks;
} kuni_json_level;

typedef struct kuni_json {
    kuni_file *file;    /* borrowed */
    kuni_error *err;    /* borrowed */
    kuni_status status; /* of the first failure */
    kuni_json_style style;
    kuni_buffer text; /* on its way to the file */
    bool begun;       /* the value at the top */
    int depth;
    kuni_json_level levels[KUNI_JSON_DEPTH_MAX];
} kuni_json;

/* One value is to follow, which goes to where `file` stands. `file` and `err` must outlive the writer. */
void kuni_json_start(kuni_json *json, kuni_file *file, kuni_json_style style, kuni_error *err);
/* Writes what is left, frees the writer's memory, and gives the first failure; the file stays open. */
KUNI_MUST_CHECK kuni_status kuni_json_finish(kuni_json *json);

/* Each value has its key where it is a member of an object, else NULL. */
void kuni_json_object(kuni_json *json, const char *key, unsigned breaks);
void kuni_json_array(kuni_json *json, const char *key, unsigned breaks);
/* Ends the innermost object or array. */
void kuni_json_end(kuni_json *json);
/*
 * A string; NULL counts as "". Bytes that are not UTF-8 become U+FFFD, and '<' is escaped, so that
 * "</script>" cannot end the script of a page that holds the JSON.
 */
void kuni_json_text(kuni_json *json, const char *key, const char *text);
void kuni_json_int(kuni_json *json, const char *key, int64_t value);
void kuni_json_uint(kuni_json *json, const char *key, uint64_t value);
/* So many decimals, as %.*f; null where `value` is not finite. */
void kuni_json_fixed(kuni_json *json, const char *key, double value, int decimals);
/* So many significant digits at most, as %.*g; null where `value` is not finite. */
void kuni_json_double(kuni_json *json, const char *key, double value, int digits);
void kuni_json_bool(kuni_json *json, const char *key, bool value);
void kuni_json_null(kuni_json *json, const char *key);

KUNI_API_END

#endif
