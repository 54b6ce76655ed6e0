/* SPDX-License-Identifier: MIT */
/*
 * Digests of GA4GH: sha512t24u, the first 24 bytes of SHA-512 in base64url (32 signs), and what refget names a
 * sequence by.
 */
#ifndef KUNI_CORE_REFGET_H
#define KUNI_CORE_REFGET_H

#include "kuni/genome.h"

enum { KUNI_SHA512T24U_BYTES = 33 };

void kuni_sha512t24u(const void *bytes, size_t length, char digest[KUNI_SHA512T24U_BYTES]);

/*
 * Of a contig's letters in upper case, IUPAC codes as they are: what follows "SQ." in its refget accession. Reads
 * the contig.
 */
KUNI_MUST_CHECK kuni_status kuni_genome_refget(kuni_genome *genome, int32_t tid,
                                               char digest[KUNI_SHA512T24U_BYTES], kuni_error *err);

#endif
