/* SPDX-License-Identifier: MIT */
#include "sample_values.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "ending.h"
#include "kuni/buffer.h"

const char *const sample_value_names[] = {"sample", "participant", "sex", "reads",
                                          "gvcf",   "index",       NULL};

static bool is_remote(const char *path)
{
    return strstr(path, "://") != NULL;
}

/* The index beside a file, by its usual names; NULL where there is none. */
static kuni_status index_beside(const char *file, kuni_arena *arena, const char **index,
                                kuni_error *err)
{
    static const char *const endings[] = {".bai", ".csi", ".crai", ".tbi"};
    const char *slash = strrchr(file, '/'), *dot = strrchr(slash ? slash : file, '.');
    size_t stem = dot ? (size_t)(dot - file) : strlen(file);
    kuni_buffer path = KUNI_BUFFER_INIT;
    kuni_status status = KUNI_OK;
    *index = NULL;
    for (size_t i = 0; i < 2 * sizeof(endings) / sizeof(endings[0]) && !status && !*index; i++) {
        size_t length = i % 2 ? stem : strlen(file);
        kuni_buffer_clear(&path);
        status = kuni_buffer_printf(&path, err, "%.*s%s", (int)length, file, endings[i / 2]);
        if (status || access(path.data, F_OK) != 0) continue;
        *index = kuni_arena_strndup(arena, path.data, path.length, err);
        if (!*index) status = KUNI_MEMORY;
    }
    kuni_buffer_fini(&path);
    return status;
}

/* A link in the scratch folder; one that is there already stays. */
static kuni_status link_to(const kuni_task *task, const char *target, const char *name,
                           const char *ending, kuni_arena *arena, const char **path,
                           kuni_error *err)
{
    kuni_buffer link = KUNI_BUFFER_INIT;
    kuni_status status = kuni_buffer_printf(&link, err, "%s/%s%s", task->scratch, name, ending);
    if (!status && symlink(target, link.data) != 0 && errno != EEXIST)
        status = kuni_fail_errno(err, "cannot link %s", link.data);
    if (!status && !(*path = kuni_arena_strndup(arena, link.data, link.length, err)))
        status = KUNI_MEMORY;
    kuni_buffer_fini(&link);
    return status;
}

static const char *ending_of(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot ? dot : "";
}

/* The sample's file, and its index, where a tool finds both. */
static kuni_status find_files(const kuni_task *task, kuni_arena *arena, const char **file,
                              const char **index, kuni_error *err)
{
    const kuni_sample *sample = task->sample;
    *file = sample->reads;
    *index = NULL;
    if (!sample->index || is_remote(sample->reads) || is_remote(sample->index)) {
        *index = sample->index;
        return sample->index || is_remote(sample->reads)
                   ? KUNI_OK
                   : index_beside(sample->reads, arena, index, err);
    }
    size_t length = strlen(sample->reads);
    if (strncmp(sample->index, sample->reads, length) == 0 && sample->index[length] == '.') {
        *index = sample->index;
        return KUNI_OK;
    }
    const char *slash = strrchr(sample->reads, '/'), *name = slash ? slash + 1 : sample->reads;
    kuni_status status = link_to(task, sample->reads, name, "", arena, file, err);
    return status ? status
                  : link_to(task, sample->index, name, ending_of(sample->index), arena, index, err);
}

kuni_status sample_value(const kuni_task *task, const char *name, kuni_arena *arena,
                         const char **text, kuni_error *err)
{
    const kuni_sample *sample = task->sample;
    const char *file, *index;
    if (strcmp(name, "sample") == 0 || strcmp(name, "participant") == 0) {
        *text = strcmp(name, "sample") == 0 ? sample->id : sample->participant;
        return KUNI_OK;
    }
    if (strcmp(name, "sex") == 0) {
        *text = sample->sex == KUNI_SEX_MALE     ? "male"
                : sample->sex == KUNI_SEX_FEMALE ? "female"
                                                 : "unknown";
        return KUNI_OK;
    }
    kuni_status status = find_files(task, arena, &file, &index, err);
    if (status) return status;
    *text = strcmp(name, "index") == 0 ? index : file;
    if (*text) return KUNI_OK;
    return kuni_fail(err, KUNI_DATA,
                     "sample %s: %s has no index beside it: make one, or name it in the manifest's "
                     "column index",
                     sample->id, sample->reads);
}
