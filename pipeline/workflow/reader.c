/* SPDX-License-Identifier: MIT */
#include "reader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kuni/params.h"
#include "regular.h"
#include "units.h"

kuni_status kuni_reader_get(const char *what, const char *path, kuni_buffer *text, kuni_error *err)
{
    struct stat info;
    if (stat(path, &info) != 0) return kuni_fail_errno(err, "%s %s", what, path);
    if (S_ISDIR(info.st_mode))
        return kuni_fail(err, KUNI_USAGE, "%s %s: is a folder; give a YAML file", what, path);
    if (info.st_size > KUNI_YAML_BYTES_MAX)
        return kuni_fail(err, KUNI_USAGE,
                         "%s %s: has %lld bytes; expected a YAML file of at most %d", what, path,
                         (long long)info.st_size, KUNI_YAML_BYTES_MAX);
    return kuni_file_get(path, KUNI_YAML_BYTES_MAX, text, err);
}

kuni_status kuni_reader_place(kuni_reader *reader, const char *what, const char *path,
                              const char **absolute)
{
    char *real = realpath(path, NULL);
    if (!real) return kuni_fail_errno(reader->err, "%s %s", what, path);
    *absolute = kuni_arena_strndup(reader->arena, real, strlen(real), reader->err);
    const char *slash = strrchr(real, '/');
    size_t length = slash > real ? (size_t)(slash - real) : 1;
    reader->folder = kuni_arena_strndup(reader->arena, real, length, reader->err);
    free(real);
    return *absolute && reader->folder ? KUNI_OK : KUNI_MEMORY;
}

