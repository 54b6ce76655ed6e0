/* SPDX-License-Identifier: MIT */
/*
 * The full check of an evidence file: beyond checksums and decoding, that the content keeps its
 * promises.
 */
#ifndef KUNI_STORE_EVIDENCE_CHECK_H
#define KUNI_STORE_EVIDENCE_CHECK_H

#include "kuni/evidence.h"

/*
 * Decodes every chunk and checks: order of events and blocks, blocks of a sample do not overlap,
 * events reach into their chunk, likelihoods are normalised, and dictionary, sets and census equal
 * those rebuilt from the events. KUNI_DATA names file, chunk and cause.
 */
KUNI_MUST_CHECK kuni_status kuni_evidence_check(const char *path, kuni_error *err);
/* The same of a part of a file, see kuni_evidence_open_part. */
KUNI_MUST_CHECK kuni_status kuni_evidence_check_part(const char *path, uint64_t offset,
                                                     uint64_t bytes, kuni_error *err);

#endif
