/* SPDX-License-Identifier: MIT */
/* Keeps what a command says within bounds: its beginning and its end. */
#ifndef KUNI_STAGES_EXTERNAL_LOG_CAP_H
#define KUNI_STAGES_EXTERNAL_LOG_CAP_H

#include <stdint.h>

enum {
    LOG_CAP_BYTES = 4 << 20,       /* a log is cut when it is longer */
    LOG_CAP_HEAD_BYTES = 64 << 10, /* and then keeps these, from its first byte on, */
    LOG_CAP_TAIL_BYTES = 1 << 20   /* and these up to its last */
};

/*
 * Of a regular file that others append to (O_APPEND), by a descriptor of it; anything else is left
 * alone. Returns how many bytes are left out by this call; a line in the file tells the sum, of
 * which `before` were left out by earlier calls.
 */
uint64_t log_cap(int fd, uint64_t before);

#endif
