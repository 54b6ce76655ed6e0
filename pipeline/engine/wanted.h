/* SPDX-License-Identifier: MIT */
/*
 * Which steps a run does: all of them, or what --until and --only say, and which of them again though
 * nothing has changed (--force). Rank 0 only.
 */
#ifndef KUNI_ENGINE_WANTED_H
#define KUNI_ENGINE_WANTED_H

#include "ledger.h"

typedef struct kuni_wanted {
    bool partial; /* not all: nothing is published */
    bool only;    /* --only: what leads to it must stand */
    /* Flags by node: is to be run; leads to one that is, and must stand; runs again in any case. */
    uint8_t run[KUNI_PLAN_NODES_MAX], look[KUNI_PLAN_NODES_MAX], forced[KUNI_PLAN_NODES_MAX];
    int last_phase; /* of what is run */
} kuni_wanted;

/*
 * From the options of the run. KUNI_USAGE: no such stage, or evidence is to be made again, which is
 * primary data.
 */
KUNI_MUST_CHECK kuni_status kuni_wanted_make(kuni_wanted *wanted, const kuni_run *run,
                                             kuni_error *err);
/*
 * With --only, once it is known what stands: KUNI_USAGE names the step that does not, of those of this
 * phase that lead to what is run.
 */
KUNI_MUST_CHECK kuni_status kuni_wanted_stands(const kuni_wanted *wanted, const kuni_ledger *ledger,
                                               int phase, kuni_error *err);

#endif
