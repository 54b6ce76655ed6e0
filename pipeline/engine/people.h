/* SPDX-License-Identifier: MIT */
/*
 * Taking people out of a dataset, and back: what `kuni withdraw` and `kuni reinstate` do. One process,
 * under the lock. The next run publishes without them. Unlinked: their files are not touched. Erased:
 * nothing of them is left but a tombstone, and in `current` until that run.
 */
#ifndef KUNI_ENGINE_PEOPLE_H
#define KUNI_ENGINE_PEOPLE_H

#include "run.h"

typedef struct kuni_people_request {
    const char *workflow;
    const char *const *settings; /* --set */
    size_t n_settings;
    const char *list;       /* file with a sample or participant id a line, or NULL */
    const char *const *ids; /* more of them */
    size_t n_ids;
    bool erase;              /* withdraw; goes on with an erasure that was begun */
    bool back;               /* reinstate */
    bool anew;               /* also those who were erased: a manifest may add them as new people */
    const char *by, *reason; /* for the history; or NULL */
    int64_t lock_wait_ms;
    /* Told what will be changed before it is; false: leave everything as it is. */
    bool (*agree)(void *context, const char *text);
    /* Told each id that was erased, of samples and participants: the dataset will not know them. */
    void (*tell)(void *context, const char *id);
    void *context;
} kuni_people_request;

/*
 * KUNI_USAGE names all ids that the dataset does not know: nothing is changed then. *changed counts
 * samples. Who has withdrawn already, or is in, counts as done.
 */
KUNI_MUST_CHECK kuni_status kuni_people_change(const kuni_people_request *request, size_t *changed,
                                               kuni_buffer *faults, kuni_error *err);

#endif
