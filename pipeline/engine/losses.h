/* SPDX-License-Identifier: MIT */
/*
 * What a run does when a rank is killed and MPI lets the others live (see transport.h): rank 0
 * gives its work to the others and goes on; steps of all ranks are done by those that are left.
 * When rank 0 is lost the run ends, and the same command goes on.
 */
#ifndef KUNI_ENGINE_LOSSES_H
#define KUNI_ENGINE_LOSSES_H

#include "coordinator.h"

/* Rank 0. Takes what lost ranks had back; KUNI_AGAIN when none but this one is left. */
KUNI_MUST_CHECK kuni_status kuni_losses_take(kuni_coordinator *c, bool *busy, kuni_error *err);
/* Rank 0. Before a step of all ranks: makes collectives possible again. */
KUNI_MUST_CHECK kuni_status kuni_losses_regroup(kuni_coordinator *c, kuni_error *err);
/* All ranks, at the end of a run: the status of the run. */
KUNI_MUST_CHECK kuni_status kuni_losses_farewell(kuni_status mine, kuni_error *err);
/* Tells the user what went wrong, once, and ends this process. */
_Noreturn void kuni_losses_leave(kuni_status status, const kuni_error *err);

#endif
