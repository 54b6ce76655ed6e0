/* SPDX-License-Identifier: MIT */
#include "declared.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kuni/params.h"
#include "sections.h"
#include "units.h"

enum { PARAMS_MAX = 200, NAME_BYTES = 64, ALLOWED_MAX = 100 };

static const char name_letters[] =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
static const char when_expected[] =
    "the name of a param that is true or false, 'not NAME', 'NAME == VALUE' or 'NAME != VALUE'";

static const char *const types[] = {"text", "int", "float", "bool", "file", NULL};
enum { TYPE_TEXT, TYPE_INT, TYPE_FLOAT, TYPE_BOOL, TYPE_FILE, N_TYPES };

static const kuni_field keys[] = {
    {.key = "type", .type = KUNI_FIELD_OTHER, .expected = "text, int, float, bool or file"},
    {.key = "default", .type = KUNI_FIELD_OTHER, .expected = "a value; without one --set must"},
    {.key = "help", .type = KUNI_FIELD_OTHER, .expected = "one line"},
    {.key = "allowed", .type = KUNI_FIELD_OTHER, .expected = "a list of the values it may have"},
    {.key = "least", .type = KUNI_FIELD_OTHER, .expected = "a number"},
    {.key = "most", .type = KUNI_FIELD_OTHER, .expected = "a number"},
};

const kuni_field *kuni_param_keys(size_t *n)
{
    *n = sizeof(keys) / sizeof(keys[0]);
    return keys;
}

/* A param as it is declared. */
typedef struct declaration {
    const char *name;
    const kuni_yaml_node *at, *value;
    int type;
    const char *allowed[ALLOWED_MAX];
    size_t n_allowed;
    bool has_least, has_most;
    double least, most;
} declaration;

/* --- one value --- */

static bool parse_number(const char *text, double *number)
{
    char *end = NULL;
    *number = strtod(text, &end);
    return end != text && !*end && *number == *number;
}

static bool is_of_type(const declaration *d, const char *text, double *number)
{
    int64_t whole;
    *number = 0;
    if (d->type == TYPE_INT) {
        bool fine = kuni_parse_int(text, &whole);
        if (fine) *number = (double)whole;
        return fine;
    }
    if (d->type == TYPE_FLOAT) return parse_number(text, number);
    if (d->type == TYPE_BOOL) return strcmp(text, "true") == 0 || strcmp(text, "false") == 0;
    return !strchr(text, '\n');
}

