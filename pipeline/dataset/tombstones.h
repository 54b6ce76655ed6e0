/* SPDX-License-Identifier: MIT */
/*
 * Tombstones: who has withdrawn, told by keyed digests of ids, so that the list names nobody. They
 * outrank every manifest. DATASET/tombstones.tsv; the key is DATASET/secret (mode 0600), made with
 * the first one. Without the key nobody can be recognised any more: keep both in the backup.
 */
#ifndef KUNI_DATASET_TOMBSTONES_H
#define KUNI_DATASET_TOMBSTONES_H

#include "kuni/buffer.h"
#include "names.h"

enum { KUNI_TOMBSTONE_KEY_BYTES = 32 };

typedef struct kuni_tombstones {
    char *folder;
    unsigned char key[KUNI_TOMBSTONE_KEY_BYTES];
    bool has_key;
    char **lines; /* "DIGEST mode date" */
    size_t n, capacity;
    kuni_names by_digest;
} kuni_tombstones;

/* Reads those of a dataset (NULL, or none yet: empty). KUNI_IO where they or the key are damaged or
 * one is lost: nobody may come back because a file is gone. */
KUNI_MUST_CHECK kuni_status kuni_tombstones_read(kuni_tombstones *stones, const char *folder,
                                                 kuni_error *err);
void kuni_tombstones_fini(kuni_tombstones *stones);
/* Whether this sample, or the whole participant, has withdrawn. */
bool kuni_tombstones_cover(const kuni_tombstones *stones, const char *sample,
                           const char *participant);
/* "unlink" or "erase" where the sample or participant (`kind`) has withdrawn, else NULL. */
const char *kuni_tombstones_mode(const kuni_tombstones *stones, const char *kind, const char *id,
                                 char room[16]);
/* `kind` is "sample" or "participant". Adds one; where it stands, "erase" takes the place of "unlink". */
KUNI_MUST_CHECK kuni_status kuni_tombstones_add(kuni_tombstones *stones, const char *kind,
                                                const char *id, const char *mode, const char *date,
                                                kuni_error *err);
/* Takes one away; false where there is none. */
bool kuni_tombstones_remove(kuni_tombstones *stones, const char *kind, const char *id);
/* Writes key and list, atomically. */
KUNI_MUST_CHECK kuni_status kuni_tombstones_write(kuni_tombstones *stones, kuni_error *err);

#endif
