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

/* Monotonic microseconds. */
static inline int64_t kuni_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static inline void kuni_sleep_us(int64_t us)
{
    nanosleep(&(struct timespec){.tv_sec = us / 1000000, .tv_nsec = (us % 1000000) * 1000}, NULL);
}

static inline void kuni_sleep_ms(int64_t ms)
{
    kuni_sleep_us(ms * 1000);
}

/*
 * How long one who polls and has found nothing sleeps before it looks again: from 50 us on a quarter
 * longer each time, 10 ms at most. So an answer comes late by a fifth of what it took, and one who waits
 * for long costs no core. Were each sleep as long as all before it, two who wait for each other's
 * answers would each sleep as long as the other has slept, and never come out of it. 0 begins anew.
 */
static inline int64_t kuni_nap_us(int64_t *last_us)
{
    enum { LEAST_US = 50, MOST_US = 10000 };
    int64_t us = *last_us ? *last_us + *last_us / 4 : LEAST_US;
    *last_us = us < MOST_US ? us : MOST_US;
    return *last_us;
}

#endif
