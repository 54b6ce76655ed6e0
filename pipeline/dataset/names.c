/* SPDX-License-Identifier: MIT */
#include "names.h"

#include <stdlib.h>
#include <string.h>

/* FNV-1a, 64 bits: http://www.isthe.com/chongo/tech/comp/fnv/ */
static size_t slot_of(const kuni_names *names, const char *name)
{
    uint64_t hash = 14695981039346656037u;
    for (const char *p = name; *p; p++) hash = (hash ^ (uint8_t)*p) * 1099511628211u;
    return (size_t)(hash ^ hash >> 32) & (names->n_slots - 1);
}

kuni_status kuni_names_index(kuni_names *names, size_t count,
                             const char *(*name)(const void *context, size_t number),
                             const void *context, kuni_error *err)
{
    *names = (kuni_names){.n_slots = 16, .name = name, .context = context};
    if (count > UINT32_MAX / 4) return kuni_fail_memory(err, count, sizeof(uint32_t));
    while (names->n_slots < count * 2) names->n_slots *= 2;
    names->slots = kuni_alloc(names->n_slots, sizeof(uint32_t), err);
    if (!names->slots) return KUNI_MEMORY;
    for (size_t i = 0; i < count; i++) {
        size_t slot = slot_of(names, name(context, i));
        while (names->slots[slot]) slot = (slot + 1) & (names->n_slots - 1);
        names->slots[slot] = (uint32_t)i + 1;
    }
    return KUNI_OK;
}

int64_t kuni_names_find(const kuni_names *names, const char *name)
{
    if (!names->slots) return -1;
    for (size_t slot = slot_of(names, name); names->slots[slot];
         slot = (slot + 1) & (names->n_slots - 1)) {
        size_t number = names->slots[slot] - 1;
        if (strcmp(names->name(names->context, number), name) == 0) return (int64_t)number;
    }
    return -1;
}

void kuni_names_fini(kuni_names *names)
{
    free(names->slots);
    *names = (kuni_names){.slots = NULL};
}
