/* SPDX-License-Identifier: MIT */
/*
 * Makes a release: a folder with the calls of those who are eligible, under their pseudonyms, and
 * release.json. Nothing of the dataset's names, paths or machines is in it.
 */
#ifndef KUNI_COMMAND_RELEASE_MAKE_H
#define KUNI_COMMAND_RELEASE_MAKE_H

#include "release_plan.h"

/*
 * Collective. `out` must not stand there; it appears when all is done. `plan` is that of every rank, and
 * gets its people's pseudonyms. KUNI_AGAIN: somebody has withdrawn while it was made.
 */
KUNI_MUST_CHECK kuni_status kuni_release_make(kuni_release_plan *plan, const char *out,
                                              int64_t jobs, kuni_buffer *faults, kuni_error *err);

#endif
