/* SPDX-License-Identifier: MIT */
/*
 * Numbers with units as people write them: "5Mb", "64 kb", "2GiB", "90m".
 *
 * Letters' case does not matter but in bytes, where none is needed to tell them apart either. A
 * fraction is taken where the result is whole ("1.5kb"). Each returns false where the text is no
 * such quantity or is out of int64.
 */
#ifndef KUNI_WORKFLOW_UNITS_H
#define KUNI_WORKFLOW_UNITS_H

#include <stdbool.h>
#include <stdint.h>

/* A whole number without a unit. */
bool kuni_parse_int(const char *text, int64_t *value);
/* Bases: none, b, bp; k, kb, kbp; m, mb, mbp; g, gb, gbp (powers of 1000). */
bool kuni_parse_bp(const char *text, int64_t *bp);
/* Bytes: none, b; k, kb, kib; m ...; g ...; t ...: k and kib are 1024, kb is 1000. */
bool kuni_parse_bytes(const char *text, int64_t *bytes);
/* A share: "5%", "0.25 %"; in hundredths of a percent. */
bool kuni_parse_percent(const char *text, int64_t *hundredths);
/* Seconds: none, s, sec; m, min; h; d. */
bool kuni_parse_seconds(const char *text, int64_t *seconds);

#endif
