/* SPDX-License-Identifier: MIT */
/*
 * A release as its recipient holds it: a folder whose release.json tells size and digest of every other
 * file. Looked at without the dataset: is everything there, as it was written, and nothing else; and do
 * several releases of one series follow each other.
 *
 * That release.json itself is the sender's its signature tells, where there is one (signature.h), to who knows the
 * sender's public key; else its digest, which the sender tells by another way, and the next release of the series.
 */
#ifndef KUNI_DELIVERY_RECEIVED_H
#define KUNI_DELIVERY_RECEIVED_H

#include "kuni/file.h"
#include "signature.h"

enum { KUNI_SERIES_HEX_BYTES = 33 };

/* Where a release stands among those of its dataset to its recipient. */
typedef struct kuni_chain {
    char series
        [KUNI_SERIES_HEX_BYTES]; /* the same for the same dataset and recipient, else another */
    int64_t number;              /* of the release in the series, from 1 */
    char previous[KUNI_DIGEST_HEX_BYTES]; /* of release.json of the one before; the first: zeros */
    char before
        [KUNI_DIGEST_HEX_BYTES]; /* of the one that the dataset released before, to whomever */
} kuni_chain;

typedef struct kuni_received {
    const char *folder;                 /* borrowed */
    char digest[KUNI_DIGEST_HEX_BYTES]; /* of release.json */
    char *name, *recipient;             /* as it tells */
    kuni_chain chain;
    size_t files; /* that it tells of */
    int64_t bytes;
    char signed_by[KUNI_SIGNER_HEX_BYTES]; /* "": it is not signed */
} kuni_received;

/*
 * Reads every file of a folder; with `signer` (a public key, or NULL) it has to be signed by them. What is missing, altered, cut off or not told of is added to `faults`, a line
 * each, and the status is KUNI_IO; so where release.json is none. To be given to kuni_received_fini in any case.
 */
KUNI_MUST_CHECK kuni_status kuni_received_check(kuni_received *received, const char *folder,
                                                const char *signer, kuni_buffer *faults,
                                                kuni_error *err);
void kuni_received_fini(kuni_received *received);
/*
 * Whether those of one series follow each other; sorts them. Numbers that are not among them cannot be looked
 * at: *gaps counts places where some lack. KUNI_IO with `faults`.
 */
KUNI_MUST_CHECK kuni_status kuni_received_check_series(kuni_received *all, size_t n, size_t *gaps,
                                                       kuni_buffer *faults, kuni_error *err);

extern const char kuni_no_digest[KUNI_DIGEST_HEX_BYTES]; /* zeros */

#endif
