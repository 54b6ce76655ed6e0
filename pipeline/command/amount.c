/* SPDX-License-Identifier: MIT */
#include "amount.h"

#include <stddef.h>
#include <stdio.h>

const char *kuni_amount_of_bytes(double bytes, char room[KUNI_AMOUNT_BYTES])
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB"};
    size_t unit = 0;
    for (; bytes >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0]); unit++) bytes /= 1024;
    (void)snprintf(room, KUNI_AMOUNT_BYTES, "%.*f %s", unit ? 1 : 0, bytes, units[unit]);
    return room;
}

const char *kuni_amount_of_time(double seconds, char room[KUNI_AMOUNT_BYTES])
{
    if (seconds < 60)
        (void)snprintf(room, KUNI_AMOUNT_BYTES, "%.*f s", seconds < .95 ? 2 : 1, seconds);
    else if (seconds < 3600)
        (void)snprintf(room, KUNI_AMOUNT_BYTES, "%.1f min", seconds / 60);
    else
        (void)snprintf(room, KUNI_AMOUNT_BYTES, "%.1f h", seconds / 3600);
    return room;
}
