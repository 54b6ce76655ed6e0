/* SPDX-License-Identifier: MIT */
/*
 * The walk over one file's chunk: sample by sample, which sites lie in its reference blocks and
 * which in its events.
 *
 * A position that an event covers with its REF is the event's, whatever blocks say about it; blocks
 * that overlap each other count once, the first one first. What is worked out for an allele set
 * (where its alleles begin and end, their numbers among the site's) is worked out once a chunk.
 */
#ifndef KUNI_JOINT_CHUNK_WALK_H
#define KUNI_JOINT_CHUNK_WALK_H

#include "joint.h"

enum { /* joint_target.kind: what an event's allele is at the sites it touches */
       JOINT_TARGET_REF,
       JOINT_TARGET_ALT,
       JOINT_TARGET_STAR, /* "*" of the input: stands at the event's own position only */
       JOINT_TARGET_OTHER /* <*> */
};

typedef struct joint_target {
    int64_t beg, end; /* the minimal REF's span */
    uint16_t number;  /* at the site at beg, or JOINT_FOREIGN, JOINT_OTHER */
    uint8_t kind;
} joint_target;

typedef struct joint_set {
    int64_t pos, end;
    uint32_t beg, stop; /* the same within the chunk, from its begin */
    uint32_t n_alleles;
    const joint_target *targets;
} joint_set;

/* An event that covers a site. */
typedef struct joint_cover {
    const kuni_event *event;
    const joint_set *set;
} joint_cover;

typedef struct joint_walk joint_walk;

/* A part of the chunk in which a sample has one reference block and no event, or neither. */
typedef struct joint_piece {
    uint32_t column;
    uint32_t first, last; /* the sites in it; none where they are the same */
    int64_t beg, end;
    const kuni_block *block; /* NULL: neither */
    joint_ploidy ploidy;     /* of no meaning without a block */
    bool joined;             /* the column's block before is this far, but for sites of events */
} joint_piece;

typedef struct joint_visitor {
    void *context;
    bool all; /* pieces without a block too, and those without a wanted site */
    bool
        any_order; /* events need not come column by column, and those of a column not by site: it costs less */
    /* A column's pieces come in order. */
    kuni_status (*piece)(void *context, const joint_piece *piece, kuni_error *err);
    /* The events that cover the site, in position order; as of the copies that there are. */
    kuni_status (*events)(void *context, uint32_t column, uint32_t site, const joint_cover *covers,
                          size_t n_covers, joint_ploidy ploidy, kuni_error *err);
} joint_visitor;

KUNI_MUST_CHECK joint_walk *joint_walk_new(kuni_error *err);
void joint_walk_free(joint_walk *walk);

/*
 * Walks a chunk decoded with KUNI_READ_BY_SAMPLE. columns[i] is the column of the file's sample i, or -1: passed over. Only
 * sites in [first_site, last_site) are visited. visitor->block may be NULL.
 */
KUNI_MUST_CHECK kuni_status joint_walk_chunk(joint_walk *walk, const joint_sites *sites,
                                             uint32_t first_site, uint32_t last_site,
                                             const joint_copies *copies,
                                             const kuni_evidence_chunk *chunk,
                                             const int32_t *columns, uint32_t n_samples,
                                             const joint_visitor *visitor, kuni_error *err);

#endif
