/* SPDX-License-Identifier: MIT */
/*
 * What samples have at each site of a window, coded into bytes: a pile of entries a site, in the order in which
 * they came. An entry opens with how far its column is from that of the entry before; what follows is the
 * owner's. A million samples have a hundred million entries in a chunk, so that bytes of an entry decide how
 * often a chunk is gone through.
 *
 * Whoever comes by column, which is the rule, is read by column without being sorted.
 */
#ifndef KUNI_JOINT_PILE_H
#define KUNI_JOINT_PILE_H

#include "joint.h"

enum { JOINT_VARINT_MOST = 5 }; /* bytes of a uint32 */

typedef struct joint_leaf joint_leaf;

/* The pile of a site. */
typedef struct joint_pile {
    joint_leaf *first, *last;
    uint32_t n, bytes; /* entries, and what they take */
    uint32_t column;   /* of the last one */
    uint32_t room;     /* left in the last leaf */
    uint8_t traits;    /* the owner's, of any entry */
    bool unordered;    /* columns do not rise */
} joint_pile;

/* Sites [first, last) of a chunk. */
typedef struct joint_piles {
    joint_pile *sites;
    size_t capacity;
    uint32_t first, last;
    uint8_t *
        *slabs; /* memory of leaves: kept from window to window of a chunk, which take as much */
    size_t n_slabs, slabs_capacity;
    size_t n_full;    /* slabs before the one that is being filled */
    size_t slab_used; /* bytes of that */
} joint_piles;

/* A piece of memory that holds whole entries. */
struct joint_leaf {
    joint_leaf *next;
    uint32_t used;
    uint8_t bytes[];
};

/* An entry that stands where its column says: for piles whose columns do not rise. */
typedef struct joint_pile_entry {
    uint32_t column;
    const uint8_t *at;
} joint_pile_entry;

/* Goes through a pile. */
typedef struct joint_pile_reader {
    const joint_leaf *leaf; /* that comes next */
    const uint8_t *at, *end;
    uint32_t column;
    const joint_pile_entry *entry, *last; /* sorted */
    bool more;
} joint_pile_reader;

/* All zero before its first window. */
void joint_piles_fini(joint_piles *piles);
KUNI_MUST_CHECK kuni_status joint_piles_begin(joint_piles *piles, uint32_t first, uint32_t last,
                                              kuni_error *err);
/* Gives memory back. */
void joint_piles_end(joint_piles *piles);
/* An entry of `n` bytes behind its column. */
KUNI_MUST_CHECK kuni_status joint_piles_add(joint_piles *piles, uint32_t site, uint32_t column,
                                            const uint8_t *bytes, size_t n, kuni_error *err);

/* Memory taken by the window under way. */
int64_t joint_piles_bytes(const joint_piles *piles);

static inline joint_pile *joint_piles_at(const joint_piles *piles, uint32_t site)
{
    return &piles->sites[site - piles->first];
}

/* --- numbers of seven bits a byte, low ones first --- */

static inline uint8_t *joint_put_varint(uint8_t *at, uint32_t value)
{
    for (; value >= 0x80; value >>= 7) *at++ = (uint8_t)(value | 0x80);
    *at++ = (uint8_t)value;
    return at;
}

static inline uint32_t joint_get_varint(const uint8_t **at)
{
    uint32_t byte = *(*at)++, value = byte & 0x7F;
    for (int shift = 7; byte & 0x80; shift += 7) {
        byte = *(*at)++;
        value |= (byte & 0x7F) << shift;
    }
    return value;
}

/* --- reading --- */

/* Entries as they came. `more` says whether there is one, whose column is known, and whose bytes are at `at`. */
static inline void joint_pile_next(joint_pile_reader *r)
{
    if (r->entry) {
        r->more = r->entry < r->last;
        if (!r->more) return;
        r->column = r->entry->column;
        r->at = r->entry->at;
        r->entry++;
        return;
    }
    if (r->at == r->end) {
        r->more = r->leaf != NULL;
        if (!r->more) return;
        r->at = r->leaf->bytes;
        r->end = r->at + r->leaf->used;
        r->leaf = r->leaf->next;
    }
    r->column += joint_get_varint(&r->at);
}

static inline joint_pile_reader joint_pile_read(const joint_pile *pile)
{
    joint_pile_reader r = {.leaf = pile->first, .more = true};
    joint_pile_next(&r);
    return r;
}

/* Goes past the bytes of an entry. */
typedef void joint_pile_skip(void *context, const uint8_t **at);

/* Entries by column; `entries` is room to sort them in, where that has to be done. */
KUNI_MUST_CHECK kuni_status joint_pile_read_sorted(const joint_pile *pile, joint_pile_skip *skip,
                                                   void *context, joint_pile_entry **entries,
                                                   size_t *capacity, joint_pile_reader *reader,
                                                   kuni_error *err);

#endif
