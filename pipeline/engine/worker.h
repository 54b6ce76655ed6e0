/* SPDX-License-Identifier: MIT */
/*
 * A worker: any rank but 0 of a run with several. Does what the coordinator says until it says
 * stop.
 */
#ifndef KUNI_ENGINE_WORKER_H
#define KUNI_ENGINE_WORKER_H

#include "run.h"

/*
 * Local, but enters the assembly with the others when told to. Returns when told to stop; an error
 * is one of this rank itself. KUNI_AGAIN where rank 0 or the launcher has vanished: do not use the
 * transport afterwards (*orphaned).
 */
KUNI_MUST_CHECK kuni_status kuni_worker_run(kuni_run *run, bool *orphaned, kuni_error *err);

#endif
