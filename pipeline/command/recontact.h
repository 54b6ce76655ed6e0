/* SPDX-License-Identifier: MIT */
/*
 * Who of a release carries a variant, for those who may ask them again: a file for each custodian (laboratory or
 * clinic) with the ids that it knows, of those alone who have agreed to it.
 */
#ifndef KUNI_COMMAND_RECONTACT_H
#define KUNI_COMMAND_RECONTACT_H

#include "kuni/buffer.h"

typedef struct kuni_recontact_request {
    const char *release;  /* release.json, or the folder that holds it */
    const char *workflow; /* of the dataset */
    const char *const *variants;
    size_t n_variants;
    const char *features;     /* BED or GFF3; or NULL */
    const char *const *names; /* of features */
    size_t n_names;
    double max_af; /* alleles that are more frequent among the people of the release are left out */
    const char *out; /* the folder; it must not stand there yet */
} kuni_recontact_request;

typedef struct kuni_recontact_result {
    size_t members;   /* of the release */
    size_t withdrawn; /* of them, since; nobody looked at what they carry */
    size_t gone;      /* of them, not in the call set for another reason, or erased: likewise */
    size_t alleles;   /* that were looked for and found in somebody */
    size_t carriers, not_agreed, no_custodian, listed; /* the last three sum up to the first */
    size_t files;
    int64_t generation, released; /* that was looked at; that the release was made of */
    char *name, *recipient;
} kuni_recontact_result;

/*
 * Collective, of one rank. KUNI_USAGE: the release is none of the dataset's, or nothing could be looked for.
 * `result` to be given to kuni_recontact_fini in any case.
 */
KUNI_MUST_CHECK kuni_status kuni_recontact(const kuni_recontact_request *request,
                                           kuni_recontact_result *result, kuni_buffer *faults,
                                           kuni_error *err);
void kuni_recontact_fini(kuni_recontact_result *result);

#endif
