/* SPDX-License-Identifier: MIT */
/*
 * For programs that run at several ranks: a failed check ends all of them with a line that names
 * the rank.
 */
#ifndef KUNI_TESTS_MPI_CHECK_H
#define KUNI_TESTS_MPI_CHECK_H

#include <stdio.h>

#include "transport.h"

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            (void)fprintf(stderr, "%s:%d: rank %d of %d: failed: %s\n", __FILE__, __LINE__,        \
                          kuni_transport_rank(), kuni_transport_size(), #condition);               \
            kuni_transport_abort(1);                                                               \
        }                                                                                          \
    } while (0)

/* The same, for calls that return a status and fill `err`. */
#define CHECK_OK(call)                                                                             \
    do {                                                                                           \
        if ((call) != KUNI_OK) {                                                                   \
            (void)fprintf(stderr, "%s:%d: rank %d of %d: %s: %s\n", __FILE__, __LINE__,            \
                          kuni_transport_rank(), kuni_transport_size(), #call, err.text);          \
            kuni_transport_abort(1);                                                               \
        }                                                                                          \
    } while (0)

#endif
