/* SPDX-License-Identifier: MIT */
/*
 * Files that their readers alone can open: containers of GA4GH's Crypt4GH 1.0, which the crypt4gh tools open with
 * a reader's secret key (http://samtools.github.io/hts-specs/crypt4gh.pdf).
 *
 *   "crypt4gh", version 1, number of packets
 *   a packet a reader: the writer's public key, nonce, session key encrypted for the reader (X25519, ChaCha20-Poly1305)
 *   segments of 64 KiB: nonce, ChaCha20-Poly1305 by the session key, authentication code
 *
 * The same content under the same name for the same readers is the same bytes: the session key is a keyed
 * digest (BLAKE2b) of context, name and digest of the content under a secret of the writer's, and so are the
 * writer's key pair and the nonces of packets; the nonce of a segment is its number. So no key is used twice
 * for different content, which is what randomness is for elsewhere (as in SIV), and what repeats tells nothing but that
 * it repeats. Who has the secret and not the content cannot open anything by it.
 *
 * The end of a container is not authenticated by the format (whole segments can be cut off): its digest in
 * release.json is.
 */
#ifndef KUNI_DELIVERY_CONTAINER_H
#define KUNI_DELIVERY_CONTAINER_H

#include "kuni/file.h"

enum {
    KUNI_PUBLIC_KEY_BYTES = 32,
    KUNI_SEALING_SECRET_BYTES = 32,
    KUNI_SEGMENT_BYTES = 65536,
    KUNI_READERS_MAX = 1000
};

typedef struct kuni_public_key {
    unsigned char bytes[KUNI_PUBLIC_KEY_BYTES]; /* a point of X25519 */
} kuni_public_key;

/* Reads a public key of crypt4gh-keygen from text. False: it is none, or one that anybody can open. */
bool kuni_public_key_parse(kuni_public_key *key, const char *text, size_t length);
/* Likewise from a file; KUNI_DATA: no public key. */
KUNI_MUST_CHECK kuni_status kuni_public_key_read(kuni_public_key *key, const char *path,
                                                 kuni_error *err);

/* For whom, and by which secret; borrowed. */
typedef struct kuni_sealing {
    const unsigned char *secret; /* KUNI_SEALING_SECRET_BYTES */
    const char *context;         /* what the secret may be used for beside: a recipient's id */
    const kuni_public_key *readers;
    size_t n; /* 1 to KUNI_READERS_MAX */
} kuni_sealing;

/* Seals the file `from` as `to`; `name` is its name within what is handed over. Memory: a segment. */
KUNI_MUST_CHECK kuni_status kuni_container_seal_file(const kuni_sealing *sealing, const char *name,
                                                     const char *from, const char *to,
                                                     kuni_error *err);
/* Replaces the text by a container that holds it. */
KUNI_MUST_CHECK kuni_status kuni_container_seal_text(const kuni_sealing *sealing, const char *name,
                                                     kuni_buffer *text, kuni_error *err);

#endif
