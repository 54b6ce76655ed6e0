/* SPDX-License-Identifier: MIT */
/*
 * The tables of a release, and how they are made: beside the export of its calls where its records have a
 * column a person, else by a pass of their own that writes no calls.
 */
#ifndef KUNI_COMMAND_RELEASE_TABLES_H
#define KUNI_COMMAND_RELEASE_TABLES_H

#include "disclosure.h"
#include "exporter.h"
#include "genes.h"
#include "release_plan.h"
#include "rewriter.h"
#include "summary.h"

enum { KUNI_RELEASE_TABLES_MAX = 16 };

typedef struct kuni_release_tables {
    const kuni_release_plan *plan;
    const char *folder;      /* where the release is made */
    kuni_rewriter *rewriter; /* what goes into the calls; NULL: there are none in this pass */
    kuni_strata strata;      /* of columns as exported */
    kuni_disclosure *discloses;
    kuni_features features;
    uint32_t *feature_people; /* by feature: who has a copy of its place */
    kuni_summary_plan counts; /* what pieces do */
    kuni_summary_piece *piece;
    kuni_buffer heading, contigs;
    kuni_genes genes;
    char *freq, *cases, *sweep; /* paths; NULL: there is none */
    const char *paths[3];
    kuni_export_aside aside; /* to be given to the exporter */
    joint_pass pass;         /* likewise */
} kuni_release_tables;

/* Whether the release has tables. */
bool kuni_release_has_tables(const kuni_request *request);
/* Sets the names of tables and what lies beside them within the release, ended by NULL. */
void kuni_release_table_files(const kuni_request *request,
                              const char *files[KUNI_RELEASE_TABLES_MAX]);

/*
 * Collective: the secret by which some of what might be told is hidden (see disclosure.h) is the dataset's, and made
 * with its first release. Borrows what is given. To be given to _fini in any case.
 */
KUNI_MUST_CHECK kuni_status kuni_release_tables_init(kuni_release_tables *tables,
                                                     const kuni_release_plan *plan,
                                                     const char *folder, kuni_error *err);
void kuni_release_tables_fini(kuni_release_tables *tables);
/* What only an opened dataset tells: its reference, and copies. Before the export. */
KUNI_MUST_CHECK kuni_status kuni_release_tables_use(kuni_release_tables *tables,
                                                    const kuni_exporter *exporter, kuni_error *err);
/* Rank 0, when all is counted: indices, what pieces left, and the files that are no counts. */
KUNI_MUST_CHECK kuni_status kuni_release_tables_finish(kuni_release_tables *tables,
                                                       kuni_error *err);

/* --- its parts --- */

/* samples.tsv, where people are named, and sample_summary.tsv. */
KUNI_MUST_CHECK kuni_status kuni_release_write_samples(const kuni_release_plan *plan,
                                                       const char *folder, const char *heading,
                                                       kuni_error *err);
/* failures.tsv and RELEASE_NOTES.md. */
KUNI_MUST_CHECK kuni_status kuni_release_write_notes(const kuni_release_tables *tables,
                                                     kuni_error *err);
/* Appends who of the dataset was left out: a line a reason of failures.tsv. */
KUNI_MUST_CHECK kuni_status kuni_release_put_left_out(const kuni_release_plan *plan,
                                                      kuni_buffer *text, kuni_error *err);

#endif
