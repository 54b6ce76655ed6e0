/* SPDX-License-Identifier: MIT */
#include "outputs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "ending.h"

enum { OUTPUTS_MAX = 8, NAME_MAX_BYTES = 64 };

static const char *keep(kuni_arena *arena, const char *text, size_t length, kuni_error *err)
{
    return kuni_arena_strndup(arena, text, length, err);
}

static bool is_set(const char *text)
{
    return text && *text;
}

/* The line that follows; NULL at the end. */
static const char *next_line(const char *line)
{
    const char *end = strchr(line, '\n');
    return end ? end + 1 : NULL;
}

static bool is_name(const char *text, size_t length)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
    static const char rest[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    return length && length <= NAME_MAX_BYTES && strchr(letters, *text) &&
           strspn(text, rest) >= length;
}

/* A relative path without empty parts or parts that begin with a dot. */
static bool is_plain_path(const char *path)
{
    for (const char *at = path;; at++) {
        size_t length = strcspn(at, "/");
        if (!length || *at == '.') return false;
        at += length;
        if (!*at) return true;
    }
}

static kuni_status check_output(const command_output *output, kuni_error *err)
{
    const char *extension = output->extension;
    if (!is_set(extension) || extension[0] == '.' || strchr(extension, '/'))
        return kuni_fail(err, KUNI_USAGE,
                         "extension: expected a file name ending without its first dot, as `bcf`");
    if (output->may_be_empty && is_variant_file(extension))
        return kuni_fail(err, KUNI_USAGE,
                         "may_be_empty: a variant file without records still has a header");
    if (output->publish && !is_plain_path(output->publish))
        return kuni_fail(
            err, KUNI_USAGE,
            "publish: expected a name below the dataset's folder, as `extra/table.tsv`");
    return KUNI_OK;
}

static command_output *find(command_output *list, size_t n, const char *name, size_t length)
{
    for (size_t i = 0; i < n; i++)
        if (strlen(list[i].kind) == length && strncmp(list[i].kind, name, length) == 0)
            return &list[i];
    return NULL;
}