static void check_allowed(kuni_reader *reader, const declaration *d, const kuni_yaml_node *at,
                          const char *text)
{
    char list[256] = "";
    size_t n = 0;
    for (size_t i = 0; i < d->n_allowed; i++) {
        if (strcmp(d->allowed[i], text) == 0) return;
        int more = snprintf(list + n, sizeof(list) - n, "%s%s", n ? ", " : "", d->allowed[i]);
        if (more > 0 && n + (size_t)more < sizeof(list)) n += (size_t)more;
    }
    const char *near = kuni_nearest(text, d->allowed, d->n_allowed);
    kuni_yaml_fault(reader->faults, at, "param %s: got '%.100s'; expected one of %s%s%s%s", d->name,
                    text, list, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static void out_of_range(kuni_reader *reader, const declaration *d, const kuni_yaml_node *at,
                         const char *text)
{
    char least[40] = "", most[40] = "";
    if (d->has_least) snprintf(least, sizeof(least), " from %.12g", d->least);
    if (d->has_most) snprintf(most, sizeof(most), " to %.12g", d->most);
    kuni_yaml_fault(reader->faults, at,
                    "param %s: got '%.100s', out of range; expected a number%s%s", d->name, text,
                    least, most);
}

static void check_value(kuni_reader *reader, const declaration *d, const kuni_yaml_node *at,
                        const char *text)
{
    static const char *const expected[N_TYPES] = {"a text of one line", "a whole number",
                                                  "a number", "true or false", "a path"};
    double number;
    if (!is_of_type(d, text, &number))
        kuni_yaml_fault(reader->faults, at, "param %s: got '%.100s'; expected %s", d->name, text,
                        expected[d->type]);
    else if ((d->has_least && number < d->least) || (d->has_most && number > d->most))
        out_of_range(reader, d, at, text);
    else if (d->n_allowed)
        check_allowed(reader, d, at, text);
}

/* --- one declaration --- */

static void read_limit(kuni_reader *reader, const declaration *d, const char *key, bool *has,
                       double *limit)
{
    const kuni_yaml_node *node = kuni_yaml_get(d->at, key);
    const char *text = node ? kuni_reader_text(reader, node, key, "a number") : NULL;
    if (!text) return;
    *has = parse_number(text, limit) && (d->type == TYPE_INT || d->type == TYPE_FLOAT);
    if (!*has)
        kuni_yaml_fault(reader->faults, node,
                        "%s: got '%.100s'; expected a number, for a param of type int or float",
                        key, text);
}

static void read_allowed(kuni_reader *reader, declaration *d)
{
    const kuni_yaml_node *list = kuni_yaml_get(d->at, "allowed");
    char room[KUNI_YAML_WORD_BYTES];
    double number;
    if (!list) return;
    if (list->type != KUNI_YAML_LIST || !list->n || list->n > ALLOWED_MAX) {
        kuni_yaml_fault(reader->faults, list, "allowed: got %s; expected a list of 1 to %d values",
                        kuni_yaml_describe(list, room), ALLOWED_MAX);
        return;
    }
    for (size_t i = 0; i < list->n; i++) {
        const char *text = kuni_reader_text(reader, list->values[i], "allowed", "a value");
        if (text && !is_of_type(d, text, &number))
            kuni_yaml_fault(reader->faults, list->values[i],
                            "allowed: '%.100s' is no value of type %s", text, types[d->type]);
        if (text) d->allowed[d->n_allowed++] = text;
    }
}

static int read_type(kuni_reader *reader, const kuni_yaml_node *map)
{
    const kuni_yaml_node *node = kuni_yaml_get(map, "type");
    const char *text = node ? kuni_reader_text(reader, node, "type", keys[0].expected) : NULL;
    if (!text) return TYPE_TEXT;
    for (int i = 0; i < N_TYPES; i++)
        if (strcmp(types[i], text) == 0) return i;
    const char *near = kuni_nearest(text, types, N_TYPES);
    kuni_yaml_fault(reader->faults, node, "type: got '%.100s'; expected %s%s%s%s", text,
                    keys[0].expected, near ? "; did you mean '" : "", near ? near : "",
                    near ? "'?" : "");
    return TYPE_TEXT;
}

/* The value as stages see it: files by absolute path. */
static kuni_status take_value(kuni_reader *reader, const declaration *d, kuni_workflow_param *param)
{
    const kuni_yaml_node *value = d->value;
    bool empty = value && value->type == KUNI_YAML_TEXT && !value->plain && !*value->text;
    const char *text = empty   ? ""
                       : value ? kuni_reader_text(reader, value, d->name, "a value")
                               : NULL;
    if (!value)
        kuni_yaml_fault(reader->faults, d->at,
                        "param %s has no default; expected `--set %s=VALUE`, or `default:` here",
                        d->name, d->name);
    param->value = text ? text : "";
    if (!text) return KUNI_OK;
    if (d->type == TYPE_FILE && !empty) {
        param->value = kuni_reader_file(reader, value, d->name, text);
        return param->value ? KUNI_OK : KUNI_MEMORY;
    }
    check_value(reader, d, value, text);
    return KUNI_OK;
}

static kuni_status read_one(kuni_reader *reader, const kuni_yaml_node *key,
                            const kuni_yaml_node *node, kuni_workflow_param *param)
{
    declaration d = {.name = key->text, .at = node, .value = node};
    if (!*key->text || strspn(key->text, name_letters) != strlen(key->text) ||
        strlen(key->text) > NAME_BYTES)
        kuni_yaml_fault(
            reader->faults, key,
            "params: '%.100s' is no name; expected letters, digits, _ and -, at most %d", key->text,
            NAME_BYTES);
    if (node->type == KUNI_YAML_MAP) {
        if (kuni_reader_fields(reader, node, "a param", keys, sizeof(keys) / sizeof(keys[0])))
            return reader->err->status;
        d.type = read_type(reader, node);
        d.value = kuni_yaml_get(node, "default");
        read_limit(reader, &d, "least", &d.has_least, &d.least);
        read_limit(reader, &d, "most", &d.has_most, &d.most);
        read_allowed(reader, &d);
        const kuni_yaml_node *help = kuni_yaml_get(node, "help");
        if (help) param->help = kuni_reader_text(reader, help, "help", "one line");
    }
    param->name = key->text;
    param->type = types[d.type];
    param->allowed = kuni_arena_alloc(reader->arena, d.n_allowed + 1, sizeof(char *), reader->err);
    if (!param->allowed) return KUNI_MEMORY;
    memcpy(param->allowed, d.allowed, d.n_allowed * sizeof(char *));
    return take_value(reader, &d, param);
}

kuni_status kuni_reader_params(kuni_reader *reader, const kuni_yaml_node *map)
{
    char room[KUNI_YAML_WORD_BYTES];
    kuni_workflow *w = reader->workflow;
    if (!map) return KUNI_OK;
    if (map->type != KUNI_YAML_MAP || map->n > PARAMS_MAX) {
        kuni_yaml_fault(
            reader->faults, map, "params: got %s; expected a map of at most %d names with values",
            map->type == KUNI_YAML_MAP ? "too many" : kuni_yaml_describe(map, room), PARAMS_MAX);
        return KUNI_OK;
    }
    kuni_workflow_param *list =
        kuni_arena_alloc(reader->arena, map->n + 1, sizeof(*list), reader->err);
    if (!list) return KUNI_MEMORY;
    w->params = list;
    for (size_t i = 0; i < map->n; i++)
        if (read_one(reader, map->keys[i], map->values[i], &list[w->n_params++]))
            return reader->err->status;
    return KUNI_OK;
}

/* --- use --- */

const kuni_workflow_param *kuni_reader_param(kuni_reader *reader, const kuni_yaml_node *at,
                                             const char *name, size_t length)
{
    const kuni_workflow *w = reader->workflow;
    const char *names[PARAMS_MAX];
    for (size_t i = 0; i < w->n_params; i++) {
        names[i] = w->params[i].name;
        if (strlen(names[i]) == length && memcmp(names[i], name, length) == 0) return &w->params[i];
    }
    char word[NAME_BYTES + 1];
    snprintf(word, sizeof(word), "%.*s", length > NAME_BYTES ? NAME_BYTES : (int)length, name);
    const char *near = w->n_params ? kuni_nearest(word, names, w->n_params) : NULL;
    kuni_yaml_fault(reader->faults, at,
                    "there is no param '%s'; expected one that is declared under params%s%s%s",
                    word, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    return NULL;
}

const kuni_workflow_param *kuni_reader_next_param(kuni_reader *reader, const kuni_yaml_node *node,
                                                  const char **at, const char **begin,
                                                  size_t *length)
{
    static const char open[] = "{param.";
    const char *from = *at, *found = from;
    while ((found = strstr(found, open)) && found > from && found[-1] == '{') found++;
    const char *end = found ? strchr(found, '}') : NULL;
    *at = end ? end + 1 : NULL;
    if (!end) return NULL;
    *begin = found;
    *length = (size_t)(end + 1 - found);
    const char *name = found + strlen(open);
    return kuni_reader_param(reader, node, name, (size_t)(end - name));
}

kuni_status kuni_reader_fill(kuni_reader *reader, const kuni_yaml_node *node, const char *text,
                             const char **filled)
{
    kuni_buffer out = KUNI_BUFFER_INIT;
    const char *at = text, *begin = NULL, *done = text;
    size_t length = 0;
    kuni_status status = KUNI_OK;
    *filled = text;
    while (at && !status) {
        const kuni_workflow_param *param =
            kuni_reader_next_param(reader, node, &at, &begin, &length);
        if (!at) break;
        status = kuni_buffer_append(&out, done, (size_t)(begin - done), reader->err);
        if (!status)
            status = kuni_buffer_printf(&out, reader->err, "%s", param ? param->value : "");
        done = begin + length;
    }
    if (done != text && !status) {
        status = kuni_buffer_printf(&out, reader->err, "%s", done);
        if (!status) *filled = kuni_arena_strndup(reader->arena, out.data, out.length, reader->err);
        if (!*filled) status = KUNI_MEMORY;
    }
    kuni_buffer_fini(&out);
    return status;
}

/* --- when --- */

static const char *skip_blanks(const char *text)
{
    return text + strspn(text, " ");
}

static bool equals(kuni_reader *reader, const kuni_yaml_node *when,
                   const kuni_workflow_param *param, const char *value)
{
    size_t n = 0;
    while (param->allowed[n]) n++;
    bool allowed = n == 0;
    for (size_t i = 0; i < n; i++) allowed = allowed || strcmp(param->allowed[i], value) == 0;
    if (strcmp(param->type, "bool") == 0)
        allowed = strcmp(value, "true") == 0 || strcmp(value, "false") == 0;
    if (!allowed) {
        const char *near = kuni_nearest(value, param->allowed, n);
        kuni_yaml_fault(reader->faults, when,
                        "when: param %s is never '%.100s'; expected a value that it may have%s%s%s",
                        param->name, value, near ? "; did you mean '" : "", near ? near : "",
                        near ? "'?" : "");
    }
    return strcmp(param->value, value) == 0;
}

bool kuni_reader_when(kuni_reader *reader, const kuni_yaml_node *when)
{
    const char *text = kuni_reader_text(reader, when, "when", when_expected);
    if (!text) return true;
    bool negated = strncmp(text, "not ", 4) == 0;
    const char *name = skip_blanks(negated ? text + 4 : text);
    size_t length = strspn(name, name_letters);
    const char *rest = skip_blanks(name + length);
    bool alike = strncmp(rest, "==", 2) == 0, unlike = strncmp(rest, "!=", 2) == 0;
    if (!length || (*rest && (negated || (!alike && !unlike)))) {
        kuni_yaml_fault(reader->faults, when, "when: got '%.100s'; expected %s", text,
                        when_expected);
        return true;
    }
    const kuni_workflow_param *param = kuni_reader_param(reader, when, name, length);
    if (!param) return true;
    if (*rest) return equals(reader, when, param, skip_blanks(rest + 2)) == alike;
    if (strcmp(param->type, "bool") != 0) {
        kuni_yaml_fault(reader->faults, when,
                        "when: param %s is of type %s; expected one of type bool, or '%s == VALUE'",
                        param->name, param->type, param->name);
        return true;
    }
    return (strcmp(param->value, "true") == 0) != negated;
}
