/* SPDX-License-Identifier: MIT */
/*
 * A request for a release, looked up in its dataset: what `kuni release` is going to do, and what its
 * dry run prints. One process, nothing is written, no genotype is read.
 */
#ifndef KUNI_COMMAND_RELEASE_PLAN_H
#define KUNI_COMMAND_RELEASE_PLAN_H

#include "regions.h"
#include "release_past.h"
#include "selection.h"
#include "workflow.h"

typedef struct kuni_release_plan {
    kuni_request request;
    kuni_workflow workflow;
    kuni_selection selection;
    kuni_release_past past;
    kuni_genome *genome;
    kuni_regions regions;  /* wanted */
    int64_t bp, genome_bp; /* of them that the dataset covers, at most; of the dataset */
    double bytes, seconds; /* estimates */
    int64_t free_bytes;    /* where it would be written; -1: not known */
} kuni_release_plan;

/* `out` NULL: the folder that the request stands in. To be given to kuni_release_plan_fini in any case. */
KUNI_MUST_CHECK kuni_status kuni_release_plan_make(kuni_release_plan *plan, const char *request,
                                                   const char *out, int64_t jobs,
                                                   kuni_buffer *faults, kuni_error *err);
void kuni_release_plan_fini(kuni_release_plan *plan);

/* The files of genotypes that a form has, ended by NULL; names within the release. */
const char *const *kuni_release_files(kuni_release_form form);

/* Prints it for people; or as JSON. Counts below the request's threshold are not told. */
KUNI_MUST_CHECK kuni_status kuni_release_print(const kuni_release_plan *plan, kuni_error *err);
KUNI_MUST_CHECK kuni_status kuni_release_print_json(const kuni_release_plan *plan, kuni_error *err);

#endif