static kuni_status unknown_name(const char *key, const char *name, size_t length,
                                const command_output *list, size_t n, kuni_error *err)
{
    const char *names[OUTPUTS_MAX];
    char word[NAME_MAX_BYTES + 1];
    (void)snprintf(word, sizeof(word), "%.*s", (int)length, name);
    for (size_t i = 0; i < n; i++) names[i] = list[i].kind;
    const char *near = kuni_nearest(word, names, n);
    return kuni_fail(err, KUNI_USAGE, "%s: '%s' is none of the outputs that gives names%s%s%s", key,
                     word, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

/* `true`, `false`, or the names of those. */
static kuni_status read_empty(const char *lines, command_output *list, size_t n, kuni_error *err)
{
    if (!is_set(lines) || strcmp(lines, "false") == 0) return KUNI_OK;
    bool all = strcmp(lines, "true") == 0;
    for (size_t i = 0; i < n && all; i++) list[i].may_be_empty = true;
    for (const char *line = lines; line && !all; line = next_line(line)) {
        size_t length = strcspn(line, "\n");
        command_output *output = find(list, n, line, length);
        if (!output) return unknown_name("may_be_empty", line, length, list, n, err);
        output->may_be_empty = true;
    }
    return KUNI_OK;
}

/* The lines NAME=EXTENSION. */
static kuni_status read_named(const char *lines, kuni_arena *arena, command_output *list, size_t *n,
                              kuni_error *err)
{
    for (const char *line = lines; line; line = next_line(line)) {
        size_t length = strcspn(line, "\n"), name = strcspn(line, "=\n");
        if (*n == OUTPUTS_MAX)
            return kuni_fail(err, KUNI_USAGE, "gives: expected at most %d outputs", OUTPUTS_MAX);
        if (!is_name(line, name))
            return kuni_fail(err, KUNI_USAGE,
                             "gives: '%.*s' is no name of an output; expected a small letter, then "
                             "letters, digits, _ and -",
                             (int)name, line);
        if (find(list, *n, line, name))
            return kuni_fail(err, KUNI_USAGE, "gives: '%.*s' stands twice", (int)name, line);
        command_output *output = &list[(*n)++];
        output->kind = keep(arena, line, name, err);
        output->extension =
            keep(arena, line + name + (name < length), length - name - (name < length), err);
        if (!output->kind || !output->extension) return KUNI_MEMORY;
    }
    return KUNI_OK;
}

/* The lines NAME=FILE. */
static kuni_status read_published(const char *lines, kuni_arena *arena, command_output *list,
                                  size_t n, kuni_error *err)
{
    for (const char *line = lines; line; line = next_line(line)) {
        size_t length = strcspn(line, "\n"), name = strcspn(line, "=\n");
        command_output *output = find(list, n, line, name);
        if (!output) return unknown_name("publish", line, name, list, n, err);
        output->publish =
            keep(arena, line + name + (name < length), length - name - (name < length), err);
        if (!output->publish) return KUNI_MEMORY;
    }
    return KUNI_OK;
}

static kuni_status read_one(const kuni_params *with, kuni_arena *arena, command_output *output,
                            kuni_error *err)
{
    const char *gives = kuni_params_text(with, "gives");
    const char *extension = kuni_params_text(with, "extension");
    const char *publish = kuni_params_text(with, "publish");
    if (!is_set(gives)) return kuni_fail(err, KUNI_USAGE, "gives: expected a kind of file");
    if (!is_set(extension)) extension = "bcf";
    output->kind = keep(arena, gives, strlen(gives), err);
    output->extension = keep(arena, extension, strlen(extension), err);
    if (is_set(publish)) output->publish = keep(arena, publish, strlen(publish), err);
    return output->kind && output->extension && (!is_set(publish) || output->publish) ? KUNI_OK
                                                                                      : KUNI_MEMORY;
}

kuni_status outputs_read(command_outputs *outputs, const kuni_params *with, kuni_arena *arena,
                         kuni_error *err)
{
    const char *named = kuni_params_text(with, "outputs");
    const char *published = kuni_params_text(with, "published");
    command_output *list = kuni_arena_alloc(arena, OUTPUTS_MAX, sizeof(*list), err);
    if (!list) return KUNI_MEMORY;
    size_t n = 0;
    kuni_status status;
    if (is_set(named)) {
        if (is_set(kuni_params_text(with, "extension")))
            return kuni_fail(err, KUNI_USAGE,
                             "extension: of several outputs each has its own: gives: {NAME: "
                             "EXTENSION}");
        if (is_set(kuni_params_text(with, "publish")))
            return kuni_fail(err, KUNI_USAGE,
                             "publish: expected which of the outputs: publish: {NAME: FILE}");
        status = read_named(named, arena, list, &n, err);
    } else {
        n = 1;
        status = read_one(with, arena, &list[0], err);
    }
    if (!status && is_set(published)) status = read_published(published, arena, list, n, err);
    if (!status) status = read_empty(kuni_params_text(with, "may_be_empty"), list, n, err);
    for (size_t i = 0; i < n && !status; i++) status = check_output(&list[i], err);
    *outputs = (command_outputs){.list = list, .n = n, .named = is_set(named)};
    return status;
}

kuni_status outputs_place(command_outputs *outputs, const kuni_task *task, bool in_scratch,
                          kuni_arena *arena, kuni_error *err)
{
    kuni_buffer path = KUNI_BUFFER_INIT;
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < outputs->n && !status; i++) {
        command_output *output = &outputs->list[i];
        output->path = kuni_task_output(task, output->kind);
        if (!in_scratch) continue;
        kuni_buffer_clear(&path);
        status = kuni_buffer_printf(&path, err, "%s/output%s%s.%s", task->scratch,
                                    outputs->named ? "." : "", outputs->named ? output->kind : "",
                                    output->extension);
        if (!status && !(output->path = keep(arena, path.data, path.length, err)))
            status = KUNI_MEMORY;
    }
    kuni_buffer_fini(&path);
    return status;
}

kuni_status outputs_are_files(const command_outputs *outputs, const char *label, kuni_error *err)
{
    struct stat info;
    for (size_t i = 0; i < outputs->n; i++) {
        const char *path = outputs->list[i].path;
        if (lstat(path, &info) != 0) {
            if (errno == ENOENT) continue; /* output_check tells of it */
            return kuni_fail_errno(err, "%s: cannot look at %s", label, path);
        }
        if (!S_ISREG(info.st_mode))
            return kuni_fail(
                err, KUNI_BUG,
                "%s: its command ended well, but the output '%s' is not a regular file", label,
                outputs->list[i].kind);
    }
    return KUNI_OK;
}

kuni_status outputs_hand_over(const command_outputs *outputs, const kuni_task *task,
                              kuni_error *err)
{
    for (size_t i = 0; i < outputs->n; i++) {
        const char *to = kuni_task_output(task, outputs->list[i].kind);
        if (rename(outputs->list[i].path, to) != 0)
            return kuni_fail_errno(err, "cannot rename %s to %s", outputs->list[i].path, to);
    }
    return KUNI_OK;
}
