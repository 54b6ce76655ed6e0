/* SPDX-License-Identifier: MIT */
/*
 * What this program was built from: for people, and for files that are written for others to keep.
 * Nothing whose bytes are told apart by content keys may hold it: see docs/versioning.md.
 */
#ifndef KUNI_CORE_BUILT_H
#define KUNI_CORE_BUILT_H

/* Both are defined in a file that cmake/GitDescribe.cmake makes. */

/* The commit, as `git describe --always --dirty --tags` said when it was built; "" where it was not
 * built from a checkout, or is a release. */
extern const char kuni_built_from[];
/* "0.1.0", or "0.1.0 (1a2b3c4)" where there is a commit to name. */
extern const char kuni_built_version[];

#endif
