/* SPDX-License-Identifier: MIT */
/*
 * The current generation as a workflow sees it, known without the journal and without the seals: from dataset.json,
 * the register and the tombstones. What `kuni export` starts from where it takes records from published files: it
 * takes as long as the register is long, however many files the dataset has.
 */
#ifndef KUNI_ENGINE_PUBLISHED_RUN_H
#define KUNI_ENGINE_PUBLISHED_RUN_H

#include "keys.h"
#include "published.h"

typedef struct kuni_published_run {
    kuni_run run; /* its cohort is the register: what the manifest says today does not matter */
    kuni_samples samples;
    kuni_keys keys;
    kuni_published published;
    /* What is published is of these people, this reference and these regions; else the rest is not to be used. */
    bool stands;
} kuni_published_run;

/* KUNI_OK, and `stands` false, also where nothing is published. To be closed also on failure. */
KUNI_MUST_CHECK kuni_status kuni_published_run_open(kuni_published_run *current,
                                                    const kuni_run_options *options,
                                                    kuni_buffer *faults, kuni_error *err);
/* Whether the stage of a node, and all that its step is made from, was the same when this was published. */
KUNI_MUST_CHECK kuni_status kuni_published_run_made(const kuni_published_run *current, size_t node,
                                                    bool *same, kuni_error *err);
/*
 * The path of a published file, to be freed; NULL: there is none of this name. KUNI_IO where it has another size than
 * it was published with.
 */
KUNI_MUST_CHECK kuni_status kuni_published_run_file(const kuni_published_run *current,
                                                    const char *name, char **path, kuni_error *err);
void kuni_published_run_close(kuni_published_run *current);

#endif
