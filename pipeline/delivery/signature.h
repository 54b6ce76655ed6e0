/* SPDX-License-Identifier: MIT */
/*
 * Who made a release: release.json.sig beside release.json, one line, "ed25519", the public key and the signature
 * (Ed25519, RFC 8032, of the bytes of release.json as they are), in hexadecimal digits. release.json has the digests of
 * all else, so that the signature is of the whole release. The secret half is a seed of 32 bytes.
 */
#ifndef KUNI_DELIVERY_SIGNATURE_H
#define KUNI_DELIVERY_SIGNATURE_H

#include "kuni/buffer.h"

enum { KUNI_SIGNER_SEED_BYTES = 32, KUNI_SIGNER_HEX_BYTES = 65 };

extern const char kuni_signature_name[]; /* of the file */

/* The public half, in hexadecimal digits. */
KUNI_MUST_CHECK kuni_status kuni_signer_public(const unsigned char seed[KUNI_SIGNER_SEED_BYTES],
                                               char hex[KUNI_SIGNER_HEX_BYTES], kuni_error *err);
/* A public half as a file has it or, where there is none of that name, as `text` spells it. KUNI_DATA: it is none. */
KUNI_MUST_CHECK kuni_status kuni_signer_read(const char *text, char hex[KUNI_SIGNER_HEX_BYTES],
                                             kuni_error *err);

/* Signs the release.json of a folder. */
KUNI_MUST_CHECK kuni_status kuni_signature_write(const unsigned char seed[KUNI_SIGNER_SEED_BYTES],
                                                 const char *folder, kuni_error *err);
/*
 * Looks at the signature of a folder; `by` becomes the public half that it holds for, or "" where there is none.
 * KUNI_IO: it does not hold, or is none of `signer` (NULL: anybody's), or there is none and there is a `signer`.
 */
KUNI_MUST_CHECK kuni_status kuni_signature_check(const char *folder, const char *signer,
                                                 char by[KUNI_SIGNER_HEX_BYTES], kuni_error *err);

#endif
