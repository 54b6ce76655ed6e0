/* SPDX-License-Identifier: MIT */
/* `- include: FILE` in a list of stages: the stages of that file stand in its place. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "sections.h"

enum { DEPTH_MAX = 8, FILES_MAX = 100 };

typedef struct splicing {
    kuni_reader *reader;
    const char *path[DEPTH_MAX + 1]; /* of the files that are open; NULL: the workflow itself */
    size_t depth, files;
    kuni_yaml_node *list; /* under construction */
} splicing;

static kuni_status splice(splicing *s, const kuni_yaml_node *stages);

static kuni_status add(splicing *s, kuni_yaml_node *value)
{
    return kuni_yaml_add(s->reader->arena, s->list, NULL, value, s->reader->err);
}

/* Parses the file and splices its list in. */
static kuni_status take_file(splicing *s, const kuni_yaml_node *at, const char *path)
{
    kuni_reader *reader = s->reader;
    kuni_buffer text = KUNI_BUFFER_INIT;
    kuni_yaml_node *root = NULL;
    struct stat info;
    if (stat(path, &info) != 0 || !S_ISREG(info.st_mode) || info.st_size > KUNI_YAML_BYTES_MAX) {
        kuni_yaml_fault(reader->faults, at,
                        "include: %s: is no file, or has more than %d bytes; expected a YAML file",
                        path, KUNI_YAML_BYTES_MAX);
        return KUNI_OK;
    }
    kuni_status status = kuni_reader_get("included file", path, &text, reader->err);
    const char *within = reader->faults->within;
    size_t before = reader->faults->n + reader->faults->hidden;
    reader->faults->within = path;
    if (!status)
        status = kuni_yaml_parse(&root, reader->arena, text.data ? text.data : "", text.length,
                                 NULL, reader->faults, reader->err);
    if (!status && (!root || root->type != KUNI_YAML_LIST) &&
        reader->faults->n + reader->faults->hidden == before)
        kuni_faults_add(reader->faults, NULL, 1, 1,
                        "an included file holds a list of stages; expected '- id: ...'");
    reader->faults->within = within;
    kuni_buffer_fini(&text);
    if (status || !root || root->type != KUNI_YAML_LIST) return status;
    s->path[++s->depth] = path;
    status = splice(s, root);
    s->depth--;
    return status;
}

static kuni_status include(splicing *s, const kuni_yaml_node *stage)
{
    kuni_reader *reader = s->reader;
    const kuni_yaml_node *at = kuni_yaml_get(stage, "include");
    size_t before = reader->faults->n + reader->faults->hidden;
    if (stage->n > 1) {
        kuni_yaml_fault(reader->faults, stage,
                        "include: stands beside other keys; expected '- include: FILE' by itself");
        return KUNI_OK;
    }
    const char *text = kuni_reader_text(reader, at, "include", "the path of a YAML file");
    if (!text) return KUNI_OK;
    const char *path = kuni_reader_file(reader, at, "include", text);
    if (!path) return KUNI_MEMORY;
    if (reader->faults->n + reader->faults->hidden > before) return KUNI_OK;
    char *real = realpath(path, NULL);
    if (!real) return kuni_fail_errno(reader->err, "include: %s", path);
    const char *kept = kuni_arena_strndup(reader->arena, real, strlen(real), reader->err);
    free(real);
    if (!kept) return KUNI_MEMORY;
    for (size_t i = 0; i <= s->depth; i++)
        if (strcmp(s->path[i], kept) == 0) {
            kuni_yaml_fault(reader->faults, at,
                            "include: %s is being read already: files include each other; expected "
                            "no circle",
                            kept);
            return KUNI_OK;
        }
    if (s->depth == DEPTH_MAX || ++s->files > FILES_MAX) {
        kuni_yaml_fault(reader->faults, at, "include: expected at most %d files, %d deep",
                        FILES_MAX, DEPTH_MAX);
        return KUNI_OK;
    }
    return take_file(s, at, kept);
}

static kuni_status splice(splicing *s, const kuni_yaml_node *stages)
{
    kuni_status status = KUNI_OK;
    for (size_t i = 0; i < stages->n && !status; i++)
        status = kuni_yaml_get(stages->values[i], "include") ? include(s, stages->values[i])
                                                             : add(s, stages->values[i]);
    return status;
}

kuni_status kuni_reader_include(kuni_reader *reader, kuni_yaml_node *root, const char *path)
{
    splicing s = {.reader = reader, .path = {path}};
    for (size_t i = 0; i < root->n; i++) {
        kuni_yaml_node *stages = root->values[i];
        if (strcmp(root->keys[i]->text, "stages") != 0 || stages->type != KUNI_YAML_LIST) continue;
        s.list = kuni_arena_alloc(reader->arena, 1, sizeof(*s.list), reader->err);
        if (!s.list) return KUNI_MEMORY;
        *s.list = *stages;
        s.list->values = NULL;
        s.list->n = s.list->capacity = 0;
        root->values[i] = s.list;
        return splice(&s, stages);
    }
    return KUNI_OK;
}
