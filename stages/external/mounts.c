/* SPDX-License-Identifier: MIT */
#include "mounts.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "template.h"

enum { SINGLE_FILES_MOST = 64 /* of a task's inputs: beyond, the folders of the stages */ };

typedef struct search {
    mount_list *mounts;
    const kuni_task *task;
    kuni_arena *arena;
    kuni_error *err;
} search;

static kuni_status add(search *s, const char *path, size_t length)
{
    size_t scratch = strlen(s->task->scratch);
    if (length > scratch && strncmp(path, s->task->scratch, scratch) == 0 && path[scratch] == '/')
        return KUNI_OK;
    for (size_t i = s->mounts->n; i-- > 0;)
        if (strlen(s->mounts->paths[i]) == length &&
            strncmp(s->mounts->paths[i], path, length) == 0)
            return KUNI_OK;
    kuni_status status = kuni_grow((void **)&s->mounts->paths, &s->mounts->capacity,
                                   s->mounts->n + 1, sizeof(*s->mounts->paths), s->err);
    if (status) return status;
    const char *kept = kuni_arena_strndup(s->arena, path, length, s->err);
    if (!kept) return KUNI_MEMORY;
    s->mounts->paths[s->mounts->n++] = kept;
    return KUNI_OK;
}

static kuni_status add_if_there(search *s, const char *path, size_t length, const char *ending)
{
    struct stat info;
    kuni_buffer name = KUNI_BUFFER_INIT;
    kuni_status status = kuni_buffer_printf(&name, s->err, "%.*s%s", (int)length, path, ending);
    if (!status && stat(name.data, &info) == 0) status = add(s, name.data, name.length);
    kuni_buffer_fini(&name);
    return status;
}

static size_t stem_of(const char *path)
{
    const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');
    return dot && (!slash || dot > slash) ? (size_t)(dot - path) : strlen(path);
}

/* A sample's file with its index: their folder may be a large one that nobody wants to read through. */
static kuni_status add_reads(search *s, const char *path)
{
    static const char *const endings[] = {".bai", ".csi", ".crai", ".tbi"};
    if (!path) return KUNI_OK;
    if (strstr(path, "://")) {
        s->mounts->network = true;
        return KUNI_OK;
    }
    kuni_status status = add(s, path, strlen(path));
    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]) && !status; i++) {
        status = add_if_there(s, path, strlen(path), endings[i]);
        if (!status) status = add_if_there(s, path, stem_of(path), endings[i]);
    }
    return status;
}

/* A file with all that stands beside it under its name and an ending more; a folder as it is. */
static kuni_status add_with_indices(search *s, const char *path)
{
    struct stat info;
    const char *slash = strrchr(path, '/');
    if (*path != '/' || stat(path, &info) != 0) return KUNI_OK;
    kuni_status status = add(s, path, strlen(path));
    if (status || S_ISDIR(info.st_mode)) return status;
    const char *folder = kuni_arena_strndup(s->arena, path, (size_t)(slash - path) + 1, s->err);
    if (!folder) return KUNI_MEMORY;
    DIR *entries = opendir(folder);
    const struct dirent *entry;
    size_t length = strlen(slash + 1);
    while (entries && !status && (entry = readdir(entries)) != NULL)
        if (strlen(entry->d_name) > length && memcmp(entry->d_name, slash + 1, length) == 0 &&
            entry->d_name[length] == '.')
            status = add_if_there(s, folder, strlen(folder), entry->d_name);
    if (entries) (void)closedir(entries);
    return status;
}

static kuni_status add_lines(search *s, const char *lines, bool files_only)
{
    kuni_status status = KUNI_OK;
    for (const char *line = lines; line && *line && !status;) {
        size_t length = strcspn(line, "\n"), name = strcspn(line, "=\n");
        struct stat info;
        if (name < length) {
            const char *path =
                kuni_arena_strndup(s->arena, line + name + 1, length - name - 1, s->err);
            if (!path) return KUNI_MEMORY;
            if (!files_only || (stat(path, &info) == 0 && S_ISREG(info.st_mode)))
                status = add_with_indices(s, path);
        }
        line += length + (line[length] == '\n');
    }
    return status;
}

/* DATASET/data/STAGE/SHARD/FILE: its own path, or, of many, DATASET/data/STAGE. */
static kuni_status add_inputs(search *s)
{
    kuni_status status = KUNI_OK;
    bool many = s->task->n_inputs > SINGLE_FILES_MOST;
    for (size_t i = 0; i < s->task->n_inputs && !status; i++) {
        const char *path = s->task->inputs[i].path;
        size_t length = strlen(path);
        for (int up = 0; many && up < 2; up++)
            for (length -= length > 1; length > 1 && path[length] != '/';) length--;
        status = add(s, path, length);
    }
    return status;
}

kuni_status mounts_of_task(mount_list *mounts, const kuni_task *task, const char *commands,
                           kuni_arena *arena, kuni_error *err)
{
    search s = {.mounts = mounts, .task = task, .arena = arena, .err = err};
    const char *reference = kuni_genome_path(task->genome);
    kuni_status status = add_inputs(&s);
    if (!status && template_names(commands, "reference")) {
        status = add_with_indices(&s, reference);
        if (!status) status = add_if_there(&s, reference, stem_of(reference), ".dict");
    }
    if (!status) status = add_lines(&s, kuni_params_text(task->params, "resources"), false);
    if (!status) status = add_lines(&s, kuni_params_text(task->params, "params"), true);
    bool own = template_names(commands, "reads") || template_names(commands, "gvcf") ||
               template_names(commands, "index");
    if (!status && own && task->sample) status = add_reads(&s, task->sample->reads);
    if (!status && own && task->sample) status = add_reads(&s, task->sample->index);
    return status;
}

void mounts_fini(mount_list *mounts)
{
    free(mounts->paths);
}
