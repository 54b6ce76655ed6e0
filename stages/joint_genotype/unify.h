/* SPDX-License-Identifier: MIT */
/*
 * Unified sites of a chunk, from the allele dictionaries of all batches.
 *
 * An allele is its minimal form at its own position. All alleles of a position stand in one record,
 * whose REF is the longest of theirs; the others are extended to it, which changes no allele.
 * Nothing is merged across positions: a sample that has lost a position to a deletion from the left
 * carries "*" there. So the sites of a position follow from what was called at that position alone,
 * wherever shards and batches are cut.
 */
#ifndef KUNI_JOINT_UNIFY_H
#define KUNI_JOINT_UNIFY_H

#include "joint.h"

typedef struct joint_unify joint_unify;

KUNI_MUST_CHECK joint_unify *joint_unify_new(kuni_error *err);
void joint_unify_free(joint_unify *unify);

/* Forgets all; alleles with beg <= pos < end will be taken in. */
void joint_unify_begin(joint_unify *unify, int64_t beg, int64_t end);

/* The span it was begun for. */
void joint_unify_span(const joint_unify *unify, int64_t *beg, int64_t *end);

/* Takes in a dictionary, as one file counted it. */
KUNI_MUST_CHECK kuni_status joint_unify_add(joint_unify *unify, const kuni_census *alleles,
                                            size_t n_alleles, kuni_error *err);

/*
 * Makes the sites of all alleles that someone is called with. An allele whose best quality among
 * its carriers lies below min_quality is dropped (a quality of 0 means unknown and is let pass);
 * its copies are counted in the site. The result is owned by `unify` and valid until
 * joint_unify_begin.
 */
KUNI_MUST_CHECK kuni_status joint_unify_finish(joint_unify *unify, int min_quality,
                                               joint_sites *sites, kuni_error *err);

/* The ALT of a site with this minimal form, as an index into sites->alts, or -1. */
int64_t joint_sites_find(const joint_sites *sites, int64_t pos, const char *ref, size_t ref_length,
                         const char *alt, size_t alt_length);

/* Writes the record's alleles, comma-separated, "*" last where `star`. */
KUNI_MUST_CHECK kuni_status joint_sites_spell(const joint_sites *sites, const joint_site *site,
                                              bool star, kuni_buffer *text, kuni_error *err);

#endif
