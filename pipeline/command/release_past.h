/* SPDX-License-Identifier: MIT */
/*
 * What earlier releases told, which a release is weighed against, and the chapter that it adds itself: see
 * pipeline/disclosure/past.h. The dataset keeps chapters as DATASET/releases/ID/told; the history has their
 * digests, in the order of the releases.
 *
 * Forms without genotypes are weighed: who cannot be counted, because the difference from earlier counts would be
 * of few, is taken out of the selection. Forms with genotypes are given as they are: their chapter says whose
 * genotypes the recipient has.
 *
 * The same request of the same dataset is the same release: it is weighed against what was before its first time,
 * so it tells the same again.
 */
#ifndef KUNI_COMMAND_RELEASE_PAST_H
#define KUNI_COMMAND_RELEASE_PAST_H

#include "disclosure.h"
#include "memory.h"
#include "selection.h"
#include "strata.h"

typedef struct kuni_release_past {
    const kuni_request *request;     /* borrowed, as the selection */
    const kuni_selection *selection; /* who is counted */
    kuni_release_list releases;
    char asked[KUNI_DIGEST_HEX_BYTES];
    const kuni_release_entry *again; /* the same release, as it was made first; NULL: it was not */
    kuni_disclosure_past *told;
    size_t n_chapters; /* that were read */
    uint32_t *labels; /* by person of the selection: see kuni_disclosure_setup; NULL: all are new */
    kuni_memory memory;                           /* of rank 0, while it is held */
    uint8_t secret[KUNI_DISCLOSURE_SECRET_BYTES]; /* set by _hold, or where there are chapters */
} kuni_release_past;

/* Whether earlier releases count for what this one tells. */
bool kuni_release_is_weighed(const kuni_request *request);

/*
 * Reads what was released so far, and takes out of the selection who is not counted. Writes nothing. KUNI_IO: a
 * chapter is lost or altered; KUNI_USAGE: a release that counts here was made by a version that kept none.
 * Borrows request and selection. To be given to _fini in any case.
 */
KUNI_MUST_CHECK kuni_status kuni_release_past_read(kuni_release_past *past,
                                                   const kuni_request *request,
                                                   kuni_selection *selection, kuni_error *err);
void kuni_release_past_fini(kuni_release_past *past);

/*
 * Collective. From here on no other release of the dataset is made until _fini; KUNI_AGAIN: one is being made,
 * or was made since _read.
 */
KUNI_MUST_CHECK kuni_status kuni_release_past_hold(kuni_release_past *past, kuni_error *err);

/* People by what the tables of a request tell apart, in the order of the selection; `labels` or NULL. */
KUNI_MUST_CHECK kuni_status kuni_release_strata(kuni_strata *strata, const kuni_request *request,
                                                const kuni_selection *selection,
                                                const uint32_t *labels, kuni_error *err);

/*
 * Of rank 0, held: writes the chapter of this release, which waits in the memory until it is kept. `discloses`
 * and `strata` NULL: it has genotypes, and its counts are not kept.
 */
KUNI_MUST_CHECK kuni_status kuni_release_past_write(const kuni_release_past *past,
                                                    kuni_disclosure *discloses,
                                                    const kuni_strata *strata,
                                                    const kuni_buffer *journal, kuni_error *err);
/* Likewise: whether release `id` may be it; gives the digest of the chapter that waits. */
KUNI_MUST_CHECK kuni_status kuni_release_past_check(const kuni_release_past *past, const char *id,
                                                    char told[KUNI_DIGEST_HEX_BYTES],
                                                    kuni_error *err);
/* Likewise: keeps the chapter as that of release `id`, whose folder is there. */
KUNI_MUST_CHECK kuni_status kuni_release_past_keep(const kuni_release_past *past, const char *id,
                                                   kuni_error *err);

#endif
