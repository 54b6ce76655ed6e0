/* SPDX-License-Identifier: MIT */
/*
 * Who has withdrawn from the dataset that a file lies in: for commands that are given files of data/
 * and write out what they hold.
 */
#ifndef KUNI_COMMAND_WITHDRAWN_H
#define KUNI_COMMAND_WITHDRAWN_H

#include "register.h"
#include "tombstones.h"

typedef struct kuni_withdrawn {
    char *
        folder; /* of the dataset; NULL: the file lies in none, and nobody is known to have withdrawn */
    kuni_tombstones stones;
    kuni_names rows; /* samples of the register: participants[number] */
    const char **participants;
    uint8_t *out; /* by row: withdrawn */
    kuni_arena *arena;
} kuni_withdrawn;

/* KUNI_IO where register or tombstones are damaged. To be closed also after a failure. */
KUNI_MUST_CHECK kuni_status kuni_withdrawn_open(kuni_withdrawn *withdrawn, const char *file,
                                                kuni_error *err);
void kuni_withdrawn_close(kuni_withdrawn *withdrawn);
/* Whether the sample, or its participant, has withdrawn; also a place that is nobody's any more. */
bool kuni_withdrawn_has(const kuni_withdrawn *withdrawn, const char *sample);
/* KUNI_USAGE where that is so, with the reason. */
KUNI_MUST_CHECK kuni_status kuni_withdrawn_refuse(const kuni_withdrawn *withdrawn,
                                                  const char *sample, kuni_error *err);

#endif
