/* SPDX-License-Identifier: MIT */
/* `needs:` of stages: who comes before whom, and the order that follows. */
#ifndef KUNI_WORKFLOW_NEEDS_H
#define KUNI_WORKFLOW_NEEDS_H

#include "reader.h"
#include "workflow.h"

enum { STAGES_MAX = 256 };

/* A stage as it is read, in file order. */
typedef struct entry {
    const kuni_yaml_node *node, *id_node, *needs_node;
    kuni_workflow_stage stage;
    size_t needs[STAGES_MAX]; /* file order */
    size_t n_needs;
    bool off;     /* `when` does not hold */
    bool faulty;  /* its own keys hold faults */
    bool done;    /* sorted in, or seen on the way to a circle */
    size_t place; /* in the sorted order */
} entry;

typedef struct entries {
    entry *list;
    size_t n;
} entries;

/* A fault for each id that stands twice. */
void kuni_needs_check_ids(kuni_reader *reader, const entries *all);
/* Reads the needs of all entries. */
void kuni_needs_read(kuni_reader *reader, const entries *all);
/* Takes stages out whose `when` does not hold: who needs them needs what they need. */
void kuni_needs_switch_off(entries *all);
/* Places entries so that needs come first; a circle is a fault. */
KUNI_MUST_CHECK kuni_status kuni_needs_sort(kuni_reader *reader, const entries *all);
/* Hands the placed entries over to the workflow, which has room for them. */
KUNI_MUST_CHECK kuni_status kuni_needs_take_over(kuni_reader *reader, const entries *all);

#endif
