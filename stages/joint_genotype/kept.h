/* SPDX-License-Identifier: MIT */
/*
 * What the first walk over a chunk's evidence found, kept for the second: then no file is read, decoded and walked over
 * twice, or once for each window of sites.
 *
 * Kept are, file by file, what events say at each site that they cover (the sample's local alleles and likelihoods, and what
 * tallies and columns tell of the event), and the pieces of reference blocks. Nearly all events are a REF, one ALT of the
 * site and "other", and take 56 bytes; a piece takes 20. A file for which there is no room is left out as a whole, and is
 * read again: records are the same.
 */
#ifndef KUNI_JOINT_KEPT_H
#define KUNI_JOINT_KEPT_H

#include "local.h"

enum { JOINT_KEPT_EVENT_BYTES = 56, JOINT_KEPT_PIECE_BYTES = 20 };

typedef struct joint_kept joint_kept;

/* What is kept is told to: as joint_visitor is, but that events are taken together already. */
typedef struct joint_kept_visitor {
    void *context;
    bool all; /* pieces without a block too, and those without a wanted site */
    /* NULL: pieces are not wanted. The block's span is that of the piece. */
    kuni_status (*piece)(void *context, const joint_piece *piece, kuni_error *err);
    /* Of local->event alleles, set, position and sample are not known any more. */
    kuni_status (*event)(void *context, uint32_t column, uint32_t site, const joint_local *local,
                         kuni_error *err);
    /* Events that are not genotyped for a reason that is not theirs. */
    kuni_status (*refused)(void *context, uint32_t column, uint32_t site, joint_ploidy ploidy,
                           uint32_t dp, kuni_error *err);
} joint_kept_visitor;

KUNI_MUST_CHECK joint_kept *joint_kept_new(kuni_error *err);
/* Accepts NULL. */
void joint_kept_free(joint_kept *kept);

/* Starts a chunk of which at most so many bytes are to be kept, of n_sources files; 0: nothing. */
KUNI_MUST_CHECK kuni_status joint_kept_begin(joint_kept *kept, const joint_sites *sites,
                                             size_t n_sources, int64_t most_bytes, kuni_error *err);
/* What is added until joint_kept_close is the file's; the file as a whole is dropped when there is no room for it. */
void joint_kept_open(joint_kept *kept, size_t source);
void joint_kept_close(joint_kept *kept);

/* Out of memory is no error: the file is dropped. */
void joint_kept_event(joint_kept *kept, uint32_t column, uint32_t site, const joint_local *local);
void joint_kept_refused(joint_kept *kept, uint32_t column, uint32_t site, joint_ploidy ploidy,
                        uint32_t dp);
void joint_kept_piece(joint_kept *kept, const joint_piece *piece);

/* Whether the file is there. */
bool joint_kept_has(const joint_kept *kept, size_t source);
/* What is taken up. */
int64_t joint_kept_bytes(const joint_kept *kept);

/*
 * Tells what is kept of a file at sites [first, last): events site by site, each site's by column, then pieces in the
 * order in which they were added.
 */
KUNI_MUST_CHECK kuni_status joint_kept_tell(joint_kept *kept, size_t source, uint32_t first,
                                            uint32_t last, const joint_kept_visitor *visitor,
                                            kuni_error *err);

#endif
