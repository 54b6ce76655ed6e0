/* SPDX-License-Identifier: MIT */
/* How amounts are told to people. */
#ifndef KUNI_COMMAND_AMOUNT_H
#define KUNI_COMMAND_AMOUNT_H

enum { KUNI_AMOUNT_BYTES = 32 };

/* "1.5 GiB", "400.0 KiB", "12 bytes". Both return `room`. */
const char *kuni_amount_of_bytes(double bytes, char room[KUNI_AMOUNT_BYTES]);
/* "3.2 s", "1.5 min", "12.0 h", from there on in hours. */
const char *kuni_amount_of_time(double seconds, char room[KUNI_AMOUNT_BYTES]);

#endif
