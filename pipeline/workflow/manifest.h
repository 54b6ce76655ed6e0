/* SPDX-License-Identifier: MIT */
/* The rows of a manifest and of a PED file, before they become the cohort. */
#ifndef KUNI_WORKFLOW_MANIFEST_H
#define KUNI_WORKFLOW_MANIFEST_H

#include "kuni/sample.h"
#include "network.h"
#include "register.h"
#include "table_lines.h"

typedef struct kuni_manifest {
    kuni_sample *rows; /* in file order; freed by kuni_manifest_fini, its strings are the arena's */
    uint32_t *lines;
    const char ***facts; /* of each row KUNI_FACTS texts, NULL where not told; or NULL: none is */
    bool has_fact[KUNI_FACTS]; /* the header has the column */
    size_t n, capacity, lines_capacity, facts_capacity;
    kuni_names by_id, by_reads, by_participant; /* participant: its first row */
    kuni_buffer notes;
} kuni_manifest;

/*
 * Reads all rows; faults go to `faults`, URLs that `network` does not allow among them. Strings live
 * in `arena`.
 */
KUNI_MUST_CHECK kuni_status kuni_manifest_read(kuni_manifest *manifest, const char *path,
                                               const kuni_network *network, kuni_arena *arena,
                                               kuni_faults *faults, kuni_error *err);
/* Row of a sample id or -1. */
int64_t kuni_manifest_find(const kuni_manifest *manifest, const char *id);
/* Nobody will look for a row any more. */
void kuni_manifest_forget_names(kuni_manifest *manifest);
void kuni_manifest_fini(kuni_manifest *manifest);

/* Takes sex and parents from a PED file into the rows of its individuals. */
KUNI_MUST_CHECK kuni_status kuni_pedigree_read(kuni_manifest *manifest, const char *path,
                                               kuni_faults *faults, kuni_error *err);

/* NULL where the word can name a sample; else what is wrong with it. */
const char *kuni_id_fault(const char *id);
/* male, female or unknown in the words people use; false where the word is none of them. */
bool kuni_sex_parse(const char *word, kuni_sex *sex);

#endif
