/* SPDX-License-Identifier: MIT */
/*
 * Names for a recipient: keyed digests (BLAKE2b) of participant ids, of one width, in an order of their
 * own. Who has the key can make them again; who has not can neither go back nor tell that two recipients'
 * names are of one person. (By their genotypes they can.)
 *
 * The key is a file of 64 hex digits that its owner alone can read. It belongs to one recipient: the
 * recipient's id is mixed in, so that one key by mistake does not join two of them.
 */
#ifndef KUNI_RELEASE_PSEUDONYM_H
#define KUNI_RELEASE_PSEUDONYM_H

#include "selection.h"

enum {
    KUNI_PSEUDONYM_KEY_BYTES = 32,
    KUNI_PSEUDONYM_CHARS = 14 /* a letter and 13 of 32 signs: 65 bits */
};

typedef struct kuni_pseudonym_key {
    unsigned char bytes[KUNI_PSEUDONYM_KEY_BYTES];
} kuni_pseudonym_key;

/* Makes a key file, mode 0600. KUNI_USAGE where something stands there. */
KUNI_MUST_CHECK kuni_status kuni_pseudonym_new_key(const char *path, kuni_error *err);
/* KUNI_USAGE: others may read the file. KUNI_DATA: no key. */
KUNI_MUST_CHECK kuni_status kuni_pseudonym_read_key(kuni_pseudonym_key *key, const char *path,
                                                    kuni_error *err);
/* The name of one; the same for the same key, recipient and participant. */
void kuni_pseudonym_make(const kuni_pseudonym_key *key, const char *recipient,
                         const char *participant, char name[KUNI_PSEUDONYM_CHARS + 1]);
/*
 * Gives everybody selected a name and a column, by the order of the names; the names live in the
 * selection's arena. KUNI_DATA: two people would have one name (a new key mends it).
 */
KUNI_MUST_CHECK kuni_status kuni_pseudonyms_give(kuni_selection *selection,
                                                 const kuni_pseudonym_key *key,
                                                 const char *recipient, kuni_error *err);
/* What a linkage becomes before it is written: replaces `text`; the same text, the same bytes. */
typedef struct kuni_linkage_seal {
    kuni_status (*seal)(const void *context, kuni_buffer *text, kuni_error *err);
    const void *context;
} kuni_linkage_seal;
/*
 * Writes who is who, mode 0600: pseudonym, participant_id, sample_id, custodian, in the order of the columns;
 * through `seal` where it is not NULL. KUNI_USAGE where another linkage stands there.
 */
KUNI_MUST_CHECK kuni_status kuni_pseudonyms_link(const kuni_selection *selection, const char *path,
                                                 const kuni_linkage_seal *seal, kuni_error *err);
/* Whether that can be done, without doing it: before the work. */
KUNI_MUST_CHECK kuni_status kuni_pseudonyms_can_link(const kuni_selection *selection,
                                                     const char *path,
                                                     const kuni_linkage_seal *seal,
                                                     kuni_error *err);

#endif
