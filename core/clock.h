/* SPDX-License-Identifier: MIT */
/* Time for the engine's own decisions and messages; never for what stages write. */
#ifndef KUNI_ENGINE_CLOCK_H
#define KUNI_ENGINE_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Monotonic milliseconds. */
static inline int64_t kuni_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static inline void kuni_sleep_ms(int64_t ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000}, NULL);
}

#endif
