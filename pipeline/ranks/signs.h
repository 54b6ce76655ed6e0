/* SPDX-License-Identifier: MIT */
/* What a program knows of other ranks beside their beats: see kuni_transport_watch. */
#ifndef KUNI_RANKS_SIGNS_H
#define KUNI_RANKS_SIGNS_H

#include <stdbool.h>

/* Whether a rank has shown life by other means since it was asked last. */
typedef bool kuni_signs_of_life(void *context, int rank);

#endif
