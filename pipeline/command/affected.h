/* SPDX-License-Identifier: MIT */
/*
 * Which releases of a dataset hold certain people, and what their recipients are to be told.
 */
#ifndef KUNI_COMMAND_AFFECTED_H
#define KUNI_COMMAND_AFFECTED_H

#include "memory.h"

typedef struct kuni_affected_release {
    const kuni_release_entry *entry; /* the last time that it was made */
    size_t times;                    /* that it was made */
    bool known;                      /* who is in it */
    const char **ids,
        **pseudonyms; /* of those who are looked for and in it; "." where there is none */
    size_t n, capacity;
} kuni_affected_release;

typedef struct kuni_affected {
    kuni_release_list list;
    kuni_affected_release *releases; /* in the order of the history */
    size_t n;
    char **paths; /* of notices */
    size_t n_paths, paths_capacity;
    kuni_arena *arena;
} kuni_affected;

/*
 * Finds the releases that hold one of the ids in a file (participants, or samples of the register), or of which
 * nothing was kept; `ids_path` NULL: all. KUNI_USAGE: the list is wrong or empty. KUNI_IO: what was kept is
 * damaged. To be given to _fini in any case.
 */
KUNI_MUST_CHECK kuni_status kuni_affected_find(kuni_affected *affected, const char *dataset,
                                               const char *ids_path, kuni_error *err);
/* Makes the folder (0700) with a notice for each recipient (RECIPIENT.txt), and sets `paths`. */
KUNI_MUST_CHECK kuni_status kuni_affected_write(kuni_affected *affected, const char *folder,
                                                kuni_error *err);
void kuni_affected_fini(kuni_affected *affected);

#endif