kuni_status kuni_reader_stem(kuni_reader *reader, const char *absolute, const char **name)
{
    const char *file = strrchr(absolute, '/') + 1, *dot = strrchr(file, '.');
    size_t length = dot && dot > file ? (size_t)(dot - file) : strlen(file);
    *name = kuni_arena_strndup(reader->arena, file, length, reader->err);
    return *name ? KUNI_OK : KUNI_MEMORY;
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

const kuni_yaml_node *kuni_reader_listed(kuni_one_listed *one, const kuni_yaml_node *node)
{
    if (node->type != KUNI_YAML_TEXT || kuni_yaml_is_null(node)) return node;
    one->text = *node;
    one->values[0] = &one->text;
    one->list = (kuni_yaml_node){.type = KUNI_YAML_LIST, .values = one->values, .n = 1};
    return &one->list;
}

const char *kuni_reader_text(kuni_reader *reader, const kuni_yaml_node *value, const char *key,
                             const char *expected)
{
    char room[KUNI_YAML_WORD_BYTES];
    if (value->type == KUNI_YAML_TEXT && !kuni_yaml_is_null(value) && *value->text)
        return value->text;
    kuni_yaml_fault(reader->faults, value, "%s: got %s; expected %s", key,
                    value->type == KUNI_YAML_TEXT && !*value->text
                        ? "nothing"
                        : kuni_yaml_describe(value, room),
                    expected);
    return NULL;
}

const char *kuni_reader_path(kuni_reader *reader, const kuni_yaml_node *at, const char *text)
{
    const char *slash = at && at->file ? strrchr(at->file, '/') : NULL;
    char *folder = slash ? strndup(at->file, slash > at->file ? (size_t)(slash - at->file) : 1)
                         : kuni_strdup(reader->folder, reader->err);
    if (!folder) {
        (void)kuni_fail_memory(reader->err, 1, 1);
        return NULL;
    }
    char *joined = kuni_path_join(folder, text, reader->err);
    free(folder);
    if (!joined) return NULL;
    const char *kept = kuni_arena_strndup(reader->arena, joined, strlen(joined), reader->err);
    free(joined);
    return kept;
}

const char *kuni_reader_file(kuni_reader *reader, const kuni_yaml_node *at, const char *key,
                             const char *text)
{
    const char *path = kuni_reader_path(reader, at, text);
    if (!path) return NULL;
    struct stat status;
    const char *odd = kuni_odd_file(path);
    if (stat(path, &status) != 0)
        kuni_yaml_fault(reader->faults, at, "%s: cannot find %s: %s", key, path, strerror(errno));
    else if (odd && !S_ISCHR(status.st_mode)) /* /dev/null is an empty file to many */
        kuni_yaml_fault(reader->faults, at, "%s: %s is %s; expected a file", key, path, odd);
    else if (access(path, R_OK) != 0)
        kuni_yaml_fault(reader->faults, at, "%s: cannot read %s: %s", key, path, strerror(errno));
    return path;
}

kuni_status kuni_reader_unknown_key(kuni_reader *reader, const kuni_yaml_node *key,
                                    const char *section, const char *const *known, size_t n_known)
{
    char room[KUNI_YAML_WORD_BYTES];
    const char *near = kuni_nearest(key->text, known, n_known);
    kuni_buffer list = KUNI_BUFFER_INIT;
    kuni_status status = KUNI_OK;
    for (size_t i = 0; !status && i < n_known; i++)
        status = kuni_buffer_printf(&list, reader->err, "%s%s", i ? ", " : "", known[i]);
    if (!status)
        kuni_yaml_fault(reader->faults, key, "unknown key %s%s%s; expected one of %s%s%s%s",
                        kuni_yaml_describe(key, room), *section ? " in " : "", section, list.data,
                        near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    kuni_buffer_fini(&list);
    return status;
}

/* A range in the words that the value is written in. */
static void print_range(const kuni_field *field, char *room, size_t size)
{
    const char *unit = field->type == KUNI_FIELD_BP        ? " bp"
                       : field->type == KUNI_FIELD_BYTES   ? " bytes"
                       : field->type == KUNI_FIELD_SECONDS ? " seconds"
                                                           : "";
    snprintf(room, size, "from %lld to %lld%s", (long long)field->least, (long long)field->most,
             unit);
}

static void read_number(kuni_reader *reader, const kuni_yaml_node *value, const kuni_field *field,
                        const char *text)
{
    int64_t number = 0;
    bool fine = field->type == KUNI_FIELD_BP        ? kuni_parse_bp(text, &number)
                : field->type == KUNI_FIELD_BYTES   ? kuni_parse_bytes(text, &number)
                : field->type == KUNI_FIELD_SECONDS ? kuni_parse_seconds(text, &number)
                                                    : kuni_parse_int(text, &number);
    char room[KUNI_YAML_WORD_BYTES], range[96];
    if (fine && number >= field->least && number <= field->most) {
        *(int64_t *)(void *)((char *)reader->workflow + field->offset) = number;
        return;
    }
    print_range(field, range, sizeof(range));
    kuni_yaml_fault(reader->faults, value, "%s: got %s%s; expected %s, %s", field->key,
                    kuni_yaml_describe(value, room), fine ? ", out of range" : "", field->expected,
                    range);
}

kuni_status kuni_reader_field(kuni_reader *reader, const kuni_yaml_node *value,
                              const kuni_field *field)
{
    if (field->type == KUNI_FIELD_OTHER) return KUNI_OK;
    const char *text = kuni_reader_text(reader, value, field->key, field->expected);
    if (!text) return KUNI_OK;
    const char **place = (const char **)(void *)((char *)reader->workflow + field->offset);
    switch (field->type) {
    case KUNI_FIELD_TEXT:
        *place = text;
        break;
    case KUNI_FIELD_PATH:
        if (!(*place = kuni_reader_path(reader, value, text))) return KUNI_MEMORY;
        break;
    case KUNI_FIELD_FILE:
        if (!(*place = kuni_reader_file(reader, value, field->key, text))) return KUNI_MEMORY;
        break;
    case KUNI_FIELD_INT:
    case KUNI_FIELD_BP:
    case KUNI_FIELD_BYTES:
    case KUNI_FIELD_SECONDS:
        read_number(reader, value, field, text);
        break;
    case KUNI_FIELD_OTHER:
        break;
    }
    return KUNI_OK;
}

kuni_status kuni_reader_fields(kuni_reader *reader, const kuni_yaml_node *map, const char *section,
                               const kuni_field *fields, size_t n_fields)
{
    const char *known[32];
    size_t n_known = 0;
    for (size_t i = 0; i < n_fields && n_known < COUNT(known); i++)
        known[n_known++] = fields[i].key;
    for (size_t k = 0; k < map->n; k++) {
        size_t i = 0;
        while (i < n_fields && strcmp(map->keys[k]->text, fields[i].key) != 0) i++;
        kuni_status status =
            i < n_fields ? kuni_reader_field(reader, map->values[k], &fields[i])
                         : kuni_reader_unknown_key(reader, map->keys[k], section, known, n_known);
        if (status) return status;
    }
    for (size_t i = 0; i < n_fields; i++)
        if (fields[i].required && !kuni_yaml_get(map, fields[i].key))
            kuni_yaml_fault(reader->faults, map, "'%s' is missing%s%s; expected %s", fields[i].key,
                            *section ? " in " : "", section, fields[i].expected);
    return KUNI_OK;
}
