/* SPDX-License-Identifier: MIT */
/*
 * What a dataset keeps of each release, for its owner alone (0700, 0600):
 *
 *   DATASET/releases/secret           64 hex digits, made with the first release
 *   DATASET/releases/lock             held while a release is made: each is weighed against all before it
 *   DATASET/releases/head             how many entries `released` the history has, and a digest of them, so that
 *                                     one that was cut or is older is told
 *   DATASET/releases/ID/members.tsv   of whom it tells: see below
 *   DATASET/releases/ID/...           other rooms may add files that they find again by the same ID:
 *   DATASET/releases/ID/told          what it told, a chapter of pipeline/disclosure
 *
 * ID: 16 digits of a digest of release.json without its chain and of members.tsv; the history's entry
 * `released` tells it ("id") beside recipient, digest of release.json ("blake2b") and digest of members.tsv ("members").
 * The same release again has the same ID, and its place in the chain.
 *
 * members.tsv names nobody: a line has the keyed digest (BLAKE2b, the secret) of a participant id and the pseudonym
 * that the recipient knows, or ".". Whoever has an id can be looked up, also after an erasure, so that
 * recipients can be told; without the secret nobody can.
 */
#ifndef KUNI_DELIVERY_MEMORY_H
#define KUNI_DELIVERY_MEMORY_H

#include "history.h"
#include "kuni/file.h"
#include "names.h"
#include "received.h"

enum { KUNI_RELEASE_ID_BYTES = 17, KUNI_MEMORY_SECRET_BYTES = 32 };

typedef struct kuni_memory {
    char *folder; /* DATASET/releases */
    int lock;     /* descriptor, or -1 */
    unsigned char secret[KUNI_MEMORY_SECRET_BYTES];
} kuni_memory;

/*
 * Opens the memory of a dataset; `write`: makes what is not there, and holds it until it is closed; KUNI_AGAIN:
 * somebody else does. A process may hold it once at a time. Without, a dataset that has released nothing has no
 * folder: KUNI_USAGE. KUNI_IO: the secret is damaged or lost. To be given to kuni_memory_close in any case.
 */
KUNI_MUST_CHECK kuni_status kuni_memory_open(kuni_memory *memory, const char *dataset, bool write,
                                             kuni_error *err);
void kuni_memory_close(kuni_memory *memory);
/* What stands for a participant. */
void kuni_memory_digest(const kuni_memory *memory, const char *participant,
                        char hex[KUNI_DIGEST_HEX_BYTES]);

/* A release, as the history tells it. */
typedef struct kuni_release_entry {
    char *at, *name, *recipient, *use, *form;
    char id[KUNI_RELEASE_ID_BYTES]; /* "": made by a version that kept nothing of it */
    char digest[KUNI_DIGEST_HEX_BYTES], members[KUNI_DIGEST_HEX_BYTES];
    char request[KUNI_DIGEST_HEX_BYTES]; /* of the file of the request; "": not known */
    /* Of what was asked of what, and of the chapter; "": made by a version that kept none. */
    char asked[KUNI_DIGEST_HEX_BYTES], told[KUNI_DIGEST_HEX_BYTES];
    bool is_public;
    kuni_chain chain;
    int64_t people, generation;
} kuni_release_entry;

typedef struct kuni_release_list {
    kuni_release_entry *entries; /* in the order of the history */
    size_t n, capacity;
} kuni_release_list;

/* KUNI_IO: the history is damaged, or does not tell of all that was released. To be given to _fini in any case. */
KUNI_MUST_CHECK kuni_status kuni_release_list_read(kuni_release_list *list, const char *dataset,
                                                   kuni_error *err);
void kuni_release_list_fini(kuni_release_list *list);
/* Whether it is the memory of these releases: KUNI_IO where its secret is another one. */
KUNI_MUST_CHECK kuni_status kuni_memory_check(const kuni_memory *memory,
                                              const kuni_release_list *list, kuni_error *err);
/* Remembers what the history tells of by now; the memory is held. */
KUNI_MUST_CHECK kuni_status kuni_memory_put_head(const kuni_memory *memory, const char *dataset,
                                                 kuni_error *err);
/*
 * The place in the chain of a release `id` to `recipient`: that of the same release where it was made before,
 * else behind the last.
 */
void kuni_memory_chain(const kuni_memory *memory, const kuni_release_list *list, const char *id,
                       const char *recipient, kuni_chain *chain);

/* Somebody in a release; borrowed. */
typedef struct kuni_member {
    const char *participant, *pseudonym; /* the latter may be NULL */
} kuni_member;

/* Keeps the members of release `id` (NULL: keeps nothing); gives the digest of what is kept. */
KUNI_MUST_CHECK kuni_status kuni_memory_keep(const kuni_memory *memory, const char *id,
                                             const kuni_member *members, size_t n,
                                             char digest[KUNI_DIGEST_HEX_BYTES], kuni_error *err);

/* DATASET/releases/ID/NAME, or DATASET/releases/NAME where `id` is NULL; caller frees. NULL: out of memory. */
KUNI_MUST_CHECK char *kuni_memory_path(const kuni_memory *memory, const char *id, const char *name,
                                       kuni_error *err);

/* The members of a release: by_digest gives the number of what kuni_memory_digest tells; texts live in `text`. */
typedef struct kuni_members {
    kuni_names by_digest;
    const char **pseudonyms; /* "." where there is none */
    size_t n, capacity;
    kuni_buffer text;
} kuni_members;

/* KUNI_IO: not as it was kept. To be given to kuni_members_fini in any case. */
KUNI_MUST_CHECK kuni_status kuni_members_read(kuni_members *members, const kuni_memory *memory,
                                              const kuni_release_entry *entry, kuni_error *err);
void kuni_members_fini(kuni_members *members);
/* The member's number, or -1. */
int64_t kuni_members_find(const kuni_members *members, const kuni_memory *memory,
                          const char *participant);

#endif
