/* SPDX-License-Identifier: MIT */
#include "kuni/json.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "utf8.h"

enum { PIECE_BYTES = 1 << 16, INDENT = 2 };

void kuni_json_start(kuni_json *json, kuni_file *file, kuni_json_style style, kuni_error *err)
{
    *json = (kuni_json){.file = file, .err = err, .style = style};
}

static void put_bytes(kuni_json *json, const char *bytes, size_t length)
{
    if (!json->status) json->status = kuni_buffer_append(&json->text, bytes, length, json->err);
}

static void put(kuni_json *json, const char *text)
{
    put_bytes(json, text, strlen(text));
}

/* Hands on what has gathered, if it is much. */
static void drain(kuni_json *json, size_t least)
{
    if (json->status || json->text.length < least) return;
    json->status = kuni_file_write(json->file, json->text.data, json->text.length, json->err);
    kuni_buffer_clear(&json->text);
}

kuni_status kuni_json_finish(kuni_json *json)
{
    if (!json->status && (json->depth > 0 || !json->begun))
        json->status = kuni_fail(json->err, KUNI_BUG, "JSON: finished before the value was whole");
    drain(json, 1);
    kuni_buffer_fini(&json->text);
    return json->status;
}

static void break_line(kuni_json *json)
{
    put(json, "\n");
    for (int i = 0; json->style == KUNI_JSON_INDENTED && i < json->depth * INDENT; i++)
        put(json, " ");
}

static void put_string(kuni_json *json, const char *text)
{
    const unsigned char *s = (const unsigned char *)text;
    size_t length = strlen(text), plain = 0;
    put(json, "\"");
    for (size_t i = 0; i < length;) {
        size_t n = kuni_utf8_length(s + i, length - i);
        if (n && s[i] >= 0x20 && !strchr("\"\\<", s[i])) {
            i += n;
            continue;
        }
        char escaped[8];
        if (s[i] == '"' || s[i] == '\\')
            (void)snprintf(escaped, sizeof(escaped), "\\%c", s[i]);
        else
            (void)snprintf(escaped, sizeof(escaped), "\\u%04x", n ? s[i] : 0xFFFDu);
        put_bytes(json, text + plain, i - plain);
        put(json, escaped);
        plain = ++i;
    }
    put_bytes(json, text + plain, length - plain);
    put(json, "\"");
}

/* What stands before a value: comma, line, key. False where no value may be written. */
static bool begin_value(kuni_json *json, const char *key)
{
    if (json->status) return false;
    kuni_json_level *level = json->depth ? &json->levels[json->depth - 1] : NULL;
    bool wants_key = level && level->is_object;
    if (wants_key != (key != NULL) || (!level && json->begun)) {
        json->status = kuni_fail(json->err, KUNI_BUG, "JSON: %s",
                                 wants_key ? "a member without a key"
                                 : key     ? "a key outside of an object"
                                           : "a second value at the top");
        return false;
    }
    json->begun = true;
    if (!level) return true;
    drain(json, PIECE_BYTES);
    if (level->has_items) put(json, ",");
    if (level->breaks & (level->has_items ? KUNI_JSON_BREAK_BETWEEN : KUNI_JSON_BREAK_FIRST))
        break_line(json);
    else if (level->has_items && json->style != KUNI_JSON_TIGHT)
        put(json, " ");
    level->has_items = true;
    if (key) {
        put_string(json, key);
        put(json, json->style == KUNI_JSON_TIGHT ? ":" : ": ");
    }
    return !json->status;
}

static void open_level(kuni_json *json, const char *key, bool is_object, unsigned breaks)
{
    if (!begin_value(json, key)) return;
    if (json->depth == KUNI_JSON_DEPTH_MAX) {
        json->status =
            kuni_fail(json->err, KUNI_BUG, "JSON: nested over %d deep", KUNI_JSON_DEPTH_MAX);
        return;
    }
    put(json, is_object ? "{" : "[");
    json->levels[json->depth++] =
        (kuni_json_level){.is_object = is_object, .breaks = (uint8_t)breaks};
}

void kuni_json_object(kuni_json *json, const char *key, unsigned breaks)
{
    open_level(json, key, true, breaks);
}

void kuni_json_array(kuni_json *json, const char *key, unsigned breaks)
{
    open_level(json, key, false, breaks);
}

void kuni_json_end(kuni_json *json)
{
    if (json->status) return;
    if (json->depth == 0) {
        json->status = kuni_fail(json->err, KUNI_BUG, "JSON: an end without a beginning");
        return;
    }
    const kuni_json_level *level = &json->levels[--json->depth];
    if (level->breaks & KUNI_JSON_BREAK_END) break_line(json);
    put(json, level->is_object ? "}" : "]");
}

void kuni_json_text(kuni_json *json, const char *key, const char *text)
{
    if (begin_value(json, key)) put_string(json, text ? text : "");
}

void kuni_json_int(kuni_json *json, const char *key, int64_t value)
{
    if (begin_value(json, key))
        json->status = kuni_buffer_printf(&json->text, json->err, "%" PRId64, value);
}

void kuni_json_uint(kuni_json *json, const char *key, uint64_t value)
{
    if (begin_value(json, key))
        json->status = kuni_buffer_printf(&json->text, json->err, "%" PRIu64, value);
}

void kuni_json_fixed(kuni_json *json, const char *key, double value, int decimals)
{
    if (!isfinite(value))
        kuni_json_null(json, key);
    else if (begin_value(json, key))
        json->status = kuni_buffer_printf(&json->text, json->err, "%.*f", decimals, value);
}

void kuni_json_double(kuni_json *json, const char *key, double value, int digits)
{
    if (!isfinite(value))
        kuni_json_null(json, key);
    else if (begin_value(json, key))
        json->status = kuni_buffer_printf(&json->text, json->err, "%.*g", digits, value);
}

void kuni_json_bool(kuni_json *json, const char *key, bool value)
{
    if (begin_value(json, key)) put(json, value ? "true" : "false");
}

void kuni_json_null(kuni_json *json, const char *key)
{
    if (begin_value(json, key)) put(json, "null");
}
