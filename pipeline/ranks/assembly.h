/* SPDX-License-Identifier: MIT */
/*
 * The assembly: all ranks write the merged files together, each its share of the bytes at computed
 * offsets, through a descriptor of its own.
 *
 * The list says which pieces make up which target, with their lengths; offsets are sums. The bytes
 * of a target are cut evenly among the ranks, whatever the pieces' sizes. The file grows under a
 * temporary name, is reserved in full first (a full disk is noticed before the work), flushed by
 * all, and renamed only when every rank is well. The result does not depend on the number of ranks.
 * Works without MPI in a single process.
 *
 * Digests. Up to KUNI_ASSEMBLY_SLICE_BYTES the digest is that of the file (kuni_digest_file).
 * Above, it is the digest of the 64-digit hex digests of the file's slices of that size, in order,
 * concatenated: so many ranks can make it.
 */
#ifndef KUNI_RANKS_ASSEMBLY_H
#define KUNI_RANKS_ASSEMBLY_H

#include "hash.h"
#include "kuni/file.h"

enum { KUNI_ASSEMBLY_SLICE_BYTES = 16 << 20 };

typedef struct kuni_assembly_target {
    const char *kind; /* as in the list */
    const char *path; /* final place; its folder exists */
    bool optional;    /* need not stand in the list: then it is not written */
    /* results */
    bool written;
    uint64_t bytes;
    int64_t mtime_ns;
    char digest[KUNI_DIGEST_HEX_BYTES];
} kuni_assembly_target;

/*
 * Collective. Writes all targets of the list `assembly_path` (see kuni/stage.h; piece paths are
 * relative to the list's folder or absolute). Every target that is not optional must stand in the list,
 * and every kind of the list among the targets. All ranks return the same status and, on failure, the same error; no
 * target has then been renamed unless all its bytes were written. `epoch` makes temporary names
 * unique.
 */
KUNI_MUST_CHECK kuni_status kuni_assembly_write(const char *assembly_path,
                                                kuni_assembly_target *targets, size_t n_targets,
                                                uint64_t epoch, kuni_error *err);

/* A piece of a target: `bytes` of its file from `from` on are the target's from `at` on. */
typedef struct kuni_assembly_piece {
    const char *path;
    size_t target;
    uint64_t at, from, bytes;
} kuni_assembly_piece;

/*
 * Local. The pieces of all targets by the list, into memory of `arena`; sets the targets' bytes. Status and
 * errors as of kuni_assembly_write.
 */
KUNI_MUST_CHECK kuni_status kuni_assembly_pieces(const char *assembly_path,
                                                 kuni_assembly_target *targets, size_t n_targets,
                                                 kuni_arena *arena, kuni_assembly_piece **pieces,
                                                 size_t *n_pieces, kuni_error *err);

/* Local. The digest of a file by the rule above. */
KUNI_MUST_CHECK kuni_status kuni_assembly_digest(const char *path, char hex[KUNI_DIGEST_HEX_BYTES],
                                                 kuni_error *err);
/* Local. True where the file has this digest, by the rule above or as any other file. */
bool kuni_assembly_matches(const char *path, const kuni_hash *digest);

#endif
