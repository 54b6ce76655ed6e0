/* SPDX-License-Identifier: MIT */
/*
 * The engine: runs a workflow on a dataset. What `kuni run` and `kuni plan` call.
 */
#ifndef KUNI_ENGINE_ENGINE_H
#define KUNI_ENGINE_ENGINE_H

#include "run.h"

/*
 * Collective. Returns the same status on all ranks; rank 0 has printed the progress, all faults and
 * the summary to stderr; `err` tells what ended the run. KUNI_OK: the dataset stands published.
 * KUNI_AGAIN: the same command goes on. *leads: this is rank 0. `faults` gets the faults of
 * workflow and manifest, one a line.
 */
KUNI_MUST_CHECK kuni_status kuni_engine_run(const kuni_run_options *options, bool *leads,
                                            kuni_buffer *faults, kuni_error *err);

#endif
