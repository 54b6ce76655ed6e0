/* SPDX-License-Identifier: MIT */
#include "compacting.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kuni/file.h"
#include "kuni/lines.h"

static const char first_line[] = "#kuni compacting 1";

static char *path_of(const char *folder, kuni_error *err)
{
    return kuni_path_join(folder, "compacting", err);
}

kuni_status kuni_compacting_check(const char *folder, kuni_error *err)
{
    char *path = path_of(folder, err);
    if (!path) return KUNI_MEMORY;
    bool stands = access(path, F_OK) == 0;
    free(path);
    if (!stands) return KUNI_OK;
    return kuni_fail(err, KUNI_USAGE,
                     "%s: `kuni compact` was begun and not finished: the same command goes on with "
                     "it; nothing was changed",
                     folder);
}

static kuni_status take_group(kuni_compacting *what, char *line, kuni_arena *arena, kuni_error *err)
{
    size_t n = 1;
    for (const char *c = line; *c; c++) n += *c == '\t';
    kuni_compacting_group *group = &what->groups[what->n];
    const char **names = kuni_arena_alloc(arena, n, sizeof(*names), err);
    if (!names) return KUNI_MEMORY;
    char *save = NULL;
    n = 0;
    for (char *word = strtok_r(line, "\t", &save); word; word = strtok_r(NULL, "\t", &save))
        if (!(names[n++] = kuni_arena_strndup(arena, word, strlen(word), err))) return KUNI_MEMORY;
    if (n < 3) return KUNI_DATA;
    *group = (kuni_compacting_group){.name = names[0], .old = names + 1, .n_old = n - 1};
    what->n++;
    return KUNI_OK;
}

kuni_status kuni_compacting_read(kuni_compacting *what, const char *folder, kuni_arena *arena,
                                 bool *found, kuni_error *err)
{
    enum { BYTES_MAX = 1 << 28 };
    kuni_buffer text = KUNI_BUFFER_INIT;
    *what = (kuni_compacting){.n = 0};
    char *path = path_of(folder, err), end[64] = "", *save = NULL;
    if (!path) return KUNI_MEMORY;
    *found = access(path, F_OK) == 0 || errno != ENOENT;
    kuni_status status = *found ? kuni_file_get(path, BYTES_MAX, &text, err) : KUNI_OK;
    size_t lines = 1;
    for (size_t i = 0; i < text.length; i++) lines += text.data[i] == '\n';
    if (!status && *found)
        what->groups = kuni_arena_alloc(arena, lines, sizeof(*what->groups), err);
    if (!status && *found && !what->groups) status = KUNI_MEMORY;
    bool whole = false, first = true;
    for (char *line = *found && !status ? strtok_r(text.data, "\n", &save) : NULL;
         line && !status && !whole; line = strtok_r(NULL, "\n", &save)) {
        (void)snprintf(end, sizeof(end), "#end\t%zu", what->n);
        if (first)
            status = strcmp(line, first_line) == 0 ? KUNI_OK : KUNI_DATA;
        else if (line[0] == '#')
            whole = strcmp(line, end) == 0;
        else
            status = take_group(what, line, arena, err);
        first = false;
        if (!status && line[0] == '#' && !whole && line != text.data) break;
    }
    if (*found && (status == KUNI_DATA || (!status && !whole)))
        status = kuni_fail(err, KUNI_IO, "%s is damaged: put it back from a backup", path);
    kuni_buffer_fini(&text);
    free(path);
    return status;
}

kuni_status kuni_compacting_write(const kuni_compacting *what, const char *folder, kuni_error *err)
{
    kuni_buffer text = KUNI_BUFFER_INIT;
    char *path = path_of(folder, err);
    kuni_status status = path ? kuni_buffer_printf(&text, err, "%s\n", first_line) : KUNI_MEMORY;
    for (size_t i = 0; i < what->n && !status; i++) {
        status = kuni_buffer_printf(&text, err, "%s", what->groups[i].name);
        for (size_t k = 0; k < what->groups[i].n_old && !status; k++)
            status = kuni_buffer_printf(&text, err, "\t%s", what->groups[i].old[k]);
        if (!status) status = kuni_buffer_printf(&text, err, "\n");
    }
    if (!status) status = kuni_buffer_printf(&text, err, "#end\t%zu\n", what->n);
    if (!status) status = kuni_file_put(path, text.data, text.length, err);
    kuni_buffer_fini(&text);
    free(path);
    return status;
}

kuni_status kuni_compacting_remove(const char *folder, kuni_error *err)
{
    char *path = path_of(folder, err);
    if (!path) return KUNI_MEMORY;
    kuni_status status = unlink(path) == 0 || errno == ENOENT
                             ? KUNI_OK
                             : kuni_fail_errno(err, "cannot remove %s", path);
    free(path);
    return status;
}
