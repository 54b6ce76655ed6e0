/* SPDX-License-Identifier: MIT */
/* `kuni run --dry-run`: what the run would do and why, in words. */
#ifndef KUNI_COMMAND_DRY_RUN_H
#define KUNI_COMMAND_DRY_RUN_H

#include "run.h"

/* Prints; of several ranks the first does. Nothing is written. Returns the exit status. */
KUNI_MUST_CHECK int kuni_dry_run(const kuni_run_options *options);

#endif
