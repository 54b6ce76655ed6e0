/* SPDX-License-Identifier: MIT */
/*
 * The parts that records of a .pgen are made of: lists of samples ("difflists") and arrays of values of
 * few bits. After the PLINK 2 File Format Specification Draft, 2.3.1.
 */
#ifndef KUNI_FORMATS_PGEN_DIFFLIST_H
#define KUNI_FORMATS_PGEN_DIFFLIST_H

#include "kuni/buffer.h"

/*
 * Appends a list of n samples (numbers that rise, each below n_samples); with `values`, one of two bits for each,
 * otherwise (NULL) the samples alone.
 */
KUNI_MUST_CHECK kuni_status kuni_pgen_put_difflist(kuni_buffer *out, uint32_t n_samples,
                                                   const uint32_t *samples, const uint8_t *values,
                                                   size_t n, kuni_error *err);

/*
 * Appends n values of so many bits each (1, 2, 4, 8, 16), the first in the lowest bits of the first byte; the last
 * byte is filled up with 0.
 */
KUNI_MUST_CHECK kuni_status kuni_pgen_put_packed(kuni_buffer *out, const uint16_t *values, size_t n,
                                                 int bits, kuni_error *err);

#endif
