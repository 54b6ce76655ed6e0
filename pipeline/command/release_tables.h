/* SPDX-License-Identifier: MIT */
/*
 * The tables of a release, and how they are made: beside the export of its calls where its records have a
 * column a person, else by a pass of their own that writes no calls.
 */
#ifndef KUNI_COMMAND_RELEASE_TABLES_H
#define KUNI_COMMAND_RELEASE_TABLES_H

#include "exporter.h"
#include "release_plan.h"
#include "rewriter.h"
#include "summary.h"

typedef struct kuni_release_tables {
    const kuni_release_plan *plan;
    const char *folder;       /* where the release is made */
    kuni_rewriter *rewriter;  /* what goes into the calls; NULL: there are none in this pass */
    kuni_strata strata;       /* of columns as exported */
    kuni_summary_plan counts; /* what pieces do */
    kuni_summary_piece *piece;
    kuni_buffer heading;
    const char *paths[2];
    kuni_export_aside aside; /* to be given to the exporter */
    joint_pass pass;         /* likewise */
    char *freq;
} kuni_release_tables;

/* Whether the release has tables. */
bool kuni_release_has_tables(const kuni_request *request);
/* Names of the tables within the release, ended by NULL; none where it has none. */
const char *const *kuni_release_table_files(const kuni_request *request);

/* Borrows what is given. To be given to _fini in any case. */
KUNI_MUST_CHECK kuni_status kuni_release_tables_init(kuni_release_tables *tables,
                                                     const kuni_release_plan *plan,
                                                     const char *folder, kuni_error *err);
void kuni_release_tables_fini(kuni_release_tables *tables);
/* Rank 0, when all is counted: indices, and the files that are no counts. */
KUNI_MUST_CHECK kuni_status kuni_release_tables_finish(kuni_release_tables *tables,
                                                       kuni_error *err);

#endif
