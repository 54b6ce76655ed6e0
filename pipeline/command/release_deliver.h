/* SPDX-License-Identifier: MIT */
/*
 * The end of a release: what is in its folder is sealed to the recipients where the request names their keys, and
 * described in release.json, with its place in the chain; the
 * dataset keeps who is in it and notes it; the folder gets its name.
 */
#ifndef KUNI_COMMAND_RELEASE_DELIVER_H
#define KUNI_COMMAND_RELEASE_DELIVER_H

#include "release_plan.h"

/*
 * Of one process. `files` are lists of names within `folder`, each ended by NULL, and NULL after the last.
 * KUNI_AGAIN: one of the people has withdrawn meanwhile. On failure `folder` is left to the caller.
 */
KUNI_MUST_CHECK kuni_status kuni_release_deliver(const kuni_release_plan *plan, const char *folder,
                                                 const char *const *const *files, const char *out,
                                                 kuni_error *err);

/*
 * Whether it can be delivered, before the work: keys can be read, and the linkage can be written. The people have
 * their pseudonyms where the release names them.
 */
KUNI_MUST_CHECK kuni_status kuni_release_can_deliver(const kuni_release_plan *plan,
                                                     kuni_error *err);

/* Whether the release names people: all but tables alone, which need no linkage. */
bool kuni_release_has_names(const kuni_request *request);

#endif
