/* SPDX-License-Identifier: MIT */
/* Files that can be opened without waiting for somebody. */
#ifndef KUNI_CORE_REGULAR_H
#define KUNI_CORE_REGULAR_H

#include "kuni/status.h"

/*
 * KUNI_IO where a path leads to something that is no regular file: a named pipe would make whoever
 * opens it wait for a writer. What is not there passes, as do URLs.
 */
KUNI_MUST_CHECK kuni_status kuni_check_regular(const char *path, kuni_error *err);

/*
 * Likewise, but of named pipes alone, for what may be read from its beginning to its end once: what a shell
 * hands over (/dev/fd/N, standard input) has its writer.
 */
KUNI_MUST_CHECK kuni_status kuni_check_no_wait(const char *path, kuni_error *err);

/* "a named pipe", ...; NULL where the path leads to a regular file, nowhere, or is a URL. */
const char *kuni_odd_file(const char *path);

#endif
