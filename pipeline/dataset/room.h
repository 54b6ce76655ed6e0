/* SPDX-License-Identifier: MIT */
/* Room on the disk. */
#ifndef KUNI_DATASET_ROOM_H
#define KUNI_DATASET_ROOM_H

#include <stdint.h>

/* Free bytes where the folder is, or will be: on the nearest folder that stands; -1: not known. */
int64_t kuni_room_on(const char *folder);

#endif
