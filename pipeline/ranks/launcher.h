/* SPDX-License-Identifier: MIT */
/* What a launcher of ranks tells its processes by the environment, and what they tell MPI by it. */
#ifndef KUNI_RANKS_LAUNCHER_H
#define KUNI_RANKS_LAUNCHER_H

#include <stdbool.h>

#include "kuni/status.h"

/* Whether one has started this process; one that started processes apart is an error. */
KUNI_MUST_CHECK kuni_status kuni_launcher_check(bool *launched, kuni_error *err);
/* The rank that it has given, before MPI tells it. */
int kuni_launcher_rank(void);
/* Set before MPI_Init reads them; what the user or the cluster has set stays. */
void kuni_launcher_set_environment(void);

#endif
