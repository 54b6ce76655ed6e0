/* SPDX-License-Identifier: MIT */
/*
 * A published generation, and what two of them say of what happened in between: from dataset.json of
 * each and the history of the dataset. Neither names anybody who has withdrawn.
 */
#ifndef KUNI_COMMAND_GENERATION_H
#define KUNI_COMMAND_GENERATION_H

#include <jansson.h>

#include "diff.h"
#include "names.h"
#include "register.h"

typedef struct kuni_generation {
    char *folder;   /* of the generation, absolute */
    char *dataset;  /* that it is part of; NULL: it is a copy somewhere */
    int64_t number; /* 0: not known */
    char title[64]; /* "generation 7", or "first", "second" */
    json_t *json;   /* dataset.json */
} kuni_generation;

/*
 * `text` is a number, "current", or a folder that a generation stands in; `dataset` NULL: only a folder
 * will do. KUNI_USAGE says what is there where the generation is not. To be closed also on failure.
 */
KUNI_MUST_CHECK kuni_status kuni_generation_open(kuni_generation *generation, const char *dataset,
                                                 const char *text, kuni_error *err);
void kuni_generation_close(kuni_generation *generation);
/* The path of a published file, to be freed; KUNI_IO where its size is not as published. */
KUNI_MUST_CHECK kuni_status kuni_generation_file(const kuni_generation *generation,
                                                 const char *name, char **path, kuni_error *err);
bool kuni_generation_has(const kuni_generation *generation, const char *name);

/* What happened between two generations. */
typedef struct kuni_changes {
    kuni_diff_between between;
    json_t *settings; /* array of {stage, what, from, to} */
    json_t *history;  /* object: events by name, with counts; empty: not known, or nothing */
    bool history_known;
    /* to tell why a sample is in one of them alone */
    int64_t first_number;
    kuni_names quarantined[2], gated[2];
    kuni_names by_id; /* of the register; only where somebody was reinstated */
    kuni_register people;
    kuni_arena *arena;
    const char **filters;
    size_t filters_capacity;
} kuni_changes;

/*
 * Borrows from both generations. KUNI_USAGE: they cannot be compared (two datasets' references, the
 * older one is second). To be closed also on failure.
 */
KUNI_MUST_CHECK kuni_status kuni_changes_find(kuni_changes *changes, const kuni_generation *first,
                                              const kuni_generation *second, kuni_error *err);
/* Why a sample is in the second, or in the first, alone: for kuni_diff_request. */
kuni_diff_cause kuni_changes_person(void *changes, const char *sample, bool second);
void kuni_changes_fini(kuni_changes *changes);

#endif
