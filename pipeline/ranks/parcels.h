/* SPDX-License-Identifier: MIT */
/* Messages of transport.c that wait: until MPI has sent them, or until this rank takes its own. */
#ifndef KUNI_RANKS_PARCELS_H
#define KUNI_RANKS_PARCELS_H

#include <mpi.h>
#include <stddef.h>

/* A message on its way out, or one that a rank sent to itself. */
typedef struct parcel {
    struct parcel *next;
    MPI_Request request;
    size_t length;
    char bytes[];
} parcel;

typedef struct parcel_list {
    parcel *first, **last;
    size_t count;
} parcel_list;

static inline void list_add(parcel_list *list, parcel *added)
{
    if (!list->first) list->last = &list->first;
    added->next = NULL;
    *list->last = added;
    list->last = &added->next;
    list->count++;
}

static inline parcel *list_take(parcel_list *list)
{
    parcel *taken = list->first;
    list->first = taken->next;
    list->count--;
    return taken;
}

#endif
