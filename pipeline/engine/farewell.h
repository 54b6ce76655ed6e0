/* SPDX-License-Identifier: MIT */
/*
 * How a run ends on all ranks, also when one was killed and MPI let the others live (see
 * transport.h): rank 0 tells when all is said; who cannot leave MPI in order ends without.
 */
#ifndef KUNI_ENGINE_FAREWELL_H
#define KUNI_ENGINE_FAREWELL_H

#include "kuni/status.h"

/* All ranks, at the end of a run: the status of the run. */
KUNI_MUST_CHECK kuni_status kuni_farewell(kuni_status mine, kuni_error *err);
/*
 * As kuni_leave where a rank has been silent for too long (kuni_transport_hung): ends the others, too.
 * What rank 0 has done by then is done: `status` is that of the run.
 */
_Noreturn void kuni_leave_hung(kuni_status status, const kuni_error *err);
/* Tells the user what went wrong, once, and ends this process. */
_Noreturn void kuni_leave(kuni_status status, const kuni_error *err);

#endif
