/* SPDX-License-Identifier: MIT */
/*
 * The environment of a command: what every command has, and of kuni's what `env:` names. Values
 * stand in no key and no log.
 */
#ifndef KUNI_STAGES_EXTERNAL_ENVIRONMENT_H
#define KUNI_STAGES_EXTERNAL_ENVIRONMENT_H

#include <stdbool.h>

#include "kuni/buffer.h"

typedef struct command_environment {
    char **list; /* ended by NULL; the texts are the process's own, or those below */
    char threads[48];
    kuni_buffer folder;
} command_environment;

/* KUNI_USAGE where a name is none. `names`: one a line, or NULL. */
KUNI_MUST_CHECK kuni_status environment_check(const char *names, kuni_error *err);
/*
 * For one command that may use so many threads and has its folder (NULL: none) as TMPDIR. `names`: as
 * above. KUNI_USAGE where one of them is not set; `label` opens the message. With `client` also what a
 * program that starts containers needs.
 */
KUNI_MUST_CHECK kuni_status environment_make(command_environment *environment, const char *names,
                                             const char *folder, int64_t threads, bool client,
                                             const char *label, kuni_error *err);
/*
 * Whether an entry of the list means something in a container, where programs and folders are others:
 * those that kuni sets, the user's name, the time zone, and those of `names`.
 */
bool environment_passes_inside(const char *entry, const char *names);
void environment_fini(command_environment *environment);

#endif
