/* SPDX-License-Identifier: MIT */
/*
 * kuni run --relaunch: starts a launcher of ranks again until the run is done.
 *
 * What the launcher says of its end counts for nothing: it may end with 0 after it lost a node, and
 * not at all after a cut link. The dataset tells: its status, and the time of its lock.
 */
#ifndef KUNI_COMMAND_RELAUNCH_H
#define KUNI_COMMAND_RELAUNCH_H

#include "kuni/status.h"

typedef struct kuni_relaunch {
    char *const *words; /* the launcher's command line, ended by NULL */
    const char *dataset;
    int64_t most;       /* restarts in a row without progress */
    int64_t patience_s; /* without a sign of life; and of a launcher whose run has ended */
} kuni_relaunch;

/* The exit status: that of the run, KUNI_AGAIN where it was told to stop. Says what it does. */
int kuni_relaunch_run(const kuni_relaunch *r);

#endif
