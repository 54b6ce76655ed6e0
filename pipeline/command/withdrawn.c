/* SPDX-License-Identifier: MIT */
#include "withdrawn.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cohort.h"

/* The nearest folder above the file that carries the mark of a dataset, or NULL. */
static char *find_dataset(const char *file)
{
    char *path = realpath(file, NULL);
    for (char *slash; path && (slash = strrchr(path, '/')) && slash != path;) {
        *slash = '\0';
        char *mark = kuni_path_join(path, "kuni-dataset.json", NULL);
        bool found = mark && access(mark, F_OK) == 0;
        free(mark);
        if (found) return path;
    }
    free(path);
    return NULL;
}

static kuni_status read_register(kuni_withdrawn *w, kuni_error *err)
{
    kuni_register people;
    char *path = kuni_register_path(w->folder, err);
    kuni_status status = path ? kuni_register_read(&people, path, w->arena, err) : KUNI_MEMORY;
    free(path);
    if (status) return status;
    w->participants = kuni_alloc(people.n + 1, sizeof(char *), err);
    w->out = kuni_alloc(people.n + 1, 1, err);
    if (!w->participants || !w->out) return KUNI_MEMORY;
    for (size_t i = 0; i < people.n && !status; i++) {
        w->participants[i] = people.samples[i].participant;
        w->out[i] = people.people[i].state == KUNI_PERSON_WITHDRAWN ||
                    people.people[i].state == KUNI_PERSON_ERASED;
        if (people.people[i].state != KUNI_PERSON_MOVED)
            status = kuni_names_add(&w->rows, people.samples[i].id, (uint32_t)i, err);
    }
    return status;
}

kuni_status kuni_withdrawn_open(kuni_withdrawn *w, const char *file, kuni_error *err)
{
    *w = (kuni_withdrawn){.folder = find_dataset(file)};
    if (!w->folder) return KUNI_OK;
    w->arena = kuni_arena_new(err);
    kuni_status status = w->arena ? kuni_tombstones_read(&w->stones, w->folder, err) : KUNI_MEMORY;
    return status ? status : read_register(w, err);
}

void kuni_withdrawn_close(kuni_withdrawn *w)
{
    kuni_tombstones_fini(&w->stones);
    kuni_names_fini(&w->rows);
    free(w->participants);
    free(w->out);
    free(w->folder);
    kuni_arena_free(w->arena);
    *w = (kuni_withdrawn){.folder = NULL};
}

bool kuni_withdrawn_has(const kuni_withdrawn *w, const char *sample)
{
    int64_t row = kuni_names_find(&w->rows, sample);
    if (row >= 0 && w->out[row]) return true;
    return kuni_tombstones_cover(&w->stones, sample, row >= 0 ? w->participants[row] : NULL);
}

kuni_status kuni_withdrawn_refuse(const kuni_withdrawn *w, const char *sample, kuni_error *err)
{
    if (!kuni_withdrawn_has(w, sample)) return KUNI_OK;
    return kuni_fail(err, KUNI_USAGE,
                     "%s has withdrawn from %s: nothing of them is written out (`kuni reinstate` "
                     "takes people back)",
                     sample, w->folder);
}
