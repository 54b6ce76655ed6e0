/* SPDX-License-Identifier: MIT */
/*
 * The files of a task that are to be seen inside a container, at the paths that they have outside:
 * what its placeholders stand for, with the indices beside it, and nothing else.
 */
#ifndef KUNI_STAGES_EXTERNAL_MOUNTS_H
#define KUNI_STAGES_EXTERNAL_MOUNTS_H

#include "kuni/stage.h"

typedef struct mount_list {
    const char **paths; /* absolute, each once, to be read only */
    size_t n, capacity;
    bool network; /* the sample's own file is at a URL, which the workflow's `network:` allows */
} mount_list;

/*
 * `commands` is all that may name a placeholder. Paths live in `arena`. The list is all zero before;
 * mounts_fini after errors, too.
 */
KUNI_MUST_CHECK kuni_status mounts_of_task(mount_list *mounts, const kuni_task *task,
                                           const char *commands, kuni_arena *arena,
                                           kuni_error *err);
void mounts_fini(mount_list *mounts);

#endif
