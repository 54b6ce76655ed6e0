/* SPDX-License-Identifier: MIT */
/*
 * Where tests make a write fail or a task crash. The program that is installed has the places and
 * nothing that acts there: what does is linked into the tests' own program (tests/fixtures/
 * injection.c).
 */
#ifndef KUNI_CORE_INJECTION_H
#define KUNI_CORE_INJECTION_H

#include <stdbool.h>

typedef enum kuni_injection_point {
    KUNI_INJECTION_WRITE,
    KUNI_INJECTION_FSYNC,
    KUNI_INJECTION_RENAME
} kuni_injection_point;

typedef struct kuni_injection {
    /* Whether the call that is about to be made fails; sets errno. */
    bool (*strikes)(kuni_injection_point point);
    /*
     * May end or stop the process. `place` is a sample's id, a step of the task (pipeline/task/child.c)
     * or one of a rank's way through a run.
     */
    void (*crash_at)(const char *place);
} kuni_injection;

/* NULL in all but tests. */
extern const kuni_injection *kuni_injected;

static inline bool kuni_injection_strikes(kuni_injection_point point)
{
    return kuni_injected && kuni_injected->strikes(point);
}

static inline void kuni_injection_crash_at(const char *place)
{
    if (kuni_injected) kuni_injected->crash_at(place);
}

#endif
